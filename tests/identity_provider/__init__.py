"""Two real OpenID Connect providers on loopback, started once for a run of tests."""

"""Speaks OpenID Connect with providers nobody has to trust: every answer is checked against our own row."""

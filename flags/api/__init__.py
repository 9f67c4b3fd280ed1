"""REST: flags, segments, changes and connected SDKs."""

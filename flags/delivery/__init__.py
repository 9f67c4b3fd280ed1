"""Serving snapshots to SDKs: bytes made once per change, one hub per process."""

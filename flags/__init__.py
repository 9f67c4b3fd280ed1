"""Flags, segments, changes, snapshots, delivery: what is on, and how applications learn of it."""

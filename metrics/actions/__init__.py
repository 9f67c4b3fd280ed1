"""Verbs on event sources, assignment queries, facts and metrics."""

"""Verbs on people, organizations and credentials."""

"""Wiring: settings, routes, processes. Imports every room, is imported by none."""

"""Ratios and figures measured in one run; nothing here is a test."""

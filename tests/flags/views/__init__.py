"""Tests of the flag pages."""

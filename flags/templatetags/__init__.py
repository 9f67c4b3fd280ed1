"""Template tags of the flag pages."""

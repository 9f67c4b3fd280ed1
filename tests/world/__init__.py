"""The cast and the factories every test draws on."""

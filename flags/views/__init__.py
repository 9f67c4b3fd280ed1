"""Pages on flags, segments and connected SDKs: they only translate between forms and edits."""

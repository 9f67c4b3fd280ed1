"""Pages about people, places, keys and history."""

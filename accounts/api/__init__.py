"""REST: tokens, keys, members, history."""

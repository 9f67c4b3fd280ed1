"""HTTP manners all rooms share: who asks, from where, and how refusals are told."""

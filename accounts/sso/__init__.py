"""Company sign-in: one road from a provider's answer to a session, and back out again."""

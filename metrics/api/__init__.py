"""REST: event sources, facts and metrics."""

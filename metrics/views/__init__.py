"""Pages of metrics, facts and event sources."""

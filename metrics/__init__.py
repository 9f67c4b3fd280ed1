"""Events, warehouses, metric definitions and the aggregates that feed analyses: what happened."""

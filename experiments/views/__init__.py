"""Pages of experiments: they translate between people and the verbs, and compute nothing else."""

"""What it means: design, lifecycle, exposures, statistics, results, decisions."""

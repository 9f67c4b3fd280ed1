"""REST: experiments, their jobs and results."""

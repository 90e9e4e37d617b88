"""Studies: the plan, its runs, and the report."""

"""Studies: the grid of runs, how it is run, what its figures say."""

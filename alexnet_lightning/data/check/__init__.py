"""What check_data finds out about a data set, and how it reports it."""

"""What check_data measures of a data set, and its report."""

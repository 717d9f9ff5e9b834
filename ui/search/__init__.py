"""The results of the search over everything."""

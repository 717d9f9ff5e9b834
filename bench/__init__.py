"""`make bench`: the table of what is fast enough, each row against a floor measured beside it."""

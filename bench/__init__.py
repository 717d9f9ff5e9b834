"""`make bench`: performance targets, each compared with a floor measured in the same run."""

"""Downloaded files: which columns they have, and in which order."""

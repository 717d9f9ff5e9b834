"""Programs for developers that make files of the repository."""

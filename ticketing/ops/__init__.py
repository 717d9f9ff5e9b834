"""What operators and newcomers run: the sample gala, and recomputing every count."""

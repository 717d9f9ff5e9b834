"""What an event sells: events, packages, options, promo codes, and pictures."""

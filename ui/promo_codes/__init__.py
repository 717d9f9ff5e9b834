"""Parts of the promo codes page."""

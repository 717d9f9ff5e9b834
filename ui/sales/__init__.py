"""Parts of the Sales page."""

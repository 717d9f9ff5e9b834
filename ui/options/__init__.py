"""Parts of the options page."""

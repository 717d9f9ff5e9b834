"""Parts of the events page."""

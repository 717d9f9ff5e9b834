"""Parts of the Packages page."""

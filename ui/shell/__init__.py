"""What surrounds every page: menu, bars of a phone, title of the tab, first picture, dialogs in front of the page."""

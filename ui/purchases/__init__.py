"""Parts of the Purchases, Guests and Box office pages."""

"""Sales: purchases, what staff correct afterwards, guests and ticket codes."""

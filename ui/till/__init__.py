"""Parts of the Box office page: the order that is being typed at a till, its tiles, lines, total and receipt."""

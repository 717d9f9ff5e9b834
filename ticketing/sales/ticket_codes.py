"""Ticket codes, one per seat; a constraint keeps them unique within an event."""

from __future__ import annotations

import secrets

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def new_ticket_code() -> str:
    """Return eight random letters and digits, without those that look or sound alike (I, L, O, 0, 1)."""
    number = secrets.randbelow(len(ALPHABET) ** 8)
    letters = []
    for _ in range(8):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)

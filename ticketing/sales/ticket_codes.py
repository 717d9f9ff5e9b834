"""The codes of assigned tickets, unique in their event."""

from __future__ import annotations

import secrets

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def new_ticket_code() -> str:
    """Eight letters and digits that are not mistaken for each other, to be read aloud."""
    number = secrets.randbelow(len(ALPHABET) ** 8)
    letters = []
    for _ in range(8):
        number, which = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[which])
    return "".join(letters)

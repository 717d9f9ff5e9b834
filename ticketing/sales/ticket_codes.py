"""Random codes that people read aloud: ticket codes, one per seat, and order numbers. Both are unique in an event."""

from __future__ import annotations

import secrets

# Without letters and digits that look or sound alike (I, L, O, 0, 1).
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
ORDER_NUMBER_LENGTH = 6
TICKET_CODE_LENGTH = 8
# What becomes of each random byte. Those at the end are left out: they would make the first letters likelier.
_UNBIASED = 256 // len(ALPHABET) * len(ALPHABET)
_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_BIASED = bytes(range(_UNBIASED, 256))


def new_ticket_code() -> str:
    """Return eight random letters and digits."""
    return new_ticket_codes(1)[0]


def new_ticket_codes(count: int) -> list[str]:
    """Return so many ticket codes, of which two may be the same."""
    return _random_codes(count, TICKET_CODE_LENGTH)


def new_order_number() -> str:
    """Return six random letters and digits."""
    return new_order_numbers(1)[0]


def new_order_numbers(count: int) -> list[str]:
    """Return so many order numbers, of which two may be the same."""
    return _random_codes(count, ORDER_NUMBER_LENGTH)


def _random_codes(count: int, length: int) -> list[str]:
    letters = b""
    while (missing := count * length - len(letters)) > 0:
        letters += secrets.token_bytes(missing + missing // 16 + length).translate(_LETTERS, _BIASED)
    text = letters.decode("ascii")
    return [text[start : start + length] for start in range(0, count * length, length)]

"""Numbers as words of a sentence."""

from __future__ import annotations


def format_count(number: int, singular: str, plural: str | None = None) -> str:
    """Return "1 seat", "2 seats" or "1,204 seats"; `plural` when it is not the singular with an s."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"

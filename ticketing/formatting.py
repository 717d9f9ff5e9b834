"""How values are written for people and for spreadsheet programs."""

from __future__ import annotations

import re

# How text begins that a spreadsheet program would run as a formula (OWASP, "CSV Injection"), with the full-width forms
# that some of them accept. For Python and PostgreSQL; the sign is matched after white space.
FORMULA_PREFIX = r"^\s*[=+\-@\t\r＝＋－＠]"


# What can be neither stored nor shown, lone surrogates among it, which JSON can contain.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def replace_control_characters(text: str) -> str:
    """Return the text with a replacement character for each control character, to show what is wrong with it."""
    return CONTROL_CHARACTERS.sub("\ufffd", text)


def format_count(number: int, singular: str, plural: str | None = None) -> str:
    """Return "1 seat", "2 seats" or "1,204 seats"; `plural` when it is not the singular with an s."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"

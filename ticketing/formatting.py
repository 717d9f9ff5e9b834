"""How values are written for people and for spreadsheet programs."""

from __future__ import annotations

import re
from collections.abc import Sequence

CHANNEL_LABELS = {
    "cash": "Cash",
    "cheque": "Check",
    "card_terminal": "Card terminal",
    "comp": "Comp",
    "online": "Online",
    "import": "Import",
}

# How text begins that a spreadsheet program would run as a formula (OWASP, "CSV Injection"), with the full-width forms
# that some of them accept. For Python and PostgreSQL; the sign is matched after white space.
FORMULA_PREFIX = r"^\s*[=+\-@\t\r＝＋－＠]"


# What can be neither stored nor shown, lone surrogates among it, which JSON can contain.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


# What nobody sees in a text, and pasted text is full of: C1 control characters, and what Unicode calls
# Default_Ignorable_Code_Point (DerivedCoreProperties.txt) with the three annotation characters beside it. Its Cf
# characters are among it, except Arabic and Egyptian signs that are visible.
_INVISIBLE = (
    "\\x80-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f"
    "\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
)
_INVISIBLE_CHARACTERS = re.compile(f"[{_INVISIBLE}]")
_BLANK_CHARACTER = re.compile(rf"[\s{_INVISIBLE}]")
# At the end of a text a variation selector belongs to the sign before it, such as a heart, and the tag characters after
# a black flag make it the flag of a region.
_VISIBLE_ENDING = re.compile("(?:(?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f|[\ufe0e\ufe0f])?")


def remove_invisible_characters(text: str) -> str:
    """Return the text without characters that nobody sees, for addresses, codes and ids. White space stays."""
    return text if text.isascii() else _INVISIBLE_CHARACTERS.sub("", text)


def strip_invisible_characters(text: str) -> str:
    """Return the text without white space and invisible characters at its ends.

    Inside they stay: they join the letters of some alphabets, and the parts of emojis.
    """
    if text.isascii():
        return text.strip()
    start, end = 0, len(text)
    while start < end and _BLANK_CHARACTER.match(text[start]):
        start += 1
    while end > start and _BLANK_CHARACTER.match(text[end - 1]):
        end -= 1
    ending = _VISIBLE_ENDING.match(text, end)
    return text[start : ending.end() if ending and end > start else end]


def replace_control_characters(text: str) -> str:
    """Return the text with a replacement character for each control character, to show what is wrong with it."""
    return CONTROL_CHARACTERS.sub("\ufffd", text)


def format_count(number: int, singular: str, plural: str | None = None) -> str:
    """Return "1 seat", "2 seats" or "1,204 seats"; `plural` when it is not the singular with an s."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def join_names(names: Sequence[str]) -> str:
    """Return "Gold, Silver and Bronze"."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)

"""Recognize order numbers, codes and phone numbers that a spreadsheet program has turned into something else.

Nothing of it can be undone: 1.04823E+11 stands for many numbers, and 25-Dec may have been DEC25. Stored as they are,
such cells would make one sale of several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ticketing.imports.table import Table

_HOW_TO_GO_ON = (
    "Export the file again, and choose it here without opening it in a spreadsheet program; or format the column as "
    "text there before the file is read."
)
SHORTENED_MESSAGE = f"A spreadsheet shortened this number, and its last digits are lost. {_HOW_TO_GO_ON}"
DATE_MESSAGE = f"A spreadsheet turned this text into a date or a time. {_HOW_TO_GO_ON}"
NUMBER_MESSAGE = f"A spreadsheet turned this text into a number. {_HOW_TO_GO_ON}"

# A part of an order number that is joined of several columns can be damaged as well.
_EXPONENT = re.compile(r"(?:^|-)[0-9](?:[.,][0-9]+(?:[eE][+-]?)|[eE][+-])[0-9]{1,3}(?:$|-)")
_ISO_DATE = r"[0-9]{4}-[01][0-9]-[0-3][0-9]"
_TIME = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?"
# As spreadsheets write them: a seller's own MAY-26 is in capitals.
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CONVERTED_DATE = re.compile(
    rf"{_ISO_DATE}(?:[T ]{_TIME})?|{_TIME}|[0-9]{{1,2}}-{_MONTH}(?:-[0-9]{{2}})?|{_MONTH}-[0-9]{{2}}"
)
_NUMERIC_DATE = re.compile(r"[0-9]{1,2}([/.-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2})")
CODE_COLUMNS = ("external_sale_id", "promo_code", "purchaser_phone")
_SPREADSHEET_DIGITS = 15
# Fewer digits that are 0 in all numbers may be chance.
_MIN_LOST_DIGITS = 3


def find_damage(cell: str) -> str:
    """Return what a spreadsheet did to a code or number, as a sentence, or ""."""
    if _EXPONENT.search(cell):
        return SHORTENED_MESSAGE
    return DATE_MESSAGE if _CONVERTED_DATE.fullmatch(cell) else ""


def find_numbers_as_codes(table: Table, names: Mapping[str, Sequence[str]]) -> dict[int, dict[str, str]]:
    """Return the codes that a workbook holds as numbers, as sentences by row and column of ours.

    `names` are those in the header of the file that make up each of our columns.
    """
    return {
        row: {column: NUMBER_MESSAGE for column in CODE_COLUMNS if not marked.isdisjoint(names.get(column, ()))}
        for row, marked in table.numbers_as_codes.items()
    }


def find_damaged_ids(cells: Iterable[str]) -> dict[str, str]:
    """Return the order numbers of a column that a spreadsheet damaged, each with a sentence.

    Two kinds are seen only in the whole column: dates such as 3/4/2026 among other numbers, and long numbers that all
    have zeros after the 15th digit, which is as many as spreadsheets keep.
    """
    ids = {text for cell in cells if (text := cell.strip())}
    with_signs = {text for text in ids if not text.isalnum()}  # a number or date has a sign among its digits
    damaged = {text: sentence for text in with_signs if (sentence := find_damage(text))}
    numeric_dates = {text for text in with_signs if _NUMERIC_DATE.fullmatch(text)}
    if len(numeric_dates) < len(ids):
        damaged |= dict.fromkeys(numeric_dates, DATE_MESSAGE)
    long_numbers = {text for text in ids if len(text) > _SPREADSHEET_DIGITS and text.isdigit()}
    ends = [text[_SPREADSHEET_DIGITS:] for text in long_numbers]
    if not any(end.strip("0") for end in ends) and sum(map(len, ends)) >= _MIN_LOST_DIGITS:
        damaged |= dict.fromkeys(long_numbers, SHORTENED_MESSAGE)
    return damaged

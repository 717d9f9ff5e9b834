"""Files in and out of an import: bytes to records, before anyone asks what the cells mean.

Source of the columns: PRODUCT "Import". What a spreadsheet program saves is read as it is: UTF-8 with or without a
byte order mark, or UTF-16 with one ("Unicode Text"); comma, semicolon or tab. Older encodings look alike from outside,
so a file in one of them is refused instead of being guessed at, which would spoil the names of donors.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ticketing.errors import InvalidInput

MOST_ROWS = 50_000
REQUIRED = (
    "ticket_type", "purchaser_name", "purchaser_email", "quantity", "total_amount", "purchase_date",
    "external_sale_id",
)  # fmt: skip
OPTIONAL = (
    "promo_code", "discount_amount", "fee_amount", "payment_status", "notes", "purchaser_phone", "event_id",
)  # fmt: skip
KNOWN = frozenset(REQUIRED + OPTIONAL)

_DELIMITERS = (",", ";", "\t")
_FORMULA = re.compile(r"\s*[=+\-@\t\r]")
_WORKBOOK = b"PK\x03\x04"


@dataclass(frozen=True)
class Table:
    """The header's names, in lower case with underscores, and each record that is not blank with its row number.

    The header is row 1; a blank record is passed over but keeps its number, as in a spreadsheet program.
    """

    header: tuple[str, ...]
    records: tuple[tuple[int, list[str]], ...]


def read_csv(content: bytes) -> Table:
    """The records of a CSV file. Raises InvalidInput with a sentence under `file` when there is no reading it."""
    text = _decoded(content)
    try:
        return _table(_numbered(text, _delimiter(text)))
    except csv.Error as broken:
        raise unreadable(f"This file is not a CSV file: {broken}.") from broken


def to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV for a spreadsheet program: with a byte order mark, and text that it would run as a formula disarmed."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_disarmed(cell) for cell in row] for row in rows)
    return codecs.BOM_UTF8 + text.getvalue().encode()


def unreadable(sentence: str) -> InvalidInput:
    return InvalidInput({"file": sentence})


def _decoded(content: bytes) -> str:
    if content.startswith(_WORKBOOK):
        raise unreadable('This is an Excel workbook. In Excel, save it as "CSV UTF-8" and choose that file.')
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as broken:
        raise unreadable(
            "This file is not in UTF-8, so names with accents would be damaged. "
            'In Excel, save it as "CSV UTF-8" and choose that file.'
        ) from broken
    if not text.strip():
        raise unreadable("This file is empty. Choose a file with a header and at least one row.")
    return text


def _delimiter(text: str) -> str:
    """The delimiter that finds most of the columns we know in the header; a comma when none finds any."""
    return max(_DELIMITERS, key=lambda each: len(KNOWN & set(_names(next(_records(text, each), [])))))


def _records(text: str, delimiter: str, *, strict: bool = False) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text.lstrip("\r\n"), newline=""), delimiter=delimiter, strict=strict)
    yield from reader


def _numbered(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Strict, because a quotation mark that is never closed would otherwise swallow the rows below it."""
    row = 0
    try:
        for row, cells in enumerate(_records(text, delimiter, strict=True), start=1):
            yield row, cells
    except csv.Error as broken:
        raise unreadable(
            f"Row {row + 1} cannot be read: a quotation mark opens there and does not close where the cell ends. "
            "Write a quotation mark inside a cell twice."
        ) from broken


def _table(numbered: Iterator[tuple[int, list[str]]]) -> Table:
    _, header = next(numbered)
    records = []
    count = 0
    for row, cells in numbered:
        if any(cell.strip() for cell in cells):
            count += 1
            if count <= MOST_ROWS:
                records.append((row, cells))
    if not records:
        raise unreadable("This file has a header and no rows. Choose a file with at least one row.")
    if count > MOST_ROWS:
        raise unreadable(f"This file has {count:,} rows; an import takes at most {MOST_ROWS:,}. Split it.")
    return Table(tuple(_names(header)), tuple(records))


def _names(header: Sequence[str]) -> list[str]:
    """Column names as we compare them: "Ticket Type" is ticket_type."""
    return [re.sub(r"[\s_-]+", "_", name.strip()).casefold() for name in header]


def _disarmed(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell

"""Read files of sales into tables, whatever their format, and write CSV files.

CSV is read as spreadsheet programs save it: UTF-8 with or without a byte order mark, or UTF-16 with one ("Unicode
Text"); separated by comma, semicolon or tab. Older encodings cannot be told apart, and a wrong guess would damage the
names of donors, so a file in one of them is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from ticketing.imports import excel, json_file, table
from ticketing.imports.table import KNOWN_COLUMNS, Table, normalize_header, unreadable_file_error

_DELIMITERS = (",", ";", "\t")
_FORMULA_START = re.compile(r"\s*[=+\-@\t\r]")
_HTML_MESSAGE = (
    'This file is a web page or XML, whatever its name says. Open it in Excel, save it as "Excel Workbook (.xlsx)" or '
    '"CSV UTF-8", and choose that file.'
)
_PDF_AND_IMAGE_SIGNATURES = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff")
_PDF_OR_IMAGE_MESSAGE = (
    "This file is a PDF or a picture, whatever its name says. Export the list as Excel or CSV where it was made, and "
    "choose that file."
)


def read(file_name: str, content: bytes) -> Table:
    """Return the records of a CSV file, an Excel workbook or a JSON array, recognized by content, not by name.

    Raises InvalidInput (field `file`) when the file cannot be read.
    """
    if content.startswith((excel.ZIP_SIGNATURE, excel.OLE_SIGNATURE)):
        return excel.read(content)
    start = content[:100].removeprefix(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"<"):
        raise unreadable_file_error(_HTML_MESSAGE)
    if start.startswith(_PDF_AND_IMAGE_SIGNATURES):
        raise unreadable_file_error(_PDF_OR_IMAGE_MESSAGE)
    if start.startswith((b"[", b"{")) or file_name.casefold().endswith(".json"):
        return json_file.read(decode(content))
    return read_csv(content)


def read_csv(content: bytes) -> Table:
    """Return the records of a CSV file. Raises InvalidInput (field `file`) when it cannot be read."""
    text = decode(content)
    try:
        return table.build(_parse_numbered_rows(text, _detect_delimiter(text)))
    except csv.Error as exc:
        raise unreadable_file_error(f"This file is not a CSV file: {exc}.") from exc


def to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a CSV file for spreadsheet programs: with a byte order mark, and formulas escaped by an apostrophe."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_escape_formula(cell) for cell in row] for row in rows)
    return codecs.BOM_UTF8 + text.getvalue().encode()


def decode(content: bytes) -> str:
    """Return the text of a file. Raises InvalidInput (field `file`) when it is empty or in another encoding."""
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as exc:
        raise unreadable_file_error(
            "This file is not in UTF-8, so names with accents would be damaged. "
            'In Excel, save it as "CSV UTF-8" and choose that file.'
        ) from exc
    if not text.strip():
        raise table.empty_file_error()
    return text


def _detect_delimiter(text: str) -> str:
    """Return the delimiter with which the header has most columns of ours, and then most columns."""

    def count_columns(delimiter: str) -> tuple[int, int]:
        header = next(_parse_csv(text, delimiter), [])
        return len(KNOWN_COLUMNS & set(normalize_header(header))), len(header)

    return max(_DELIMITERS, key=count_columns)


def _parse_csv(text: str, delimiter: str, *, strict: bool = False) -> Iterator[list[str]]:
    yield from csv.reader(io.StringIO(text.lstrip("\r\n"), newline=""), delimiter=delimiter, strict=strict)


def _parse_numbered_rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield row numbers and cells. Strict, since a quotation mark that never closes would swallow the rows below it."""
    row = 0
    try:
        for row, cells in enumerate(_parse_csv(text, delimiter, strict=True), start=1):
            yield row, cells
    except csv.Error as exc:
        raise unreadable_file_error(
            f"Row {row + 1} cannot be read: a quotation mark opens there and does not close where the cell ends. "
            "Write a quotation mark inside a cell twice."
        ) from exc


def _escape_formula(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA_START.match(cell) else cell

"""Read CSV files as spreadsheet programs save them: separated by comma, semicolon or tab.

The file is read line by line, so memory does not grow with it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from typing import TextIO

from ticketing.file_reader.columns import KNOWN_COLUMNS, normalize_header
from ticketing.file_reader.table_format import EMPTY, TableWriter, UnreadableFile

MAX_HEADER_CHARACTERS = 100_000
MAX_LINE_CHARACTERS = 1_000_000
_DELIMITERS = (",", ";", "\t")


def read(text: TextIO, writer: TableWriter) -> None:
    """Write the rows of a CSV file. Raises UnreadableFile and UnicodeDecodeError.

    The parser is strict, since a quotation mark that never closes would swallow the rows below it.
    """
    csv.field_size_limit(MAX_LINE_CHARACTERS + 1)  # a cell that is too long is a problem of its row
    lines = _read_lines(text)
    first = next((line for line in lines if line.strip("\r\n")), "")
    if not first:
        raise UnreadableFile(EMPTY)
    if len(first) > MAX_HEADER_CHARACTERS:
        raise UnreadableFile(
            f"The first line of this file has more than {MAX_HEADER_CHARACTERS:,} characters, so it is not a header. "
            "Save the table with one row per line and choose that file."
        )
    head = [first]
    delimiter = max(_DELIMITERS, key=lambda each: _count_columns(head, lines, each))
    row = 0
    try:
        for row, cells in enumerate(csv.reader(chain(head, lines), delimiter=delimiter, strict=True), start=1):
            if row == 1:
                writer.set_header(cells)
            else:
                writer.write_row(row, cells)
    except csv.Error as exc:
        raise UnreadableFile(
            f"Row {row + 1} cannot be read: a quotation mark opens there and does not close where the cell ends. "
            "Write a quotation mark inside a cell twice."
        ) from exc


def _read_lines(text: TextIO) -> Iterator[str]:
    """Yield the lines with their ends. Raises UnreadableFile for one that is too long to be a row."""
    number = 0
    while line := text.readline(MAX_LINE_CHARACTERS + 1):
        number += 1
        if len(line) > MAX_LINE_CHARACTERS:
            raise UnreadableFile(
                f"Line {number:,} of this file has more than {MAX_LINE_CHARACTERS:,} characters. Save the table with "
                "one row per line and choose that file."
            )
        yield line


def _count_columns(head: list[str], lines: Iterator[str], delimiter: str) -> tuple[int, int]:
    """Return how many columns of ours, and how many at all, the header has with this delimiter.

    `head` are the lines that were read so far; those that a header of several lines needs are added to it.
    """

    def read_on() -> Iterator[str]:
        yield from head
        for line in lines:
            head.append(line)
            yield line

    try:
        header = next(csv.reader(read_on(), delimiter=delimiter), [])
    except csv.Error:  # a cell that is far too long, because its quotation mark never closes
        return 0, 0
    return len(KNOWN_COLUMNS & set(normalize_header(header))), len(header)

"""Read CSV files as spreadsheet programs save them: separated by comma, semicolon, tab or vertical bar.

The file is read line by line, so memory does not grow with it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TextIO

from ticketing.file_reader.header import MAX_ROWS_TO_HEADER, count_filled, count_known_names, find_header
from ticketing.file_reader.table_format import EMPTY, TableWriter, UnreadableFile

MAX_HEADER_CHARACTERS = 100_000
MAX_LINE_CHARACTERS = 1_000_000
_DELIMITERS = (",", ";", "\t", "|")
# How Excel is told the delimiter: a first line that is not part of the table.
_DELIMITER_LINE = re.compile(r'\ufeff?"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True, order=True)
class _Header:
    """The header that a delimiter gives; the best one is the largest.

    The number of its names that are known, of all its cells, and of the records above it as a negative number.
    """

    known_names: int
    cells: int
    negative_place: int


def read(text: TextIO, writer: TableWriter) -> None:
    """Write the rows of a CSV file; a row has the number of the line in which it begins.

    The parser is strict, since a quotation mark that never closes would swallow the rows below it. Raises
    UnreadableFile and UnicodeDecodeError.
    """
    csv.field_size_limit(MAX_LINE_CHARACTERS + 1)  # a cell that is too long is a problem of its row
    lines = _read_lines(text)
    first, lines_before = _skip_blank_lines(lines)
    delimiters: Sequence[str] = _DELIMITERS
    if delimiter_line := _DELIMITER_LINE.fullmatch(first):
        delimiters = [delimiter_line[1]]
        first, more = _skip_blank_lines(lines)
        lines_before += 1 + more
    if len(first) > MAX_HEADER_CHARACTERS:
        raise UnreadableFile(
            f"The first line of this file has more than {MAX_HEADER_CHARACTERS:,} characters, so it is not a header. "
            "Save the table with one row per line and choose that file."
        )
    head = [first]
    headers = {delimiter: _find_header(head, lines, delimiter) for delimiter in delimiters}
    delimiter = max(delimiters, key=lambda each: headers[each])
    _write_rows(chain(head, lines), delimiter, -headers[delimiter].negative_place, lines_before, writer)


def _write_rows(
    lines: Iterator[str], delimiter: str, header_place: int, lines_before: int, writer: TableWriter
) -> None:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = lines_before + 1
    try:
        for place, cells in enumerate(reader):
            if place < header_place:
                writer.skip_row(cells)
            elif place == header_place:
                writer.set_header(cells, line)
            else:
                writer.write_row(line, cells)
            line = lines_before + reader.line_num + 1
    except csv.Error as exc:
        raise UnreadableFile(
            f"Row {line} cannot be read: a quotation mark opens there and does not close where the cell ends. "
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


def _skip_blank_lines(lines: Iterator[str]) -> tuple[str, int]:
    """Return the first line that is not blank, and the number of those before it. Raises UnreadableFile without one."""
    for blank_count, line in enumerate(lines):
        if line.strip():
            return line, blank_count
    raise UnreadableFile(EMPTY)


def _find_header(head: list[str], lines: Iterator[str], delimiter: str) -> _Header:
    """Return the header under this delimiter.

    `head` are the lines that were read so far; those that are read to find the header are added to it.
    """

    def read_on() -> Iterator[str]:
        yield from head
        for line in lines:
            head.append(line)
            yield line

    filled: list[tuple[int, list[str]]] = []
    characters = 0
    try:
        for place, cells in enumerate(csv.reader(read_on(), delimiter=delimiter)):
            if count_filled(cells):
                filled.append((place, cells))
            characters += sum(map(len, cells)) + len(cells) + 1
            if len(filled) == MAX_ROWS_TO_HEADER or characters > MAX_HEADER_CHARACTERS:
                break
    except csv.Error:  # a cell that is far too long, because its quotation mark never closes
        pass
    if not filled:
        return _Header(0, 0, 0)
    place, cells = filled[find_header([cells for _, cells in filled])]
    return _Header(count_known_names(cells), len(cells), -place)

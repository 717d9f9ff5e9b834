"""How the worker hands a table over: rows as bytes, as they come, then a summary as JSON.

No UTF-8 contains the bytes 0xFE and 0xFF, not even with the lone surrogates that JSON files may have, so cells need no
escapes: a row is its number and its cells with CELL_END after each, then ROW_END. When several sheets are read, the
number is that of the sheet, a colon and that of the row. A server keeps rows in this form, which takes about as many
bytes as the file.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from ticketing.file_reader.columns import normalize_header
from ticketing.formatting import (
    CONTROL_CHARACTERS,
    format_count,
    remove_invisible_characters,
    replace_control_characters,
    strip_invisible_characters,
)

MAX_ROWS = 50_000
MAX_RECORDS = 2_000_000  # with the blank ones; Excel has 1,048,576 rows
MAX_COLUMNS = 500
MAX_CELLS = 5_000_000
MAX_NAME_CHARACTERS = 1_000
MAX_CELL_CHARACTERS = 32_767  # as in Excel
MAX_BYTES = 40 * 1024 * 1024
CELL_END = b"\xff"
ROW_END = b"\xfe"
DAMAGED_NAME = "The name of this column has control characters. Remove them."
_FLUSH_BYTES = 1024 * 1024
EXCEL_HINT = 'Copy the table into a new workbook, or save it as "CSV UTF-8" in Excel and choose that file.'
EMPTY = "This file is empty. Choose a file with a header and at least one row."
TOTAL_ROW = "This row is a total, not a sale. Delete it from the file."
_TOTAL_LABEL = re.compile(r"(grand |sub-?|overall |order |sales )?totals?( \(?usd\)?)?|sum", re.IGNORECASE)
_NUMBER = re.compile(r"[($€£+-]*\s*[0-9][0-9., ]*\s*(usd|%|\))?", re.IGNORECASE)
_MAX_SHOWN_SKIPPED_ROWS = 3
_MAX_SHOWN_CHARACTERS = 60


class UnreadableFile(ValueError):
    """The file cannot be read at all; str() is the sentence for users."""


class TableWriter:
    """Writes the rows that are not blank, and refuses a table that is too large as soon as that is known."""

    def __init__(self, output: BinaryIO) -> None:
        self.header: list[str] = []
        self.sheets: list[dict[str, object]] = []
        self.notices: list[str] = []
        self._output = output
        self._header_row = 1
        self._row_prefix = ""
        self._skipped: list[str] = []
        self._buffer = bytearray()
        self._row_count = 0
        self._cell_count = 0
        self._byte_count = 0
        self._row_problems: dict[str, str] = {}
        self._numbers_as_codes: dict[str, list[int]] = {}

    def start_sheet(self, number: int) -> None:
        """Take the number of the sheet, from 0 on, that the next rows are in, when several sheets are read."""
        self._row_prefix = f"{number}:"

    def skip_row(self, cells: Sequence[str], sheet: str = "") -> None:
        """Leave out a row above the header, of a sheet when several are read. It is reported unless it is blank."""
        if text := " ".join(cell.strip() for cell in cells if cell.strip())[:_MAX_SHOWN_CHARACTERS]:
            self._skipped.append(f"{sheet}: {text}" if sheet else text)

    def set_header(self, names: Sequence[str], row: int = 1) -> None:
        """Take the names of the columns. Raises UnreadableFile beyond MAX_COLUMNS and MAX_NAME_CHARACTERS."""
        if len(names) > MAX_COLUMNS:
            raise UnreadableFile(f"This file has {len(names):,} columns; an import takes at most {MAX_COLUMNS:,}.")
        long_names = [place for place, name in enumerate(names, start=1) if len(name) > MAX_NAME_CHARACTERS]
        if long_names:
            raise UnreadableFile(
                f"The name of column {long_names[0]} has more than {MAX_NAME_CHARACTERS:,} characters. Shorten it, or "
                "check that the first line of the file is its header."
            )
        self.header = list(names)
        self._header_row = row

    def write_row(self, number: int, cells: list[str]) -> None:
        """Write a row, unless it is blank. Raises UnreadableFile when the table is too large."""
        if number > MAX_RECORDS:
            raise UnreadableFile(
                f"This file has more than {MAX_RECORDS:,} rows, blank ones included; an import takes at most "
                f"{MAX_ROWS:,}. Split it."
            )
        if not (text := "".join(cells)).strip():
            return
        if not text.isascii():
            cells = [strip_invisible_characters(cell[: MAX_CELL_CHARACTERS + 1]) for cell in cells]
            if not any(cells):
                return
        self._row_count += 1
        if self._row_count > MAX_ROWS:
            return  # the remaining rows are counted, so that the sentence can say how many there are
        label = f"{self._row_prefix}{number}"
        if problem := self._find_row_problem(cells):
            self._row_problems[label] = problem
        cells = [cell[: MAX_CELL_CHARACTERS + 1] for cell in cells[: len(self.header)]]
        while cells and not cells[-1]:
            cells.pop()
        self._cell_count += len(cells)
        self._write(b"".join([_encode(cell) + CELL_END for cell in [label, *cells]]) + ROW_END)
        if self._cell_count > MAX_CELLS or self._byte_count > MAX_BYTES:
            raise UnreadableFile(
                f"This file has more than {MAX_CELLS:,} cells or {MAX_BYTES // 1024**2} MB of text. Remove the columns "
                "that an import does not need, or split it."
            )

    def mark_numbers(self, number: int, columns: list[int]) -> None:
        """Note cells of a row that hold a number and show another text, by their columns from 0 on."""
        self._numbers_as_codes[f"{self._row_prefix}{number}"] = columns

    def finish(self) -> None:
        """Write the summary, after the last row. Raises UnreadableFile without any row and beyond MAX_ROWS."""
        if not self._row_count:
            is_empty = len(self.header) == 1 and not self.header[0].strip()
            raise UnreadableFile(
                EMPTY if is_empty else "This file has a header and no rows. Choose a file with at least one row."
            )
        if self._row_count > MAX_ROWS:
            raise UnreadableFile(
                f"This file has {self._row_count:,} rows; an import takes at most {MAX_ROWS:,}. Split it."
            )
        if self._skipped:
            self.notices.insert(0, _describe_skipped_rows(self._skipped))
        titles = make_titles_unique(self.header)
        damaged = {
            title: DAMAGED_NAME
            for title, name in zip(titles, self.header, strict=True)
            if CONTROL_CHARACTERS.search(name)
        }
        self.write_summary(
            {
                "header": normalize_header([replace_control_characters(name) for name in self.header]),
                "titles": titles,
                "header_row": self._header_row,
                "sheets": self.sheets,
                "notices": self.notices,
                "row_problems": self._row_problems,
                "column_problems": damaged,
                "numbers_as_codes": self._numbers_as_codes,
            }
        )

    def write_summary(self, summary: dict[str, object]) -> None:
        """Write the end of the output."""
        self._write(json.dumps(summary).encode())
        self._flush()

    def _find_row_problem(self, cells: list[str]) -> str | None:
        if any(cell.strip() for cell in cells[len(self.header) :]):
            return (
                f"This row has {len(cells):,} cells and the header has {len(self.header)}. "
                "Put text that contains the separator between quotation marks."
            )
        if any(len(cell) > MAX_CELL_CHARACTERS for cell in cells):
            return f"A cell of this row has more than {MAX_CELL_CHARACTERS:,} characters. Shorten it."
        return TOTAL_ROW if _is_total(cells) and len(self.header) > 2 else None

    def _write(self, content: bytes) -> None:
        self._buffer += content
        self._byte_count += len(content)
        if len(self._buffer) > _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._output.write(self._buffer)
        self._output.flush()
        self._buffer.clear()


def _is_total(cells: Sequence[str]) -> bool:
    """Return whether the first filled cell of a row says "Total", and the others are numbers."""
    filled = (cell.strip() for cell in cells if cell and not cell.isspace())
    label = next(filled, "").removesuffix(":").rstrip()
    return len(label) < 30 and bool(_TOTAL_LABEL.fullmatch(label)) and all(map(_NUMBER.fullmatch, filled))


def _describe_skipped_rows(texts: Sequence[str]) -> str:
    """Return the sentence about rows above the header, with the text of the first of them."""
    shown = "; ".join(map(replace_control_characters, texts[:_MAX_SHOWN_SKIPPED_ROWS]))
    more = len(texts) - _MAX_SHOWN_SKIPPED_ROWS
    rest = f"; and {format_count(more, 'more row', 'more rows')}" if more > 0 else ""
    return f"Skipped {format_count(len(texts), 'row')} above the header: {shown}{rest}."


def make_titles_unique(header: Iterable[str]) -> list[str]:
    """Return the names as people see them: a second "Address" is "Address (2)", one without a name is "Column 5"."""
    visible = [remove_invisible_characters(replace_control_characters(name)) for name in header]
    names = [re.sub(r"\s+", " ", name).strip() for name in visible]
    taken = set(names)
    counts: Counter[str] = Counter()
    titles = []
    for number, name in enumerate(names, start=1):
        title = name or f"Column {number}"
        counts[title] += 1
        if counts[title] > 1:
            title = next(each for n in itertools.count(counts[title]) if (each := f"{title} ({n})") not in taken)
            taken.add(title)
        titles.append(title)
    return titles


def _encode(cell: str) -> bytes:
    return cell.encode("utf-8", "surrogatepass")

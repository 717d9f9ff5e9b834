"""How the worker hands a table over: rows as bytes, as they come, then a summary as JSON.

No UTF-8 contains the bytes 0xFE and 0xFF, not even with the lone surrogates that JSON files may have, so cells need no
escapes: a row is its number and its cells with CELL_END after each, then ROW_END. A server keeps rows in this form,
which takes about as many bytes as the file.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from ticketing.file_reader.columns import normalize_header
from ticketing.formatting import CONTROL_CHARACTERS, replace_control_characters

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


class UnreadableFile(ValueError):
    """The file cannot be read at all; str() is the sentence for users."""


class TableWriter:
    """Writes the rows that are not blank, and refuses a table that is too large as soon as that is known."""

    def __init__(self, output: BinaryIO) -> None:
        self.header: list[str] = []
        self._output = output
        self._buffer = bytearray()
        self._row_count = 0
        self._cell_count = 0
        self._byte_count = 0
        self._row_problems: dict[int, str] = {}

    def set_header(self, names: Sequence[str]) -> None:
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

    def write_row(self, number: int, cells: list[str]) -> None:
        """Write a row, unless it is blank. Raises UnreadableFile when the table is too large."""
        if number > MAX_RECORDS:
            raise UnreadableFile(
                f"This file has more than {MAX_RECORDS:,} rows, blank ones included; an import takes at most "
                f"{MAX_ROWS:,}. Split it."
            )
        if not "".join(cells).strip():
            return
        self._row_count += 1
        if self._row_count > MAX_ROWS:
            return  # the remaining rows are counted, so that the sentence can say how many there are
        if problem := self._find_row_problem(cells):
            self._row_problems[number] = problem
        cells = [cell[: MAX_CELL_CHARACTERS + 1] for cell in cells[: len(self.header)]]
        while cells and not cells[-1]:
            cells.pop()
        self._cell_count += len(cells)
        self._write(b"".join([_encode(cell) + CELL_END for cell in [str(number), *cells]]) + ROW_END)
        if self._cell_count > MAX_CELLS or self._byte_count > MAX_BYTES:
            raise UnreadableFile(
                f"This file has more than {MAX_CELLS:,} cells or {MAX_BYTES // 1024**2} MB of text. Remove the columns "
                "that an import does not need, or split it."
            )

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
                "row_problems": self._row_problems,
                "column_problems": damaged,
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
        return None

    def _write(self, content: bytes) -> None:
        self._buffer += content
        self._byte_count += len(content)
        if len(self._buffer) > _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._output.write(self._buffer)
        self._output.flush()
        self._buffer.clear()


def make_titles_unique(header: Iterable[str]) -> list[str]:
    """Return the names as people see them: a second "Address" is "Address (2)", one without a name is "Column 5"."""
    names = [re.sub(r"\s+", " ", replace_control_characters(name)).strip() for name in header]
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

"""The process that writes a workbook: `python -m ticketing.reporting.workbook_writer FILE`, the rows on stdin.

The first line is JSON: the title of the sheet, the headings and types of its columns, and the pairs of words on the
sheet about the file. The rest is the CSV of `csv_export`, with its header. Started by `workbooks`; it imports no more
than it needs, so that it is small and starts quickly.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import xlsxwriter

NICENESS = 10  # sales and pages come first
MAX_CELL_LENGTH = 32_767  # of Excel
FIRST_YEAR = 1900  # of Excel's calendar
WIDTHS = (8, 50)  # of columns, in characters
ABOUT = "About this file"
SUMMED = {"money", "number"}
FORMATS = {"money": "#,##0.00", "number": "#,##0", "moment": "yyyy-mm-dd hh:mm:ss"}


def main() -> None:
    if hasattr(os, "nice"):  # Windows has none
        os.nice(NICENESS)
    write_workbook(sys.stdin.buffer, Path(sys.argv[1]))


def write_workbook(source: BinaryIO, file: Path) -> None:
    """Write the rows of `source` to a workbook with two sheets: the rows, and what they are, with their sums."""
    head = json.loads(source.readline())
    rows = csv.reader(io.TextIOWrapper(source, "utf-8", newline=""))
    csv.field_size_limit(sys.maxsize)
    next(rows)  # the header is in `head`, without the mark of the encoding
    options = {"constant_memory": True, "tmpdir": str(file.parent)}
    with xlsxwriter.Workbook(str(file), options) as book:
        sheet = Sheet(book, head["title"], head["columns"])
        for row in rows:
            sheet.write(row)
        sheet.finish()
        write_about(book, [*head["about"], ["Rows", f"{sheet.rows:,}"]], sheet)


class Sheet:
    """The sheet of the rows. `sums` are of columns with amounts and counts, `cut` counts texts that are too long."""

    def __init__(self, book: Any, title: str, columns: list[dict[str, str]]) -> None:
        self.rows = 0
        self.cut = 0
        self.columns = columns
        self.sums = {place: Decimal(0) for place, column in enumerate(columns) if column["type"] in SUMMED}
        self._formats = {kind: book.add_format({"num_format": code}) for kind, code in FORMATS.items()}
        self._sheet = book.add_worksheet(title)
        self._sheet.freeze_panes(1, 0)
        self._widths = [len(column["heading"]) for column in columns]
        heading = book.add_format({"bold": True, "bottom": 1})
        for place, column in enumerate(columns):
            self._sheet.write_string(0, place, column["heading"], heading)

    def write(self, row: list[str]) -> None:
        self.rows += 1
        for place, (text, column) in enumerate(zip(row, self.columns, strict=True)):
            if text:
                self._write_cell(place, text, column["type"])
                self._widths[place] = max(self._widths[place], len(text))

    def _write_cell(self, place: int, text: str, kind: str) -> None:
        cell, shape = (self.rows, place), self._formats.get(kind)
        if kind in SUMMED:
            amount = Decimal(text)
            self.sums[place] += amount
            self._sheet.write_number(*cell, float(amount), shape)
        elif kind == "moment" and (moment := datetime.fromisoformat(text)).year >= FIRST_YEAR:
            self._sheet.write_datetime(*cell, moment, shape)
        else:
            if len(text) > MAX_CELL_LENGTH:
                self.cut += 1
                text = text[: MAX_CELL_LENGTH - 1] + "…"
            self._sheet.write_string(*cell, text)

    def finish(self) -> None:
        least, most = WIDTHS
        for place, width in enumerate(self._widths):
            self._sheet.set_column(place, place, min(max(width + 2, least), most))
        self._sheet.autofilter(0, 0, self.rows, len(self.columns) - 1)


def write_about(book: Any, words: list[list[str]], rows: Sheet) -> None:
    """Write the sheet that says what the rows are, with the sums of their amounts and counts."""
    sheet = book.add_worksheet(ABOUT)
    bold = book.add_format({"bold": True})
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 60)
    if rows.cut:
        words = [*words, ["Texts that are cut", f"{rows.cut:,}, which are longer than Excel's cells and end with …"]]
    for line, (label, value) in enumerate(words):
        sheet.write_string(line, 0, label, bold)
        sheet.write_string(line, 1, value)
    left = book.add_format({"align": "left", "num_format": FORMATS["money"]})
    count = book.add_format({"align": "left", "num_format": FORMATS["number"]})
    for line, (place, total) in enumerate(rows.sums.items(), len(words)):
        column = rows.columns[place]
        sheet.write_string(line, 0, f"Sum of {column['heading']}", bold)
        sheet.write_number(line, 1, float(total), left if column["type"] == "money" else count)


if __name__ == "__main__":
    main()

"""Write Excel workbooks. They are read by ticketing.file_reader."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import xlsxwriter


def write(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a workbook with text as text (never as a formula), Decimal as amounts and datetime as dates."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Sales")
        bold = book.add_format({"bold": True})
        amount, moment = book.add_format({"num_format": "0.00"}), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(header) - 1, 20)
        for column, name in enumerate(header):
            sheet.write_string(0, column, name, bold)
        for number, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                match cell:
                    case datetime():
                        sheet.write_datetime(number, column, cell, moment)
                    case Decimal():
                        sheet.write_number(number, column, float(cell), amount)
                    case int():
                        sheet.write_number(number, column, cell)
                    case str() if cell:
                        sheet.write_string(number, column, cell)
    return content.getvalue()

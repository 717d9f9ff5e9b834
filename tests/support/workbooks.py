"""Excel workbooks of several sheets, with what people do to them: hidden sheets and rows, merged titles."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter


def sheet(
    *rows: Sequence[Any], hidden: bool = False, hidden_rows: Sequence[int] = (), merged: str = ""
) -> dict[str, Any]:
    """Return a sheet for `make_workbook`; `hidden_rows` are counted from 0, `merged` is a title above three columns."""
    return {"rows": rows, "hidden": hidden, "hidden_rows": hidden_rows, "merged": merged}


def make_workbook(**sheets: dict[str, Any]) -> bytes:
    """Return a workbook with these sheets, by name. The first one is visible, whatever it says."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        for name, given in sheets.items():
            added = book.add_worksheet(name)
            for number, row in enumerate(given["rows"]):
                added.write_row(number, 0, row)
            for number in given["hidden_rows"]:
                added.set_row(number, options={"hidden": True})
            if given["merged"]:
                added.merge_range(0, 0, 0, 2, given["merged"])
            if given["hidden"]:
                added.hide()
    return content.getvalue()

"""An Excel workbook of 100,000 purchases over HTTP, compared with xlsxwriter alone on the same rows."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import xlsxwriter

from bench import sample_events
from bench.csv_export import MAX_ADDED_MEGABYTES, time_download
from bench.measure import Row, measure_alternately
from tests.support import make
from tests.support.server import run_server
from ticketing.reporting import workbooks


def measure_workbook(folder: Path) -> list[Row]:
    """Measure the seconds of a workbook, and the memory in MB that a fresh server adds during its first one."""
    event = sample_events.create_event(workbooks.MAX_ROWS)
    person = make.staff(role="admin", password=make.PASSWORD)
    with run_server(os.environ["DATABASE_URL"], folder) as server:
        headers = {"Cookie": server.get_session_cookie(person.email)}
        time_download(server, f"/export/{event.id}/purchases.csv", headers, folder / "rows.csv", [])
        path, memory_growth = f"/export/{event.id}/purchases.xlsx", list[float]()
        floor, product = measure_alternately(
            lambda: time_xlsxwriter(folder / "rows.csv", folder / "floor.xlsx"),
            lambda: time_download(server, path, headers, folder / "product.xlsx", memory_growth),
        )
    return [
        Row(f"Excel file of {workbooks.MAX_ROWS:,} purchases", "s", floor, product, 2.0, less_is_better=True),
        Row(
            "memory of the server for the first", "MB", [], memory_growth[:1], MAX_ADDED_MEGABYTES, less_is_better=True
        ),
    ]


def time_xlsxwriter(rows: Path, file: Path) -> float:
    """Return the seconds in which xlsxwriter writes the same rows as text."""
    start = time.perf_counter()
    with (
        rows.open(encoding="utf-8-sig", newline="") as text,
        xlsxwriter.Workbook(str(file), {"constant_memory": True}) as book,
    ):
        sheet = book.add_worksheet()
        for number, row in enumerate(csv.reader(text)):
            for place, cell in enumerate(row):
                sheet.write_string(number, place, cell)
    return time.perf_counter() - start


MEASUREMENTS = (measure_workbook,)

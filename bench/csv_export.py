"""CSV export of a million purchases over HTTP, compared with psql's \\copy of the same query."""

from __future__ import annotations

import csv
import os
import subprocess
import threading
import time
from decimal import Decimal
from pathlib import Path

import httpx
import psycopg

from bench import sample_events
from bench.load.resource_usage import measure_memory
from bench.measure import Row, get_program_path, measure_alternately
from tests.support import make
from tests.support.server import RunningServer, run_server
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import Event
from ticketing.purchase_filter import ALL_PURCHASES
from ticketing.reporting import csv_export, figures

MAX_ADDED_MEGABYTES = 32


def measure_csv_export(folder: Path) -> list[Row]:
    """Measure rows per second, and the memory in MB that a fresh server adds during its first export."""
    event = sample_events.get_large_event()
    path = f"/api/v1/admin/events/{event.id}/tickets/sales/export"
    headers = {"Authorization": f"Bearer {make.token(make.staff(role='admin'))}"}
    with run_server(os.environ["DATABASE_URL"], folder) as server:
        memory_growth: list[float] = []
        query = format_export_query(event)
        floor, product = measure_alternately(
            lambda: sample_events.LARGE_EVENT_PURCHASES / time_copy(query, folder / "floor.csv"),
            lambda: (
                sample_events.LARGE_EVENT_PURCHASES
                / time_download(server, path, headers, folder / "product.csv", memory_growth)
            ),
        )
    validate_file(folder / "product.csv", event)
    return [
        Row(f"CSV of {sample_events.LARGE_EVENT_PURCHASES:,} purchases over HTTP", "/s", floor, product, 0.6),
        Row("memory added by the first", "MB", [], memory_growth[:1], MAX_ADDED_MEGABYTES, less_is_better=True),
    ]


def format_export_query(event: Event) -> str:
    """Return the query of the export with its parameters filled in."""
    with db.read_session() as session:
        export = csv_export.build_sales_export(session, OPERATOR, event.id, ALL_PURCHASES)
    with psycopg.connect(db.libpq_url()) as connection:
        return " ".join(psycopg.ClientCursor(connection).mogrify(*export.rows).split())


def time_copy(query: str, file: Path) -> float:
    """Return the seconds that psql takes to write the same rows into a file."""
    start = time.perf_counter()
    script = f"SET TimeZone = 'America/New_York';\n\\copy ({query}) TO '{file}' WITH (FORMAT csv)\n"
    subprocess.run(
        [get_program_path("psql"), "-qX", "-v", "ON_ERROR_STOP=1", db.libpq_url()], input=script, text=True, check=True
    )
    return time.perf_counter() - start


def time_download(
    server: RunningServer, path: str, headers: dict[str, str], file: Path, memory_growth: list[float]
) -> float:
    """Return the seconds of a download, and append the memory in MB that the server added to `memory_growth`."""
    done, initial, peak = threading.Event(), measure_memory(server), 0

    def record_peak() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, measure_memory(server))

    thread = threading.Thread(target=record_peak)
    thread.start()
    start = time.perf_counter()
    with (
        httpx.stream("GET", server.url + path, headers=headers, timeout=600) as response,
        file.open("wb") as output,
    ):
        response.raise_for_status()
        for chunk in response.iter_bytes():
            output.write(chunk)
    seconds = time.perf_counter() - start
    done.set()
    thread.join()
    memory_growth.append((peak - initial) / 1024**2)
    return seconds


def validate_file(file: Path, event: Event) -> None:
    """Exit unless the file has every row and its totals are those of the sales summary."""
    with db.read_session() as session:
        summary = figures.get_figures(session, OPERATOR, event.id)
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    paid = [row for row in rows if row["payment_status"] == "completed"]
    counting = [row for row in rows if row["payment_status"] in ("completed", "pending")]
    actual = (
        len(rows),
        sum(Decimal(row["total"]) for row in paid),
        sum(Decimal(row["discount"]) for row in paid),
        sum(int(row["quantity"]) for row in counting),
        sum(int(row["seats"]) for row in counting),
    )
    expected = (
        sample_events.LARGE_EVENT_PURCHASES,
        summary.revenue,
        summary.discount,
        summary.packages_sold,
        summary.seats_sold,
    )
    if actual != expected:
        raise SystemExit(f"The file has {actual}, the summary {expected}.")


MEASUREMENTS = (measure_csv_export,)

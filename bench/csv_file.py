"""The CSV of a million purchases through a server of ours, against psql's \\copy of the same query."""

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

from bench import crowd
from bench.load.vitals import memory_of
from bench.measure import Row, by_turns, tool
from tests.support import make
from tests.support.server import Running, running
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import Event
from ticketing.purchase_filter import EVERYTHING
from ticketing.reporting import csv_export, figures

MEGABYTES = 32


def over_http(folder: Path) -> list[Row]:
    """Rows a second, and by how many megabytes a fresh server grew while it streamed for the first time."""
    event, token = crowd.the_many(), make.token(make.staff(role="admin"))
    with running(os.environ["DATABASE_URL"], folder) as server:
        grown: list[float] = []
        query = written_out(event)
        floor, product = by_turns(
            lambda: crowd.MANY / copied(query, folder / "floor.csv"),
            lambda: crowd.MANY / downloaded(server, event, token, folder / "product.csv", grown),
        )
    judge(folder / "product.csv", event)
    return [
        Row(f"CSV of {crowd.MANY:,} purchases over HTTP", "/s", floor, product, 0.6),
        Row("memory added by the first", "MB", [], grown[:1], MEGABYTES, less_is_better=True),
    ]


def written_out(event: Event) -> str:
    """The query of the export with its values in it."""
    with db.reading() as session:
        asked = csv_export.purchases_query(session, OPERATOR, event.id, EVERYTHING)
    with psycopg.connect(db.libpq_url()) as connection:
        return " ".join(psycopg.ClientCursor(connection).mogrify(asked.query, asked.parameters).split())


def copied(query: str, file: Path) -> float:
    """The seconds that psql takes to write the same rows into a file."""
    start = time.perf_counter()
    script = f"SET TimeZone = 'America/New_York';\n\\copy ({query}) TO '{file}' WITH (FORMAT csv)\n"
    subprocess.run([tool("psql"), "-qX", "-v", "ON_ERROR_STOP=1", db.libpq_url()], input=script, text=True, check=True)
    return time.perf_counter() - start


def downloaded(server: Running, event: Event, token: str, file: Path, grown: list[float]) -> float:
    """The seconds until the last byte is in a file; `grown` gets the megabytes the server took more than before."""
    done, before, most = threading.Event(), memory_of(server), 0

    def watch() -> None:
        nonlocal most
        while not done.wait(0.05):
            most = max(most, memory_of(server))

    watching = threading.Thread(target=watch)
    watching.start()
    start = time.perf_counter()
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{server.url}/api/v1/admin/events/{event.id}/tickets/sales/export"
    with (
        httpx.stream("GET", address, headers=headers, timeout=600) as answer,
        file.open("wb") as output,
    ):
        answer.raise_for_status()
        for piece in answer.iter_bytes():
            output.write(piece)
    seconds = time.perf_counter() - start
    done.set()
    watching.join()
    grown.append((most - before) / 1024**2)
    return seconds


def judge(file: Path, event: Event) -> None:
    """Every row is there, and the file's sums are the summary's."""
    with db.reading() as session:
        summary = figures.summary(session, OPERATOR, event.id)
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    paid = [row for row in rows if row["payment_status"] == "completed"]
    counting = [row for row in rows if row["payment_status"] in ("completed", "pending")]
    found = (
        len(rows),
        sum(Decimal(row["total"]) for row in paid),
        sum(Decimal(row["discount"]) for row in paid),
        sum(int(row["quantity"]) for row in counting),
        sum(int(row["seats"]) for row in counting),
    )
    told = (crowd.MANY, summary.revenue, summary.discount, summary.packages_sold, summary.seats_sold)
    if found != told:
        raise SystemExit(f"The file says {found}, and the summary says {told}.")


ROWS = (over_http,)

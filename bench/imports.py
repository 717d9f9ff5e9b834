"""Import of 50,000 rows, compared with COPY of the rows that it stores into the same tables, and its undo.

The floor loads what the last import stored, after it was deleted: the same rows, columns, indexes and foreign keys.
"""

from __future__ import annotations

import threading
import time
import uuid
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import select

from bench.measure import ROUNDS, Row, measure_alternately
from tests.support import make
from tests.support.sales_file import sale, sales_csv
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.imports import batches, files
from ticketing.models import Event, Package

FILE_ROWS = 50_000
PACKAGES = 10
MAX_UNDO_ROUNDS = 3
TABLES = ("donors", "orders", "purchases", "assigned_tickets", "promo_uses", "daily_sales")  # referenced ones first


def measure_import(_: Path) -> list[Row]:
    """Measure the seconds of check and import together."""
    file, names = create_sales_file()
    events = [create_event(names)]
    time_import(file, events[-1])

    def import_into_next() -> float:
        events.append(create_event(names))
        return time_import(file, events[-1])

    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        floor, product = measure_alternately(lambda: time_copy(connection, events[-1].id), import_into_next)
    return [Row(f"import of {FILE_ROWS:,} rows", "s", floor, product, 3.0, less_is_better=True)]


def create_sales_file() -> tuple[bytes, list[str]]:
    """Return a CSV with sales of ten packages, some with a promo code, and the names of the packages."""
    names = [f"Package {number}" for number in range(PACKAGES)]
    rows = (
        sale(
            names[number % PACKAGES],
            quantity=1 + number % 3,
            purchaser_name=f"Donor {number}",
            purchaser_email=f"donor-{number // 2}@example.org",
            promo_code="EARLY10" if number % 5 == 0 else "",
            external_sale_id=f"EXT-{number}",
            purchase_date=f"2026-10-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:00",
        )
        for number in range(FILE_ROWS)
    )
    return sales_csv(*rows), names


def create_event(names: list[str]) -> Event:
    event = make.event()
    for number, name in enumerate(names):
        make.package(event, name=name, seats_per_package=1 + number % 2)
    make.promo_code(event, code="EARLY10")
    return event


def time_import(file: bytes, event: Event) -> float:
    start = time.perf_counter()
    table = files.read("sales.csv", file)
    result = db.write(partial(imports.run, actor=OPERATOR, event_id=event.id, file_name="sales.csv", table=table))
    seconds = time.perf_counter() - start
    if result.rows_imported != FILE_ROWS:
        raise SystemExit(f"{result.rows_imported} of {FILE_ROWS} rows were imported.")
    return seconds


def create_copies(connection: psycopg.Connection, event_id: uuid.UUID) -> list[tuple[sql.Composed, bytes]]:
    """Delete the rows that an import brought; return the COPY statements and the data that bring them back."""
    copies = []
    for table in TABLES:
        names = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'"
            " ORDER BY ordinal_position",
            [table],
        )
        columns, target = sql.SQL(", ").join(sql.Identifier(name) for (name,) in names), sql.Identifier(table)
        select_rows = sql.SQL("SELECT {} FROM {} WHERE event_id = {} ORDER BY ctid").format(columns, target, event_id)
        with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY ({}) TO STDOUT").format(select_rows)) as copy:
            rows = b"".join(bytes(chunk) for chunk in copy)
        copies.append((sql.SQL("COPY {} ({}) FROM STDIN").format(target, columns), rows))
    for table in reversed(TABLES):
        connection.execute(sql.SQL("DELETE FROM {} WHERE event_id = {}").format(sql.Identifier(table), event_id))
    connection.execute(sql.SQL("VACUUM {}").format(sql.SQL(", ").join(map(sql.Identifier, TABLES))))
    return copies


def time_copy(connection: psycopg.Connection, event_id: uuid.UUID) -> float:
    """Return the seconds of COPY of an event's imported rows into the tables that they were in."""
    copies = create_copies(connection, event_id)
    connection.execute("DISCARD PLANS")  # of the foreign keys, as an import does
    start = time.perf_counter()
    with connection.transaction(), connection.cursor() as cursor:
        for statement, rows in copies:
            with cursor.copy(statement) as copy:
                copy.write(rows)
    return time.perf_counter() - start


def measure_undo(_: Path) -> list[Row]:
    """Measure the seconds of an undo, and of the sale that waits longest meanwhile."""
    file, names = create_sales_file()
    rounds = [time_undo(file, names) for _ in range(min(ROUNDS, MAX_UNDO_ROUNDS))]
    undos, waits = map(list, zip(*rounds, strict=True))
    return [
        Row(f"undo of {FILE_ROWS:,} imported rows", "s", [], undos, 20.0, less_is_better=True),
        Row("the longest sale of their packages meanwhile", "s", [], waits, 2.0, less_is_better=True),
    ]


def time_undo(file: bytes, names: list[str]) -> tuple[float, float]:
    """Return the seconds of the undo, and of the longest of the sales that are made one after the other meanwhile."""
    event = create_event(names)
    with db.read_session() as session:
        package = session.scalars(select(Package).where(Package.event_id == event.id, Package.name == names[0])).one()
    table = files.read("sales.csv", file)
    run = partial(imports.run, actor=OPERATOR, event_id=event.id, file_name="sales.csv", table=table)
    batch_id = db.write(run).batch_id
    if batch_id is None:
        raise SystemExit("Nothing was imported.")
    waits, is_done = [0.0], threading.Event()

    def sell() -> None:
        while not is_done.is_set():
            start = time.perf_counter()
            make.purchase(event, package)
            waits.append(time.perf_counter() - start)

    seller = threading.Thread(target=sell)
    seller.start()
    start = time.perf_counter()
    try:
        db.write(lambda session: batches.undo(session, OPERATOR, event.id, batch_id, "Wrong year"))
        seconds = time.perf_counter() - start
    finally:
        is_done.set()
        seller.join()
    return seconds, max(waits)


MEASUREMENTS = (measure_import, measure_undo)

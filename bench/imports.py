"""An import of 50,000 rows, against COPY of the rows it makes into tables with the same indexes."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from bench.measure import Row, by_turns
from tests.support import make
from tests.support.sales_file import sale, sheet
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.models import Event

ROWS_OF_FILE = 50_000
PACKAGES = 10
TABLES = ("donors", "purchases", "assigned_tickets", "promo_uses", "daily_sales")


def fifty_thousand(_: Path) -> list[Row]:
    """Seconds for the check and the import together, by seconds for the COPY alone."""
    file, names = file_of_sales()
    imported(file, first := event_like(names))
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        kept = {table: written_out(connection, table, first) for table in TABLES}
        floor, product = by_turns(lambda: copied_in(connection, kept), lambda: imported(file, event_like(names)))
    return [Row(f"import of {ROWS_OF_FILE:,} rows", "s", floor, product, 6.0, less_is_better=True)]


def file_of_sales() -> tuple[bytes, list[str]]:
    """Sales of ten packages with one to two seats, some with a promo code; and the names of the packages."""
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
        for number in range(ROWS_OF_FILE)
    )
    return sheet(*rows), names


def event_like(names: list[str]) -> Event:
    event = make.event()
    for place, name in enumerate(names):
        make.package(event, name=name, seats_per_package=1 + place % 2)
    make.promo_code(event, code="EARLY10")
    return event


def imported(file: bytes, event: Event) -> float:
    start = time.perf_counter()
    done = db.write(partial(imports.run, actor=OPERATOR, event_id=event.id, file_name="sales.csv", content=file))
    seconds = time.perf_counter() - start
    if done.rows_imported != ROWS_OF_FILE:
        raise SystemExit(f"{done.rows_imported} of {ROWS_OF_FILE} rows were imported.")
    return seconds


def written_out(connection: psycopg.Connection, table: str, event: Event) -> tuple[sql.Composed, bytes]:
    """A table like this one but for its rows, the COPY into it, and the event's rows to be copied."""
    columns = sql.SQL(", ").join(
        sql.Identifier(name)
        for (name,) in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'"
            " ORDER BY ordinal_position",
            [table],
        )
    )
    name, like = sql.Identifier(f"floor_{table}"), sql.Identifier(table)
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(name, like))
    rows = sql.SQL("COPY (SELECT {} FROM {} WHERE event_id = {}) TO STDOUT").format(columns, like, event.id)
    with connection.cursor() as cursor, cursor.copy(rows) as copy:
        return sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns), b"".join(bytes(piece) for piece in copy)


def copied_in(connection: psycopg.Connection, kept: dict[str, tuple[sql.Composed, bytes]]) -> float:
    for table in kept:
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(f"floor_{table}")))
    start = time.perf_counter()
    with connection.transaction(), connection.cursor() as cursor:
        for statement, rows in kept.values():
            with cursor.copy(statement) as copy:
                copy.write(rows)
    return time.perf_counter() - start


ROWS = (fifty_thousand,)

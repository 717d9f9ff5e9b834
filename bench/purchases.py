"""Purchases per second of 16 threads, compared with pgbench with 16 clients; and the time of a single purchase."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.errors import UniqueViolation
from sqlalchemy.event import listen, remove
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from bench.measure import Row, get_program_path, measure_alternately, measure_milliseconds
from tests.support import make
from ticketing import db
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import SoldOut
from ticketing.models import Event, Option, Package, PromoCode
from ticketing.sales import orders, purchases, ticket_codes
from ticketing.sales.order_draft import PurchaseDraft

CLIENTS = 16
PURCHASES = 3200
ORDERS = 200  # of a round
# Random order numbers coincide in one run of some hundred. The product starts over, a floor suppresses UniqueViolation:
# the median of a round does not notice.
FLOOR_SQL = Path(__file__).with_name("floor.sql").read_text()


def create_seller() -> Actor:
    """Return the actor of an API token, as the donor site uses it."""
    token = make.token(make.staff(role="admin"))
    with db.read_session() as session:
        actor = permissions.find_token_actor(session, token)
    assert actor is not None
    return actor


def measure_floor_rate(folder: Path, packages: int) -> float:
    """Return purchases per second of pgbench, over `packages` packages picked at random."""
    event = make.event()
    scripts = []
    for number in range(packages):
        script = folder / f"floor-{number}.sql"
        package = make.package(event, quantity_limit=PURCHASES)
        script.write_text(FLOOR_SQL.replace(":event_id", f"'{event.id}'").replace(":package_id", f"'{package.id}'"))
        scripts += ["-f", str(script)]
    per_client = str(PURCHASES // CLIENTS)
    command = [
        get_program_path("pgbench"),
        "-n",
        "-M",
        "prepared",
        "-c",
        str(CLIENTS),
        "-j",
        "2",
        "-t",
        per_client,
        "-D",
        "step=0",
        *scripts,
    ]
    done = subprocess.run([*command, db.libpq_url()], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"pgbench failed:\n{done.stderr}")
    return float(next(line for line in done.stdout.splitlines() if line.startswith("tps = ")).split()[2])


def measure_product_rate(actor: Actor, packages: int) -> float:
    """Return purchases per second of 16 threads in this process until all packages are sold out.

    Exits unless exactly the limit of each package was sold.
    """
    event = make.event()
    limit = PURCHASES // packages
    offers = [make.package(event, quantity_limit=limit) for _ in range(packages)]
    queue = random.sample(offers * limit, PURCHASES) + random.choices(offers, k=CLIENTS)
    drafts = iter([make.purchase_draft(package) for package in queue])
    lock = threading.Lock()

    def next_draft() -> PurchaseDraft | None:
        with lock:
            return next(drafts, None)

    def client(_: int) -> int:
        sold = 0
        while draft := next_draft():
            try:
                db.write(partial(purchases.record, actor=actor, event_id=event.id, draft=draft))
                sold += 1
            except SoldOut:
                pass
        return sold

    with ThreadPoolExecutor(CLIENTS) as clients:
        start = time.perf_counter()
        sold = sum(clients.map(client, range(CLIENTS)))
        seconds = time.perf_counter() - start
    with db.read_session() as session:
        counted = [session.get_one(Package, package.id).sold_count for package in offers]
    if sold != PURCHASES or counted != [limit] * packages:
        raise SystemExit(f"Not exactly the limit was sold: {sold} of {PURCHASES} purchases, counted {counted}.")
    return sold / seconds


def measure_rate(work: str, packages: int, target: float, folder: Path) -> list[Row]:
    floor, product = measure_alternately(
        lambda: measure_floor_rate(folder, packages), partial(measure_product_rate, create_seller(), packages)
    )
    return [Row(work, "/s", floor, product, target)]


def measure_single_purchase(_: Path) -> list[Row]:
    """Measure one purchase of a package with 4 seats, 2 answers and a promo code, by one client."""
    event, actor = make.event(), create_seller()
    package = make.package(event, seats_per_package=4, quantity_limit=10_000)
    options = [make.option(package, label="Any allergies?"), make.option(package, option_type="boolean")]
    promo = make.promo_code(event, max_total_uses=10_000, max_uses_per_donor=5)

    def purchase() -> None:
        draft = make.purchase_draft(
            package,
            promo_code=promo.code,
            answers=[{"option_id": options[0].id, "value": "Nuts"}, {"option_id": options[1].id, "value": True}],
        )
        db.write(partial(purchases.record, actor=actor, event_id=event.id, draft=draft))

    with psycopg.connect(db.libpq_url()) as connection:
        floor, product = measure_alternately(
            lambda: measure_milliseconds(lambda: purchase_with_psycopg(connection, event, package, options, promo)),
            lambda: measure_milliseconds(purchase),
        )
    return [Row("one alone, promo, 2 answers, 4 seats", "ms", floor, product, 2.0, less_is_better=True)]


def measure_single_order(_: Path) -> list[Row]:
    """Measure one order of 3 packages with 2 seats each and a promo code, by one client.

    The floor executes the same statements with the same values in plain psycopg.
    """
    event, actor = make.event(), create_seller()
    packages = [make.package(event, seats_per_package=2, quantity_limit=10_000) for _ in range(3)]
    promo = make.promo_code(event, max_total_uses=10_000, max_uses_per_donor=5)

    def create_order() -> Callable[[Session], object]:
        draft = make.order_draft(*packages, promo_code=promo.code)
        return partial(orders.record, actor=actor, event_id=event.id, draft=draft)

    with psycopg.connect(db.libpq_url()) as connection:

        def measure_floor() -> float:
            recorded = iter([record_statements(create_order()) for _ in range(ORDERS)])
            return measure_milliseconds(lambda: execute_recorded(connection, next(recorded)), ORDERS)

        def order() -> None:
            db.write(create_order())

        floor, product = measure_alternately(measure_floor, lambda: measure_milliseconds(order, ORDERS))
    return [Row("an order of 3 lines with a code, one connection", "ms", floor, product, 2.0, less_is_better=True)]


class RolledBack(Exception):
    """Raised to roll back."""


def record_statements(work: Callable[[Session], object]) -> list[tuple[str, Any]]:
    """Return the statements that `work` executes, with their values, and store nothing."""
    recorded: list[tuple[str, Any]] = []

    def record(_conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        recorded.append((statement, values))

    def run(session: Session) -> None:
        work(session)
        raise RolledBack

    listen(db.engine(), "before_cursor_execute", record)
    try:
        with suppress(RolledBack):
            db.write(run)
    finally:
        remove(db.engine(), "before_cursor_execute", record)
    return recorded


def execute_recorded(connection: psycopg.Connection, recorded: list[tuple[str, Any]]) -> None:
    """Execute recorded statements in one transaction, and read what they return."""
    with suppress(UniqueViolation), connection.transaction(), connection.cursor() as cursor:
        for statement, values in recorded:
            cursor.execute(statement, values)
            if cursor.description is not None:
                cursor.fetchall()


def purchase_with_psycopg(
    connection: psycopg.Connection, event: Event, package: Package, options: list[Option], promo: PromoCode
) -> None:
    """Make the same purchase of one package in plain psycopg, with only the statements that are necessary."""
    donor_email, order_id, purchase_id = make.email(), uuid7(), uuid7()
    with suppress(UniqueViolation), connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT package_id, id, option_type, choices, is_required FROM options"
            " WHERE event_id = %s AND package_id = %s AND retired_at IS NULL ORDER BY display_order",
            (event.id, package.id),
        )
        cursor.fetchall()
        cursor.execute(
            "UPDATE packages SET sold_count = sold_count + 1, sales_version = sales_version + 1"
            " WHERE id = %s AND event_id = %s AND is_enabled"
            " AND (quantity_limit IS NULL OR sold_count + 1 <= quantity_limit) RETURNING price",
            (package.id, event.id),
        )
        price = fetch_one(cursor)[0]
        cursor.execute(
            "UPDATE promo_codes SET current_uses = current_uses + 1 WHERE event_id = %s AND code = %s AND is_active"
            " AND (expires_at IS NULL OR expires_at > now())"
            " AND (max_total_uses IS NULL OR current_uses < max_total_uses) RETURNING discount_value",
            (event.id, promo.code),
        )
        discount = price * fetch_one(cursor)[0] / 100
        cursor.execute(
            "INSERT INTO donors (id, event_id, email, email_key, name) VALUES (%s, %s, %s, %s, 'Ana Ruiz')"
            " ON CONFLICT (event_id, email_key) DO UPDATE SET name = excluded.name RETURNING id",
            (uuid7(), event.id, donor_email, donor_email),
        )
        donor_id: UUID = fetch_one(cursor)[0]
        cursor.execute(
            "SELECT count(*) FROM promo_uses WHERE promo_code_id = %s AND donor_id = %s AND given_back_at IS NULL",
            (promo.id, donor_id),
        )
        assert fetch_one(cursor)[0] < 5
        cursor.execute(
            "INSERT INTO orders (id, event_id, number, donor_id) VALUES (%s, %s, %s, %s)",
            (order_id, event.id, ticket_codes.new_order_number(), donor_id),
        )
        cursor.execute(
            "INSERT INTO purchases (id, event_id, order_id, line_number, leads_order, package_id, quantity, unit_price,"
            " seats_per_package, list_price, discount, total, promo_code_id, payment_status, channel, purchaser_name,"
            " purchaser_email, purchased_at) VALUES"
            " (%s, %s, %s, 1, true, %s, 1, %s, %s, %s, %s, %s, %s, 'completed', 'online', 'Ana Ruiz', %s, now())",
            (
                *(purchase_id, event.id, order_id, package.id),
                *(price, package.seats_per_package, price, discount, price - discount, promo.id, donor_email),
            ),
        )
        cursor.execute(
            "INSERT INTO promo_uses (order_id, event_id, promo_code_id, donor_id, used_at)"
            " VALUES (%s, %s, %s, %s, now())",
            (order_id, event.id, promo.id, donor_id),
        )
        insert_rows(
            cursor,
            "answers (purchase_id, event_id, option_id, value)",
            "(%s, %s, %s, %s)",
            [
                (purchase_id, event.id, option.id, value)
                for option, value in zip(options, (json.dumps("Nuts"), "true"), strict=True)
            ],
        )
        insert_rows(
            cursor,
            "assigned_tickets (id, event_id, purchase_id, seat_number, code)",
            "(%s, %s, %s, %s, %s)",
            [
                (uuid7(), event.id, purchase_id, seat, ticket_codes.new_ticket_code())
                for seat in range(1, package.seats_per_package + 1)
            ],
        )


def insert_rows(cursor: psycopg.Cursor, into: LiteralString, row: LiteralString, values: list[tuple[Any, ...]]) -> None:
    """Insert rows with one statement."""
    rows = ", ".join([row] * len(values))
    cursor.execute(f"INSERT INTO {into} VALUES {rows}", [value for each in values for value in each])


def fetch_one(cursor: psycopg.Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None
    return row


MEASUREMENTS = (
    partial(measure_rate, "one-ticket purchases, 16 clients, one package", 1, 0.5),
    partial(measure_rate, "one-ticket purchases, 16 clients, 20 packages", 20, 0.35),
    measure_single_purchase,
    measure_single_order,
)

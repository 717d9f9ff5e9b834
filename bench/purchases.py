"""Purchases per second of 16 threads, compared with pgbench with 16 clients; and the time of a single purchase."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from bench.measure import Row, get_program_path, measure_alternately, measure_milliseconds
from tests.support import make
from ticketing import db
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import SoldOut
from ticketing.models import Event, Option, Package, PromoCode
from ticketing.sales import purchases, ticket_codes
from ticketing.sales.purchase_draft import PurchaseDraft

CLIENTS = 16
PURCHASES = 3200
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


def purchase_with_psycopg(
    connection: psycopg.Connection, event: Event, package: Package, options: list[Option], promo: PromoCode
) -> None:
    """Make the same purchase in plain psycopg, with only the statements that are necessary."""
    donor_email, purchase_id = make.email(), uuid7()
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, option_type, choices, is_required FROM options"
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
            "INSERT INTO purchases (id, event_id, package_id, donor_id, quantity, unit_price, seats_per_package,"
            " list_price, discount, total, promo_code_id, payment_status, channel, purchaser_name, purchaser_email,"
            " purchased_at)"
            " VALUES (%s, %s, %s, %s, 1, %s, 4, %s, %s, %s, %s, 'completed', 'online', 'Ana Ruiz', %s, now())",
            (
                purchase_id,
                event.id,
                package.id,
                donor_id,
                price,
                price,
                discount,
                price - discount,
                promo.id,
                donor_email,
            ),
        )
        cursor.execute(
            "INSERT INTO promo_uses (purchase_id, event_id, promo_code_id, donor_id, discount, used_at)"
            " VALUES (%s, %s, %s, %s, %s, now())",
            (purchase_id, event.id, promo.id, donor_id, discount),
        )
        cursor.execute(
            "INSERT INTO answers (purchase_id, event_id, option_id, value) VALUES (%s, %s, %s, %s), (%s, %s, %s, %s)",
            (purchase_id, event.id, options[0].id, json.dumps("Nuts"), purchase_id, event.id, options[1].id, "true"),
        )
        cursor.execute(
            "INSERT INTO assigned_tickets (id, event_id, purchase_id, seat_number, code) VALUES "
            + ", ".join(["(%s, %s, %s, %s, %s)"] * 4),
            [
                value
                for seat in range(1, 5)
                for value in (uuid7(), event.id, purchase_id, seat, ticket_codes.new_ticket_code())
            ],
        )


def fetch_one(cursor: psycopg.Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None
    return row


MEASUREMENTS = (
    partial(measure_rate, "one-ticket purchases, 16 clients, one package", 1, 0.5),
    partial(measure_rate, "one-ticket purchases, 16 clients, 20 packages", 20, 0.35),
    measure_single_purchase,
)

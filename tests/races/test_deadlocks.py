"""Packages, codes and donors locked in all orders at once never deadlock."""

from __future__ import annotations

import random
import threading
from itertools import product
from typing import Any

import psycopg.errors
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import Package
from ticketing.sales import corrections


def test_control_two_packages_locked_in_opposite_order_deadlock(event):
    pair = [make.package(event).id, make.package(event).id]
    both_hold_one, victims = threading.Barrier(2), []

    def naive(order: list[Any]) -> None:
        with Session(db.engine()) as session:
            session.execute(select(Package).where(Package.id == order[0]).with_for_update())
            both_hold_one.wait(timeout=30)
            try:
                session.execute(select(Package).where(Package.id == order[1]).with_for_update())
            except OperationalError as failure:
                victims.append(type(failure.orig))

    threads = [threading.Thread(target=naive, args=[order]) for order in (pair, pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert victims == [psycopg.errors.DeadlockDetected]


def test_8_packages_and_3_codes_in_all_orders_with_voids_and_imports_never_deadlock(event, caplog):
    """Each client buys every combination once, in its own order, for one of 4 donors; a third is voided."""
    packages = [make.package(event, quantity_limit=30) for _ in range(8)]
    codes = [make.promo_code(event, max_total_uses=80, max_uses_per_donor=25) for _ in range(3)]
    donors = [make.email() for _ in range(4)]
    combinations = list(product(packages, codes))
    orders = [random.Random(client).sample(combinations, len(combinations)) for client in range(THREADS)]

    def attempt(number: int) -> Any:
        turn, client = divmod(number, THREADS)
        if client == 0 and turn % 6 == 0:
            cells = {"discount_amount": "10.00", "total_amount": "90.00", "purchaser_email": donors[turn % 4]}
            batch = orders[client][turn : turn + 6]
            rows = [sale(package, promo_code=code.code, **cells) for package, code in batch]
            return run_import(event, sales_csv(*rows))
        package, code = orders[client][turn]
        bought = make.purchase(event, package, promo_code=code.code, donor_email=donors[(client + turn) % 4])
        if turn % 3 == 0:
            db.write(lambda s: corrections.void(s, OPERATOR, event.id, bought.purchase.id, "Taken back"))
        return bought

    outcomes = race(THREADS * len(combinations), attempt)
    assert count_by_type(outcomes).keys() <= {
        "RecordedPurchase",
        "ImportResult",
        "ImportRefused",
        "SoldOut",
        "PromoRefused",
    }
    assert count_by_type(outcomes)["ImportResult"] > 0
    assert count_by_type(outcomes)["RecordedPurchase"] > 150
    assert [message for message in caplog.messages if "deadlock" in message] == []  # logged before another attempt
    assert all(get_sold_count(package) <= 30 for package in packages)
    assert all(get_use_count(code) <= 80 for code in codes)
    with db.read_session() as session:
        per_donor = session.execute(
            text(
                "SELECT max(uses) FROM (SELECT count(*) AS uses FROM promo_uses"
                " WHERE event_id = :event_id AND given_back_at IS NULL GROUP BY promo_code_id, donor_id) AS counted"
            ),
            {"event_id": event.id},
        ).scalar_one()
    assert per_donor <= 25

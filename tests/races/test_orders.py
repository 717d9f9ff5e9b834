"""Orders of several packages, and voids of their lines, in many threads. A control shows each naive version fail."""

from __future__ import annotations

import random
import threading
from typing import Any

import psycopg.errors
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import SoldOut
from ticketing.models import Event, PromoUse, Purchase
from ticketing.ops import verify
from ticketing.sales import corrections
from ticketing.sales.orders import RecordedOrder
from ticketing.sales.purchases import RecordedPurchase

PACKAGES, CODES, DONORS = 8, 3, 4
LIMIT, MAX_USES, MAX_USES_PER_DONOR = 30, 25, 8


def void_line(event: Event, line: Purchase) -> Purchase:
    return db.write(lambda s: corrections.void(s, OPERATOR, event.id, line.id, "Wrong table"))


def list_deadlocks(caplog) -> list[Any]:
    """Return the deadlocks that a retry hid from its caller."""
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    return [one for one in errors if isinstance(getattr(one, "orig", None), psycopg.errors.DeadlockDetected)]


def test_control_capacity_taken_in_the_order_of_the_lines_deadlocks(event):
    """Each order has the package of the next one as its second line, and all take their first line first."""
    packages = [make.package(event) for _ in range(PACKAGES)]
    everyone_took_one, victims = threading.Barrier(PACKAGES), []
    take = text("UPDATE packages SET sales_version = sales_version + 1 WHERE id = :id")

    def naive(number: int) -> None:
        with Session(db.engine()) as session:
            session.execute(take, {"id": packages[number].id})
            everyone_took_one.wait(timeout=30)
            try:
                session.execute(take, {"id": packages[(number + 1) % PACKAGES].id})
            except OperationalError as failure:
                victims.append(type(failure.orig))

    threads = [threading.Thread(target=naive, args=[number]) for number in range(PACKAGES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert set(victims) == {psycopg.errors.DeadlockDetected}


def test_orders_with_lines_in_any_order_never_deadlock_and_keep_every_limit(event, caplog):
    packages = [make.package(event, quantity_limit=LIMIT) for _ in range(PACKAGES)]
    codes = [
        make.promo_code(event, max_total_uses=MAX_USES, max_uses_per_donor=MAX_USES_PER_DONOR) for _ in range(CODES)
    ]
    donors = [make.email() for _ in range(DONORS)]

    def attempt(number: int) -> Any:
        rng = random.Random(number)
        lines = [
            {"package_id": package.id, "quantity": rng.randint(1, 2)}
            for package in rng.sample(packages, 1 + number % 4)
        ]
        code = rng.choice([None, *(code.code for code in codes)])
        bought = make.order(event, *lines, promo_code=code, donor_email=rng.choice(donors))
        if number % 5 == 0:
            void_line(event, rng.choice(bought.lines).purchase)
        if number % 5 == 1:
            change = {"order_id": bought.order.id, "reason": "Typed twice", "seen_version": 1}
            db.write(lambda s: corrections.void_order(s, OPERATOR, event.id, **change))
        return bought

    outcomes = race(THREADS * 12, attempt)

    assert count_by_type(outcomes).keys() <= {"RecordedOrder", "SoldOut", "PromoRefused"}
    assert count_by_type(outcomes)["RecordedOrder"] > 80
    assert any(isinstance(each, SoldOut) and len(each.shortages) > 1 for each in outcomes)
    assert list_deadlocks(caplog) == []
    assert all(get_sold_count(package) <= LIMIT for package in packages)
    assert all(get_use_count(code) <= MAX_USES for code in codes)
    open_uses = (
        select(func.count())
        .where(PromoUse.event_id == event.id, PromoUse.given_back_at.is_(None))
        .group_by(PromoUse.promo_code_id, PromoUse.donor_id)
    )
    with db.read_session() as session:
        assert max(session.scalars(open_uses)) <= MAX_USES_PER_DONOR


def test_control_use_returned_by_each_void_that_sees_no_line_left(stock):
    """Without a lock of the order, every void is the last one."""
    stock.insert_row(sold=2)
    counting = set(range(THREADS))

    def naive(number, session, wait_for_others):
        counting.discard(number)
        wait_for_others()
        if not counting:
            stock.change(session, "sold = sold - 1")

    stock.race(naive)
    assert stock.read().sold == 2 - THREADS  # and not 1


def test_use_of_an_order_returns_once_however_its_lines_are_voided(event):
    packages, promo = [make.package(event) for _ in range(THREADS)], make.promo_code(event)
    make.order(event, packages[0], promo_code=promo.code)
    bought = make.order(event, *packages, promo_code=promo.code)
    assert get_use_count(promo) == 2

    outcomes = race(THREADS, lambda number: void_line(event, bought.lines[number].purchase))

    assert count_by_type(outcomes) == {"Purchase": THREADS}
    assert get_use_count(promo) == 1
    assert [get_sold_count(package) for package in packages] == [1] + [0] * (THREADS - 1)
    with db.read_session() as session:
        assert session.get_one(PromoUse, bought.order.id).given_back_at is not None


def test_capacity_of_a_voided_line_is_sold_once(event):
    limit = 8
    package, other = make.package(event, quantity_limit=limit), make.package(event)
    first = [make.order(event, other, package) for _ in range(limit)]

    def attempt(number: int) -> Any:
        if number % 2:
            return make.order(event, package, other) if number % 4 == 1 else make.purchase(event, package)
        return void_line(event, first[number // 2 % limit].lines[1].purchase)

    outcomes = race(64, attempt)

    assert count_by_type(outcomes)["Purchase"] == limit
    assert count_by_type(outcomes)["Conflict"] == 32 - limit
    orders = sum(isinstance(each, RecordedOrder) for each in outcomes)
    bought = orders + sum(isinstance(each, RecordedPurchase) for each in outcomes)
    assert get_sold_count(package) == bought <= limit
    assert get_sold_count(other) == limit + orders


def test_undone_voids_and_sales_share_the_last_packages_and_uses(event):
    limit = 6
    package = make.package(event, quantity_limit=limit)
    promo = make.promo_code(event, max_total_uses=limit)
    bought = [make.purchase(event, package, promo_code=promo.code) for _ in range(limit)]
    versions = [void_order(event, each) for each in bought]

    def attempt(number: int) -> Any:
        if number % 2:
            return make.purchase(event, package, promo_code=promo.code)
        which = number // 2 % limit
        order = bought[which].order
        return db.write(lambda s: corrections.undo_void(s, OPERATOR, event.id, order.id, seen_version=versions[which]))

    outcomes = count_by_type(race(4 * limit, attempt))

    assert outcomes["Order"] + outcomes["RecordedPurchase"] == limit  # each undo only once, in spite of two attempts
    assert get_sold_count(package) == get_use_count(promo) == limit
    with db.Session(db.engine()) as session:
        assert [each for each in verify.verify(session) if each.event_id == event.id] == []


def void_order(event: Event, bought: RecordedPurchase) -> int:
    """Void the order of a purchase and return the version that this made."""
    order_id = bought.order.id
    return db.write(
        lambda s: corrections.void_order(s, OPERATOR, event.id, order_id, "Wrong table", seen_version=None).version
    )

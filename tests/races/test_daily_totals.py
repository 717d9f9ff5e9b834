"""Daily totals while many write purchases, and while staff change the event's time zone."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import events
from ticketing.errors import Conflict, StaleVersion
from ticketing.models import DailySales, Event, Package, Purchase
from ticketing.reporting import figures
from ticketing.sales import corrections, guests, purchases

EDITOR = 0  # the thread that is no buyer
ZONES = ("Pacific/Auckland", "America/New_York")
EVENING = datetime(2026, 6, 2, 3, 0, tzinfo=UTC)  # 1 June in New York, 2 June in Auckland


def sell(event: Event, package: Package, **fields: Any) -> Purchase:
    draft = make.purchase_draft(package, **fields)
    return db.write(lambda s: purchases.record(s, OPERATOR, event.id, draft, moment=EVENING)).purchase


def change_time_zone(event: Event, time_zone: str) -> Event:
    def work(session: db.Session) -> Event:
        seen = events.get(session, OPERATOR, event.id).version
        return events.update(session, OPERATOR, event.id, {"time_zone": time_zone}, seen_version=seen)

    return db.write(work)


def count_by_day(event: Event) -> dict[str, int]:
    with db.read_session() as session:
        rows = session.execute(
            select(DailySales.day, func.sum(DailySales.purchases))
            .where(DailySales.event_id == event.id, DailySales.purchases > 0)
            .group_by(DailySales.day)
        )
        return {str(day): number for day, number in rows}


def test_control_total_that_is_read_then_written_loses_sales(stock):
    stock.insert_row()

    def naive(_number, session, wait_for_others):
        row = stock.read_in(session)
        wait_for_others()
        stock.change(session, "sold = :sold", sold=row.sold + 1)

    stock.race(naive)
    assert stock.read().sold < THREADS


def test_control_sale_that_reads_time_zone_first_is_counted_on_the_old_day(stock):
    stock.insert_row(price=1)  # stands for the time zone, `sold` for the sums of its days
    moved = threading.Event()

    def naive(number, session, wait_for_others):
        row = stock.read_in(session)
        wait_for_others()
        if number == EDITOR:
            stock.change(session, "price = 2, sold = 0")
            session.commit()
            moved.set()
        else:
            assert moved.wait(timeout=30)
            stock.change(session, "sold = sold + 1" if row.price == 2 else "sold = sold")

    stock.race(naive)
    assert stock.read().sold < THREADS - 1


def test_concurrent_sales_of_one_day_are_all_in_its_total(event):
    package, promo = make.package(event, seats_per_package=2), make.promo_code(event)
    code = {"promo_code": promo.code}
    race(160, lambda number: sell(event, package, quantity=2, **(code if number % 2 else {})))
    with db.read_session() as session:
        rows = session.execute(
            select(DailySales.promo_code_id, DailySales.purchases, DailySales.quantity, DailySales.seats).where(
                DailySales.event_id == event.id
            )
        ).all()
    assert sorted(rows, key=str) == sorted([(None, 80, 160, 320), (promo.id, 80, 160, 320)], key=str)


@pytest.mark.parametrize("with_code", [False, True])
def test_sale_is_counted_on_the_day_of_the_final_time_zone(event, with_code):
    """One thread changes the time zone back and forth while the others sell; each waits for the other's locks."""
    packages = [make.package(event) for _ in range(3)]
    fields = {"promo_code": make.promo_code(event).code} if with_code else {}

    def attempt(number: int) -> Any:
        turn, thread = divmod(number, THREADS)
        if thread == EDITOR:
            return change_time_zone(event, ZONES[turn % 2])
        return sell(event, packages[number % 3], **fields)

    outcomes = race(THREADS * 20, attempt)
    assert count_by_type(outcomes) == {"Event": 20, "Purchase": 20 * (THREADS - 1)}
    assert count_by_day(event) == {"2026-06-01": 20 * (THREADS - 1)}
    change_time_zone(event, "Pacific/Auckland")
    assert count_by_day(event) == {"2026-06-02": 20 * (THREADS - 1)}


def test_voids_payments_guests_and_imports_update_the_right_days(event):
    """Every way to write purchases at once, on two packages and one code, while the event changes time zones."""
    packages = [make.package(event, seats_per_package=2) for _ in range(2)]
    promo = make.promo_code(event)

    def attempt(number: int) -> Any:
        turn, thread = divmod(number, THREADS)
        package = packages[thread % 2]
        if thread == EDITOR:
            return change_time_zone(event, ZONES[turn % 2])
        if thread == 1:
            cells = {"purchase_date": EVENING.isoformat(), "discount_amount": "10.00", "total_amount": "90.00"}
            statuses = ("completed", "pending", "failed", "refunded")
            return run_import(
                event, sales_csv(*(sale(one, payment_status=s, **cells) for one in packages for s in statuses))
            )
        code = {"promo_code": promo.code} if thread % 3 == 0 else {}
        bought = sell(event, package, payment_status="pending" if thread % 4 == 0 else "completed", **code)
        next_status = "completed" if bought.payment_status == "pending" else "refunded"
        changes = (
            lambda s: guests.name_guests(s, OPERATOR, event.id, bought.id, {1: {"name": "Ben"}}, seen_version=1),
            lambda s: corrections.change_status(s, OPERATOR, event.id, bought.id, next_status, seen_version=1),
            lambda s: corrections.void(s, OPERATOR, event.id, bought.id, "Twice"),
        )
        return db.write(changes[turn % 3])

    outcomes = race(THREADS * 12, attempt)
    assert set(count_by_type(outcomes)) == {"Event", "ImportResult", "Purchase"}
    assert set(count_by_day(event)) == {"2026-06-01"}
    with db.read_session() as session:
        stored = session.scalar(select(func.count()).where(Purchase.event_id == event.id))
        counted = sum(line.purchases for line in figures.get_figures(session, OPERATOR, event.id).by_status.values())
    assert counted == stored == 12 * (THREADS - 2) + 12 * 8


def test_concurrent_changes_of_one_sale_move_its_totals_once(event):
    package = make.package(event, seats_per_package=2)
    for _ in range(5):
        bought = sell(event, package, payment_status="pending")

        def attempt(number: int, bought: Purchase = bought) -> Any:
            change = (
                lambda s: corrections.void(s, OPERATOR, event.id, bought.id, "Twice"),
                lambda s: corrections.change_status(s, OPERATOR, event.id, bought.id, "failed", seen_version=1),
                lambda s: corrections.change_status(s, OPERATOR, event.id, bought.id, "completed", seen_version=1),
            )[number % 3]
            return db.write(change)

        outcomes = race(THREADS, attempt)
        assert set(count_by_type(outcomes)) <= {"Purchase", Conflict.__name__, StaleVersion.__name__}
    assert sum(count_by_day(event).values()) == 5

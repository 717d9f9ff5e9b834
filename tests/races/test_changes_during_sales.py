"""Void, lower a limit, disable and change a price while others buy. A control shows each naive version fail."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.errors import Conflict
from ticketing.models import Event, Package, Purchase
from ticketing.sales import corrections, purchases

EDITOR = 0  # the thread that is no buyer


def void(event: Event, purchase: Purchase) -> Purchase:
    return db.write(lambda s: corrections.void(s, OPERATOR, event.id, purchase.id, "Wrong table"))


def edit_package(event: Event, package: Package, **values: Any) -> Package:
    return db.write(lambda s: packages.update(s, OPERATOR, event.id, package.id, values, seen_version=1))


def recorded_purchases(outcomes: list[Any]) -> list[Purchase]:
    return [outcome.purchase for outcome in outcomes if isinstance(outcome, purchases.RecordedPurchase)]


def test_control_void_that_reads_then_writes_returns_one_sale_many_times(stock):
    stock.insert_row(sold=THREADS, max_sold=THREADS)
    status = ["completed"]

    def naive(_number, session, wait_for_others):
        was = status[0]
        wait_for_others()
        if was != "voided":
            status[0] = "voided"
            stock.change(session, "sold = sold - 1")

    stock.race(naive)
    assert stock.read().sold == 0  # and not THREADS - 1


def test_control_void_and_purchase_that_write_computed_counts_lose_updates(stock):
    stock.insert_row(sold=50, max_sold=100)

    def naive(number, session, wait_for_others):
        row = stock.read_in(session)
        wait_for_others()
        stock.change(session, "sold = :sold", sold=row.sold + (1 if number % 2 else -1))

    stock.race(naive)
    assert stock.read().sold != 50


def test_void_returns_capacity_once_and_it_is_sold_once(event):
    limit = 16
    package, promo = make.package(event, quantity_limit=limit), make.promo_code(event, max_total_uses=limit)
    first = [make.purchase(event, package, promo_code=promo.code).purchase for _ in range(limit)]

    def attempt(number: int) -> Any:
        if number % 2:
            return make.purchase(event, package, promo_code=promo.code)
        return void(event, first[number // 2 % limit])

    outcomes = race(128, attempt)
    voided = [outcome for outcome in outcomes if isinstance(outcome, Purchase)]
    assert sorted(one.id for one in voided) == sorted(one.id for one in first)
    assert count_by_type(outcomes)["Conflict"] == 64 - limit
    bought = len(recorded_purchases(outcomes))
    assert get_sold_count(package) == get_use_count(promo) == bought <= limit
    more = race(32, lambda _: make.purchase(event, package, promo_code=promo.code))
    assert len(recorded_purchases(more)) == limit - bought
    assert get_sold_count(package) == get_use_count(promo) == limit


def test_control_limit_lowered_by_read_then_write_ends_below_sold(stock):
    stock.insert_row(sold=50, max_sold=100)

    def naive(number, session, wait_for_others):
        row = stock.read_in(session)
        wait_for_others()
        if number == EDITOR and row.sold <= 50:
            stock.change(session, "max_sold = 50")
        elif row.sold < row.max_sold:
            stock.change(session, "sold = sold + 1")

    stock.race(naive)
    assert stock.read().sold > stock.read().max_sold


@pytest.mark.parametrize("lowered", [20, 60, 99])
def test_limit_lowered_during_sales_is_refused_or_kept(event, lowered):
    package = make.package(event, quantity_limit=100)

    def attempt(number: int) -> Any:
        return edit_package(event, package, quantity_limit=lowered) if number == 40 else make.purchase(event, package)

    outcomes = race(160, attempt)
    limit = 100 if count_by_type(outcomes)["LimitBelowSold"] else lowered
    assert get_sold_count(package) == len(recorded_purchases(outcomes)) == limit


def test_control_sale_that_reads_then_writes_sells_a_disabled_package(stock):
    stock.insert_row(max_sold=100)
    stock.race_sales_with_switch_off()
    assert stock.read().sold == THREADS - 1


def test_disabled_package_is_not_sold(event):
    """Disabling locks the package's row, so the sold count that it reads includes every sale before it."""
    package = make.package(event)
    sold_when_disabled = []

    def attempt(number: int) -> Any:
        if number != 160 + EDITOR:
            return make.purchase(event, package)
        row = db.write(lambda s: packages.set_enabled(s, OPERATOR, event.id, package.id, enabled=False))
        sold_when_disabled.append(row.sold_count)
        return row

    outcomes = race(480, attempt)
    assert count_by_type(outcomes)["NotForSale"] > 0
    assert [get_sold_count(package)] == sold_when_disabled == [len(recorded_purchases(outcomes))]


def test_control_sale_that_reads_then_writes_charges_the_old_price(stock):
    stock.insert_row(price=100)
    changed, paid = threading.Event(), []

    def naive(number, session, wait_for_others):
        row = stock.read_in(session)
        wait_for_others()
        if number == EDITOR:
            stock.change(session, "price = 120")
            session.commit()
            changed.set()
        else:
            assert changed.wait(timeout=30)
            paid.append(row.price)
            stock.change(session, "sold = sold + 1")

    stock.race(naive)
    assert stock.read().price == 120
    assert paid == [100] * (THREADS - 1)


@pytest.mark.parametrize("quoted", [True, False])
def test_new_price_applies_to_every_sale_after_the_change_and_none_before(event, quoted):
    package, quote = make.package(event, price="100.00"), {"package_version": 1} if quoted else {}
    sold_when_changed = []

    def attempt(number: int) -> Any:
        if number != 160 + EDITOR:
            return make.purchase(event, package, quantity=2, **quote)
        row = edit_package(event, package, price="120.00")
        sold_when_changed.append(row.sold_count)
        return row

    outcomes = race(480, attempt)
    totals = [one.total for one in recorded_purchases(outcomes)]
    at_the_old_price = totals.count(Decimal("200.00"))
    assert sold_when_changed == [2 * at_the_old_price]
    after = 479 - at_the_old_price
    assert count_by_type(outcomes)["PriceChanged"] == (after if quoted else 0)
    assert totals.count(Decimal("240.00")) == (0 if quoted else after) == len(totals) - at_the_old_price
    with db.read_session() as session:
        stored = session.scalar(select(func.count()).where(Purchase.package_id == package.id))
    assert (get_sold_count(package), stored) == (2 * len(totals), len(totals))


def test_concurrent_voids_of_one_sale_apply_once(event):
    package = make.package(event, quantity_limit=1)
    for _ in range(5):
        purchase = make.purchase(event, package).purchase
        outcomes = race(THREADS, lambda _, purchase=purchase: void(event, purchase))
        assert count_by_type(outcomes) == {"Purchase": 1, Conflict.__name__: THREADS - 1}
        assert get_sold_count(package) == 0

"""Staff void, lower a limit, disable and change a price while others buy. Each first as naive code does it."""

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


def test_control_a_void_that_looks_first_returns_one_sale_many_times(shelf):
    shelf.insert_row(sold=THREADS, most=THREADS)
    status = ["completed"]

    def naive(_number, session, meet):
        was = status[0]
        meet()
        if was != "voided":
            status[0] = "voided"
            shelf.change(session, "sold = sold - 1")

    shelf.race(naive)
    assert shelf.read().sold == 0  # and not THREADS - 1


def test_control_a_void_and_a_purchase_that_write_what_they_computed_lose_each_other(shelf):
    shelf.insert_row(sold=50, most=100)

    def naive(number, session, meet):
        row = shelf.read_in(session)
        meet()
        shelf.change(session, "sold = :sold", sold=row.sold + (1 if number % 2 else -1))

    shelf.race(naive)
    assert shelf.read().sold != 50


def test_a_void_gives_back_once_and_what_came_back_is_sold_once(event):
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


def test_control_a_limit_lowered_by_looking_first_ends_below_what_is_sold(shelf):
    shelf.insert_row(sold=50, most=100)

    def naive(number, session, meet):
        row = shelf.read_in(session)
        meet()
        if number == EDITOR and row.sold <= 50:
            shelf.change(session, "most = 50")
        elif row.sold < row.most:
            shelf.change(session, "sold = sold + 1")

    shelf.race(naive)
    assert shelf.read().sold > shelf.read().most


@pytest.mark.parametrize("lowered", [20, 60, 99])
def test_a_limit_lowered_during_the_sale_is_refused_or_kept(event, lowered):
    package = make.package(event, quantity_limit=100)

    def attempt(number: int) -> Any:
        return edit_package(event, package, quantity_limit=lowered) if number == 40 else make.purchase(event, package)

    outcomes = race(160, attempt)
    limit = 100 if count_by_type(outcomes)["LimitBelowSold"] else lowered
    assert get_sold_count(package) == len(recorded_purchases(outcomes)) == limit


def test_control_a_sale_that_looks_first_is_made_after_the_disabling(shelf):
    shelf.insert_row(most=100)
    disabled = threading.Event()

    def naive(number, session, meet):
        row = shelf.read_in(session)
        meet()
        if number == EDITOR:
            shelf.change(session, "is_enabled = false")
            session.commit()
            disabled.set()
        elif row.is_enabled:
            assert disabled.wait(timeout=30)
            shelf.change(session, "sold = sold + 1")

    shelf.race(naive)
    assert shelf.read().sold == THREADS - 1


def test_no_sale_is_made_after_the_disabling(event):
    """Disabling holds the package's row, so what it sees sold is all there is to be sold before it."""
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


def test_control_a_sale_that_looks_first_is_made_at_a_price_that_is_gone(shelf):
    shelf.insert_row(price=100)
    changed, paid = threading.Event(), []

    def naive(number, session, meet):
        row = shelf.read_in(session)
        meet()
        if number == EDITOR:
            shelf.change(session, "price = 120")
            session.commit()
            changed.set()
        else:
            assert changed.wait(timeout=30)
            paid.append(row.price)
            shelf.change(session, "sold = sold + 1")

    shelf.race(naive)
    assert shelf.read().price == 120
    assert paid == [100] * (THREADS - 1)


@pytest.mark.parametrize("quoted", [True, False])
def test_a_price_changed_during_the_sale_holds_for_every_sale_after_it_and_none_before(event, quoted):
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


def test_a_sale_voided_by_everyone_at_once_is_voided_once(event):
    package = make.package(event, quantity_limit=1)
    for _ in range(5):
        purchase = make.purchase(event, package).purchase
        outcomes = race(THREADS, lambda _, purchase=purchase: void(event, purchase))
        assert count_by_type(outcomes) == {"Purchase": 1, Conflict.__name__: THREADS - 1}
        assert get_sold_count(package) == 0

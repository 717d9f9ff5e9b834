"""Forecast of an event from finished ones, with real sales."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import archive
from ticketing.errors import NotFound
from ticketing.reporting import forecast
from ticketing.reporting.projection import Projection
from ticketing.sales import corrections

NOW = datetime(2026, 6, 11, 16, tzinfo=UTC)
EVENT_DAY = date(2026, 7, 11)  # 30 days later


def make_gala(days_to_go, sales, **fields):
    """Create an event so many days from NOW with sales as (days before it, packages); return it with its package."""
    fields = {"price": "100", "seats_per_package": 2, "quantity_limit": None} | fields
    starts_at = NOW + timedelta(days=days_to_go)
    event = make.event(starts_at=f"{starts_at:%Y-%m-%dT20:00}", time_zone="UTC", name=f"Gala {starts_at:%Y}")
    package = make.package(event, **fields)
    sell(event, package, starts_at, sales)
    return event, package


def sell(event, package, starts_at, sales, **fields):
    return [
        make.purchase(event, package, quantity=quantity, moment=starts_at - timedelta(days=before), **fields)
        for before, quantity in sales
    ]


def read(event, learn_from, actor=OPERATOR, moment=NOW):
    with db.read_session() as session:
        return forecast.get_forecast(session, actor, event.id, [each.id for each in learn_from], moment=moment)


@pytest.fixture
def earlier():
    """Return three finished events that had sold 50, 40 and 25 of 100 packages by 31 days before."""
    return [
        make_gala(-400 - number, [(40, reached // 2), (31, reached - reached // 2), (30, 10), (0, 90 - reached)])[0]
        for number, reached in enumerate((50, 40, 25))
    ]


@pytest.fixture
def gala():
    """Return an event in 30 days with 10 orders of 2 packages before today."""
    return make_gala(30, [(31, 2)] * 10)


def test_forecast_compares_complete_days(earlier, gala):
    event, package = gala
    result = read(event, earlier)
    assert result.names == ("Gala 2025",) * 3
    assert result.revenue.middle == pytest.approx(2000 / 0.4)
    assert result.seats.middle == pytest.approx(40 / 0.4)
    assert result.revenue.low == pytest.approx(2000 / 0.4 * (5000 / result.revenue.high))
    # A sale of today is known, but its day is not over.
    sell(event, package, NOW, [(0, 28)])
    assert read(event, earlier).revenue.middle == pytest.approx(5000)
    sell(event, package, NOW, [(0, 3)])
    assert read(event, earlier).revenue.middle == 5100  # not below what is sold


def test_sponsorships_are_added_as_they_are_sold(earlier, gala):
    event, _ = gala
    gold = make.package(event, price="5000", seats_per_package=10, is_sponsorship=True)
    sell(event, gold, NOW, [(3, 1), (0, 1)])
    old_gold = make.package(earlier[0], price="5000", is_sponsorship=True)
    sell(earlier[0], old_gold, NOW - timedelta(days=400), [(1, 5)])
    result = read(event, earlier)
    assert result.revenue.middle == pytest.approx(5000 + 10_000)
    assert result.seats.middle == pytest.approx(100 + 20)
    assert result.sponsorships == 10_000


def test_limits_cap_the_forecast(earlier):
    event, _ = make_gala(30, [(31, 2)] * 10, quantity_limit=30)
    assert read(event, earlier).revenue == Projection(3000, pytest.approx(2314, abs=1), 3000)
    make.package(event, price="50", quantity_limit=4, seats_per_package=1)
    make.package(event, price="1000", quantity_limit=5, is_enabled=False)
    assert (read(event, earlier).revenue.high, read(event, earlier).seats.high) == (3200, 64)
    make.package(event, price="50")
    assert read(event, earlier).revenue.high > 5000


def test_pending_sales_are_no_revenue_but_may_become_it(earlier):
    event, package = make_gala(30, [(31, 2)] * 10, quantity_limit=30)
    sell(event, package, NOW, [(5, 4)], payment_status="pending")
    assert read(event, earlier).revenue.high == 3000
    assert read(event, earlier).revenue.middle == 3000


@pytest.mark.parametrize(("orders", "is_said"), [(9, False), (10, True)])
def test_fewer_than_ten_orders_are_too_early(earlier, orders, is_said):
    event, _ = make_gala(30, [(31, 2)] * orders)
    result = read(event, earlier)
    assert (result.revenue is not None, result.seats is not None) == (is_said, is_said)
    assert result.names


def test_one_or_two_events_give_no_band(earlier, gala):
    for count in (1, 2):
        assert read(gala[0], earlier[:count]).revenue.low is None
    assert read(gala[0], earlier).revenue.low is not None


def test_voided_and_refunded_sales_do_not_count(earlier, gala):
    event, package = gala
    (gone,) = sell(event, package, NOW, [(2, 50)])
    db.write(lambda s: corrections.void(s, OPERATOR, event.id, gone.purchase.id, "Twice"))
    assert read(event, earlier).revenue.middle == pytest.approx(5000)


@pytest.mark.parametrize(("days", "is_said"), [(30, True), (31, False)])
def test_event_that_is_over_has_no_forecast(earlier, gala, days, is_said):
    result = read(gala[0], earlier, moment=NOW + timedelta(days=days))
    assert (result is not None) == is_said


def test_only_finished_events_with_revenue_are_offered(earlier, gala):
    event, _ = gala
    running, _ = make_gala(0, [(5, 1)])
    make_gala(-10, [])
    other, _ = make_gala(-1, [(5, 1)])
    db.write(lambda s: archive.archive(s, OPERATOR, other.id))
    with db.read_session() as session:
        offered = [each.id for each in forecast.list_finished(session, OPERATOR, event.id, NOW.date())]
    assert [each for each in offered if each in {running.id, other.id, *(e.id for e in earlier)}] == [
        other.id, *(each.id for each in earlier),
    ]  # fmt: skip
    assert read(event, [running]) is None
    assert read(event, []) is None


def test_events_of_others_are_left_out(earlier, gala):
    viewer = make.staff(role="viewer", event=gala[0])
    assert read(gala[0], earlier, viewer) is None
    make.assign(viewer, earlier[0])
    assert read(gala[0], earlier, viewer).names == ("Gala 2025",)
    with pytest.raises(NotFound):
        read(earlier[1], earlier, viewer)


def test_backtest_covers_the_chosen_events(earlier, gala):
    lines = read(gala[0], earlier).backtest
    assert [line.days_before for line in lines] == [60, 30, 14, 7, 3]
    assert [(line.judged, line.too_early) for line in lines] == [(0, 3), (3, 0), (3, 0), (3, 0), (3, 0)]

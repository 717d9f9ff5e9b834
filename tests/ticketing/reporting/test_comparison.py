from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import NotFound
from ticketing.reporting import comparison
from ticketing.sales import corrections, purchases

NOW = datetime(2026, 11, 30, 17, tzinfo=UTC)  # noon in New York, five days before the gala


@pytest.fixture
def gala():
    return make.event(starts_at="2026-12-05T18:00", time_zone="America/New_York")


@pytest.fixture
def last_year():
    return make.event(starts_at="2025-12-06T18:00", time_zone="America/New_York")


def sell(event, package, moment, **fields):
    """Record a purchase; `moment` is in the event's time zone unless it has an offset."""
    when = datetime.fromisoformat(moment)
    if when.tzinfo is None:
        when = when.replace(tzinfo=ZoneInfo(event.time_zone))
    draft = make.purchase_draft(package, **fields)
    return db.write(lambda s: purchases.record(s, OPERATOR, event.id, draft, moment=when)).purchase


def compare(event, earlier, actor=OPERATOR, moment=NOW):
    with db.read_session() as session:
        return comparison.compare(session, actor, event.id, earlier.id, moment=moment)


def list_candidates(event, actor=OPERATOR):
    with db.read_session() as session:
        return [candidate.id for candidate in comparison.list_candidates(session, actor, event.id)]


def day_tuples(compared):
    return [
        (line.days_before, line.revenue, line.seats, line.earlier_revenue, line.earlier_seats) for line in compared.days
    ]


def test_events_are_compared_on_equal_days_before_each(gala, last_year):
    package, before = make.package(gala, price="100"), make.package(last_year, price="50", seats_per_package=2)
    sell(gala, package, "2026-11-28T12:00")
    sell(gala, package, "2026-11-30T09:00", quantity=3)
    sell(last_year, before, "2025-11-30T12:00", quantity=4)
    sell(last_year, before, "2025-12-04T12:00")
    compared = compare(gala, last_year)
    assert day_tuples(compared) == [
        (7, 100, 1, 0, 0),
        (6, 100, 1, 200, 8),
        (5, 400, 4, 200, 8),
        (4, None, None, 200, 8),
        (3, None, None, 200, 8),
        (2, None, None, 250, 10),
        (1, None, None, 250, 10),
        (0, None, None, 250, 10),
    ]
    assert compared.today == compared.days[2]
    assert (compared.revenue_ahead, compared.seats_ahead) == (Decimal(200), -4)


def test_day_of_event_is_zero_and_later_days_are_negative(gala, last_year):
    sell(gala, make.package(gala), "2026-12-04T12:00")
    package = make.package(last_year)
    for day in ("2025-12-06T23:59", "2025-12-07T00:00", "2025-12-09T12:00"):
        sell(last_year, package, day)
    assert [(line.days_before, line.earlier_seats) for line in compare(gala, last_year).days] == [
        (1, 0),
        (0, 1),
        (-1, 2),
        (-2, 2),
        (-3, 3),
    ]


def test_days_follow_time_zone_of_each_event(gala):
    """23:30 in New York is the next day in Auckland: the sale is 9 days before one event and 8 before the other."""
    moment = "2026-11-27T04:30+00:00"
    auckland = make.event(starts_at="2026-12-05T18:00", time_zone="Pacific/Auckland")
    sell(gala, make.package(gala), moment)
    sell(auckland, make.package(auckland), moment)
    compared = compare(gala, auckland)
    assert [(line.days_before, line.seats, line.earlier_seats) for line in compared.days][:2] == [(9, 1, 0), (8, 1, 1)]


def test_event_at_midnight_belongs_to_new_day(last_year):
    late = make.event(starts_at="2026-12-05T23:59")
    midnight = make.event(starts_at="2026-12-06T00:00")
    for event in (late, midnight):
        sell(event, make.package(event), "2026-12-04T12:00")
    assert compare(late, last_year).days[0].days_before == 1
    assert compare(midnight, last_year).days[0].days_before == 2


def test_clock_change_adds_no_day():
    event, other = make.event(starts_at="2026-11-02T00:30"), make.event(starts_at="2026-11-02T00:30")
    sell(event, make.package(event), "2026-10-31T23:30")
    assert [line.days_before for line in compare(event, other).days] == [2, 1, 0]


def test_only_paid_sales_count(gala, last_year):
    package = make.package(gala, seats_per_package=2)
    before = make.package(last_year)
    sell(gala, package, "2026-11-29T12:00", payment_status="pending")
    refunded = sell(gala, package, "2026-11-29T12:00")
    voided = sell(gala, package, "2026-11-20T12:00")
    failed = sell(last_year, before, "2025-11-20T12:00", payment_status="pending")
    sell(last_year, before, "2025-12-01T12:00")

    def work(session):
        corrections.void(session, OPERATOR, gala.id, voided.id, "Twice")
        corrections.change_status(session, OPERATOR, gala.id, refunded.id, "refunded", seen_version=1)
        corrections.change_status(session, OPERATOR, last_year.id, failed.id, "failed", seen_version=1)

    db.write(work)
    assert day_tuples(compare(gala, last_year))[0] == (5, 0, 0, 100, 1)


@pytest.mark.parametrize(
    ("moment", "days_before", "known"),
    [
        ("2026-11-30T04:59:59", 6, [7, 6]),
        ("2026-11-30T05:00:00", 5, [7, 6, 5]),
        ("2026-12-05T23:00:00", 0, [7, 6, 5, 4, 3, 2, 1, 0]),
        ("2027-02-01T12:00:00", -58, [7, 6, 5, 4, 3, 2, 1, 0]),
    ],
)
def test_today_follows_event_time_zone_and_later_days_are_unknown(gala, last_year, moment, days_before, known):
    sell(gala, make.package(gala), "2026-11-28T12:00")
    sell(last_year, make.package(last_year), "2025-12-05T12:00")
    compared = compare(gala, last_year, moment=datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert compared.today.days_before == days_before
    assert [line.days_before for line in compared.days if line.revenue is not None] == known


def test_past_event_is_compared_with_all_sales_of_the_other(gala, last_year):
    sell(gala, make.package(gala), "2026-12-01T12:00")
    sell(last_year, make.package(last_year), "2025-12-09T12:00", quantity=3)
    compared = compare(gala, last_year, moment=datetime(2027, 6, 1, tzinfo=UTC))
    assert (compared.revenue_ahead, compared.seats_ahead) == (Decimal(-200), -2)


def test_before_first_sale_both_are_zero(gala, last_year):
    sell(last_year, make.package(last_year), "2025-12-01T12:00")
    compared = compare(gala, last_year, moment=datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert (compared.today.days_before, compared.revenue_ahead, compared.seats_ahead) == (187, Decimal(0), 0)
    assert {line.revenue for line in compared.days} == {None}


def test_events_without_sales_have_no_days(gala, last_year):
    compared = compare(gala, last_year)
    assert (compared.days, compared.revenue_ahead, compared.seats_ahead) == ((), Decimal(0), 0)


def test_event_more_days_away_cannot_be_compared_yet(gala):
    """Five days before the other event are still to come."""
    next_year = make.event(starts_at="2027-12-04T18:00")
    sell(gala, make.package(gala), "2026-11-28T12:00")
    sell(next_year, make.package(next_year), "2026-11-28T12:00")
    compared = compare(gala, next_year)
    assert (compared.today.revenue, compared.today.earlier_revenue) == (100, None)
    assert (compared.revenue_ahead, compared.seats_ahead) == (None, None)


def test_candidates_are_other_events_with_sales_latest_first(gala):
    expected = []
    for year in ("2023", "2025", "2024"):
        event = make.event(starts_at=f"{year}-12-05T18:00")
        sell(event, make.package(event), "2023-01-01T12:00")
        expected.append(event)
    staff = make.staff(event=gala)
    for event in expected:
        make.assign(staff, event)
    make.assign(staff, without_sales := make.event())
    make.package(without_sales)
    make.assign(staff, only_voided := make.event())
    row = sell(only_voided, make.package(only_voided), "2026-11-01T12:00")
    db.write(lambda s: corrections.void(s, OPERATOR, only_voided.id, row.id, "Twice"))
    sell(gala, make.package(gala), "2026-11-01T12:00")
    assert list_candidates(gala, staff) == [expected[1].id, expected[2].id, expected[0].id]
    assert {event.id for event in expected} < set(list_candidates(gala))


def test_compares_only_visible_events(gala, last_year):
    sell(last_year, make.package(last_year), "2025-12-01T12:00")
    only_here, only_there = make.staff("viewer", event=gala), make.staff("viewer", event=last_year)
    assert list_candidates(gala, only_here) == []
    for actor in (only_here, only_there):
        with pytest.raises(NotFound):
            compare(gala, last_year, actor)
    with pytest.raises(NotFound):
        list_candidates(gala, only_there)
    make.assign(only_here, last_year)
    assert list_candidates(gala, only_here) == [last_year.id]
    assert compare(gala, last_year, only_here).days


@pytest.mark.parametrize(
    ("first_sale", "step", "number"),
    [
        ("2025-11-01T12:00", 1, 400),
        ("2025-10-31T12:00", 7, 60),
        ("2021-12-06T12:00", 7, 263),
        ("2021-12-05T12:00", 28, 3),
    ],
)
def test_days_of_a_long_time_are_thinned_out(gala, last_year, first_sale, step, number):
    """400 days and five years are the limits, with the day of the event among them."""
    package, before = make.package(gala, price="100"), make.package(last_year, price="50")
    sell(gala, package, first_sale)
    sell(last_year, before, "2025-12-05T12:00")
    compared = compare(gala, last_year)
    numbers = [line.days_before for line in compared.days]
    assert len(numbers) == number
    assert all(each % step == 0 for each in numbers[1:] if each != compared.today.days_before)
    assert compared.days[0].revenue == 100
    assert compared.days[-1].days_before == 0
    assert (compared.days[-1].revenue, compared.days[-1].earlier_revenue) == (None, 50)


def test_one_sale_in_2000_and_one_in_2099(gala, last_year):
    package, before = make.package(gala, price="100"), make.package(last_year, price="50")
    for moment in ("2000-06-01T12:00", "2099-06-01T12:00"):
        sell(gala, package, moment)
        sell(last_year, before, moment)
    compared = compare(gala, last_year, moment=datetime(2099, 12, 1, tzinfo=UTC))
    assert day_tuples(compared) == [
        (9683, 100, 1, 0, 0),
        (9324, 100, 1, 0, 0),
        (9296, 100, 1, 50, 1),
        (-26460, 100, 1, 50, 1),
        (-26488, 200, 2, 50, 1),
        (-26658, 200, 2, 50, 1),  # today
        (-26684, None, None, 50, 1),
        (-26824, None, None, 50, 1),
        (-26840, None, None, 100, 2),
    ]

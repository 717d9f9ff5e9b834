"""Pace: what the goal needs a day, what the last days brought, and when a package sells out."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ticketing.reporting.pace import compute_pace, estimate_sold_out

TODAY = date(2026, 11, 29)
EVENT_DAY = date(2026, 12, 12)


def pace(*sales, goal="1000", event_day=EVENT_DAY):
    """Return the pace of sales that are (days ago, USD), the first one first."""
    days = [(TODAY - timedelta(days=ago), Decimal(amount)) for ago, amount in sales]
    return compute_pace(days, goal and Decimal(goal), event_day, TODAY)


def test_pace_of_a_sale_of_eight_weeks():
    result = pace((55, "100"), (27, "140"), (7, "70"), (6, "35"), (0, "35"))
    assert (result.days_to_go, result.to_go) == (13, 620)
    assert result.needed_a_day == Decimal("47.69")
    assert (result.recent, result.longer) == (10, 10)
    assert result.reached_on == TODAY + timedelta(days=62)
    assert result.at_event == Decimal("510.00")


@pytest.mark.parametrize(("ago", "recent", "longer"), [(6, 1, 1), (7, 0, "0.88"), (27, 0, "0.25"), (28, 0, 0)])
def test_days_of_a_pace_include_today(ago, recent, longer):
    """Seven dollars, sold so many days ago; the sale has run for as long as it counts."""
    result = pace((ago, "7"))
    assert (result.recent, result.longer) == (recent, Decimal(longer))


def test_new_sale_is_averaged_over_its_own_days():
    assert pace((2, "30")).recent == pace((2, "30")).longer == 10
    assert pace((0, "30")).recent == 30


@pytest.mark.parametrize(
    ("to_go", "days_to_go", "needed"), [("100", 3, "33.33"), ("100", 1, "100"), ("100", 0, "100"), ("0.01", 13, "0.00")]
)
def test_needed_a_day_is_spread_over_the_days_to_go(to_go, days_to_go, needed):
    goal = str(Decimal("500") + Decimal(to_go))
    result = pace((1, "500"), goal=goal, event_day=TODAY + timedelta(days=days_to_go))
    assert result.needed_a_day == Decimal(needed)


@pytest.mark.parametrize("goal", ["500", "499.99"])
def test_reached_goal_needs_nothing(goal):
    result = pace((1, "500"), goal=goal)
    assert (result.to_go, result.needed_a_day, result.reached_on) == (0, None, None)
    assert result.at_event > 500


def test_event_that_is_over_has_no_outlook():
    result = pace((10, "500"), event_day=TODAY - timedelta(days=1))
    assert (result.days_to_go, result.to_go) == (-1, 500)
    assert (result.needed_a_day, result.reached_on, result.at_event) == (None, None, None)


def test_without_goal_there_is_only_a_pace():
    result = pace((1, "500"), goal=None)
    assert (result.to_go, result.needed_a_day, result.reached_on) == (None, None, None)
    assert result.recent == 250


def test_without_recent_sales_the_goal_is_not_reached():
    result = pace((28, "500"))
    assert (result.needed_a_day, result.reached_on, result.at_event) == (Decimal("38.46"), None, None)
    assert pace().recent == 0


@pytest.mark.parametrize(
    ("available", "sold", "days"),
    [
        (10, 14, 10),
        (10, 13, 11),
        (13, 14, 13),
        (14, 14, None),
        (1, 140, 1),
        (5, 0, None),
        (0, 14, None),
        (None, 14, None),
    ],
)
def test_package_sells_out_at_the_pace_of_14_days_unless_the_event_comes_first(available, sold, days):
    expected = None if days is None else TODAY + timedelta(days=days)
    assert estimate_sold_out(available, sold, EVENT_DAY, TODAY) == expected

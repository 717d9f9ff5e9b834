"""Periods of charts: by how many days they go, and where they begin."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from ticketing.reporting import periods


@pytest.mark.parametrize(("days", "period"), [(1, 1), (120, 1), (121, 7), (400, 7), (401, 28), (36_525, 28)])
def test_charts_go_by_day_week_or_four_weeks(days, period):
    assert periods.choose_period(days) == period


@pytest.mark.parametrize("period", [1, 7, 28])
def test_every_day_is_in_the_period_that_began_last(period):
    starts = periods.list_starts(date(2023, 12, 27), date(2025, 1, 10), period)
    assert {after - before for before, after in pairwise(starts)} == {timedelta(days=period)}
    for number in range(381):
        day = date(2023, 12, 27) + timedelta(days=number)
        assert periods.find_start(day, period) == max(start for start in starts if start <= day)


def test_weeks_begin_on_monday_and_four_weeks_do_not_depend_on_the_first_day():
    assert periods.find_start(date(2026, 11, 29), 7) == date(2026, 11, 23)
    assert periods.find_start(date(2026, 11, 30), 7) == date(2026, 11, 30)
    assert {periods.find_start(date(2026, 11, 30) + timedelta(days=n), 28).weekday() for n in range(28)} == {0}
    assert set(periods.list_starts(date(2026, 6, 1), date(2026, 12, 31), 28)) <= set(
        periods.list_starts(date(2000, 1, 1), date(2099, 12, 31), 28)
    )


def test_one_day_is_one_period():
    assert periods.list_starts(date(2026, 11, 29), date(2026, 11, 29), 1) == [date(2026, 11, 29)]

"""The periods by which charts of days are drawn, so that their size hardly depends on the time between two sales.

A period is its number of days: 1, 7 or 28. Periods of 7 and 28 days begin on Mondays, those of 28 always on the same.
"""

from __future__ import annotations

from datetime import date, timedelta

MAX_DAYS_BY_DAY = 120
MAX_DAYS_BY_WEEK = 400
FIRST_MONDAY = date(2000, 1, 3) - timedelta(days=28)  # before every sale


def choose_period(days: int) -> int:
    """Return the period of a chart over this number of days."""
    if days <= MAX_DAYS_BY_DAY:
        return 1
    return 7 if days <= MAX_DAYS_BY_WEEK else 28


def find_start(day: date, period: int) -> date:
    """Return the first day of the period that a day is in."""
    return day if period == 1 else day - timedelta(days=(day - FIRST_MONDAY).days % period)


def list_starts(first: date, last: date, period: int) -> list[date]:
    """Return the first day of every period from the one of `first` to the one of `last`."""
    start = find_start(first, period)
    return [start + timedelta(days=number) for number in range(0, (last - start).days + 1, period)]

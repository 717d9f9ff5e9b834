"""How fast an event sells: what its goal needs a day, what the last days brought, and when a package sells out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from ticketing import money

RECENT_DAYS, LONGER_DAYS, SELL_OUT_DAYS = 7, 28, 14


@dataclass(frozen=True)
class Pace:
    """The way of an event's revenue to its goal, in USD; the days that count include today.

    `recent` and `longer` are the revenue a day in the last 7 and 28 days, or since the first sale if that is later.
    Without a goal, `to_go` and what follows from it are None. `needed_a_day` is None when the goal is reached or the
    event is over. `reached_on` is the day on which the pace of the last 28 days reaches the goal, and `at_event` the
    revenue that it reaches on the day of the event; both are None when the event is over, or nothing was sold.
    """

    days_to_go: int
    recent: Decimal
    longer: Decimal
    to_go: Decimal | None
    needed_a_day: Decimal | None
    reached_on: date | None
    at_event: Decimal | None


def compute_pace(
    revenue_by_day: Iterable[tuple[date, Decimal]], goal: Decimal | None, event_day: date, today: date
) -> Pace:
    """Return the pace of an event from its days with sales, the first one first."""
    days = list(revenue_by_day)
    revenue = sum((amount for _, amount in days), money.ZERO)
    first_day = days[0][0] if days else today
    recent, longer = (average_a_day(days, first_day, today, count) for count in (RECENT_DAYS, LONGER_DAYS))
    days_to_go = (event_day - today).days
    to_go = None if goal is None else max(goal - revenue, money.ZERO)
    is_over, is_selling = days_to_go < 0, longer > 0
    return Pace(
        days_to_go,
        recent,
        longer,
        to_go,
        compute_needed_a_day(to_go, days_to_go),
        today + timedelta(days=math.ceil(to_go / longer)) if to_go and is_selling and not is_over else None,
        money.round_to_cents(revenue + longer * days_to_go) if is_selling and not is_over else None,
    )


def compute_needed_a_day(to_go: Decimal | None, days_to_go: int) -> Decimal | None:
    """Return what each day until the event must bring; None without a goal, once it is reached, or after the event."""
    return None if not to_go or days_to_go < 0 else money.round_to_cents(to_go / max(days_to_go, 1))


def average_a_day(days: Iterable[tuple[date, Decimal]], first_day: date, today: date, count: int) -> Decimal:
    """Return the revenue a day in the last `count` days, or since the first sale if that is later."""
    sold = sum((amount for day, amount in days if today - timedelta(days=count) < day <= today), money.ZERO)
    return money.round_to_cents(sold / min(count, max((today - first_day).days + 1, 1)))


def estimate_sold_out(available: int | None, sold: int, event_day: date, today: date) -> date | None:
    """Return the day on which a package sells out at the pace of the last 14 days, in which `sold` were.

    None without a limit, when nothing is left or was sold, and when the event comes first.
    """
    if not available or sold <= 0:
        return None
    day = today + timedelta(days=math.ceil(available * SELL_OUT_DAYS / sold))
    return day if day <= event_day else None

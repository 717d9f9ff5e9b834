"""Compare the sales of two events the same number of days before each.

Days before an event are the day of the event minus the day of the sale, both in the event's time zone: 0 is the day of
the event, later sales have negative numbers. Revenue is USD, seats are seats, both of completed purchases.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import accumulate
from operator import neg
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.models import DailySales, Event
from ticketing.purchase_filter import PurchaseFilter, select_daily_sales
from ticketing.sales_filter import ALL_SALES, SalesFilter

# Lines of days may be longer than the bars of a chart: one of each week beyond 400 days, of four beyond five years.
MAX_DAYS_BY_DAY = 400
MAX_DAYS_BY_WEEK = 5 * 365 + 1
_IS_PAID = (DailySales.payment_status == "completed") & (DailySales.purchases > 0)


@dataclass(frozen=True)
class ComparedDay:
    """What both events had sold by the end of a day, counted in days before each; None for a day still to come."""

    days_before: int
    revenue: Decimal | None
    seats: int | None
    earlier_revenue: Decimal | None
    earlier_seats: int | None


@dataclass(frozen=True)
class Comparison:
    """The days from the first sale of either event to the day of the event, or to the last sale when that is later.

    They are the first and the last of these days, the current ones, and between them every day; beyond 400 days one of
    each week, beyond five years one of four weeks and only where something changes. `today` is the event's
    current day, and the same day before the earlier event.
    """

    days: tuple[ComparedDay, ...]
    today: ComparedDay

    @property
    def revenue_ahead(self) -> Decimal | None:
        """Revenue minus the earlier event's on the same day before it, in USD; None while that cannot be compared."""
        if self.today.revenue is None or self.today.earlier_revenue is None:
            return None
        return self.today.revenue - self.today.earlier_revenue

    @property
    def seats_ahead(self) -> int | None:
        """Seats sold minus the earlier event's on the same day before it; None while that cannot be compared."""
        if self.today.seats is None or self.today.earlier_seats is None:
            return None
        return self.today.seats - self.today.earlier_seats


def list_candidates(session: Session, actor: Actor, event_id: uuid.UUID) -> list[Event]:
    """Return the other events with paid sales that the actor may see, latest start first.

    Raises NotFound when the actor may not see `event_id`.
    """
    permissions.require(session, actor, "read", event_id)
    has_sales = exists().where(DailySales.event_id == Event.id, _IS_PAID)
    return list(
        session.scalars(
            events.select_visible(actor)
            .where(Event.id != event_id, has_sales)
            .order_by(Event.starts_at.desc(), Event.id.desc())
        )
    )


def compare(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    earlier_id: uuid.UUID,
    *,
    sales_filter: SalesFilter = ALL_SALES,
    moment: datetime | None = None,
) -> Comparison:
    """Return the comparison of an event with an earlier one as of `moment` (default now).

    Of the filter, channels and sponsorships apply to both; its packages are those of one event, its days dates.

    Raises NotFound when the actor may not see either event.
    """
    moment = moment or datetime.now(UTC)
    current = _load_cumulative_sales(session, events.get(session, actor, event_id), moment, sales_filter)
    earlier = _load_cumulative_sales(session, events.get(session, actor, earlier_id), moment, sales_filter)

    def compare_day(days_before: int) -> ComparedDay:
        return ComparedDay(days_before, *current.get_totals(days_before), *earlier.get_totals(days_before))

    sale_days = [*current.sale_days_before, *earlier.sale_days_before]
    days = _list_days(max(sale_days), min(0, *sale_days), {current.today, earlier.today}) if sale_days else ()
    return Comparison(_skip_unchanged(map(compare_day, days)), compare_day(current.today))


def _choose_step(days: int) -> int:
    if days <= MAX_DAYS_BY_DAY:
        return 1
    return 7 if days <= MAX_DAYS_BY_WEEK else 28


def _list_days(first: int, last: int, kept: set[int]) -> list[int]:
    """Return the days before an event to compare, the first and largest number first."""
    step = _choose_step(first - last + 1)
    between = range(first - first % step, last, -step)
    return sorted({first, last, *between, *(day for day in kept if last <= day <= first)}, reverse=True)


def _skip_unchanged(days: Iterable[ComparedDay]) -> tuple[ComparedDay, ...]:
    """Return the days without those that equal both neighbors, when they are of many years."""
    every = tuple(days)
    if not every or _choose_step(every[0].days_before - every[-1].days_before + 1) != 28:
        return every
    totals = [replace(day, days_before=0) for day in every]
    triples = zip(totals, totals[1:], totals[2:], strict=False)
    changing = (
        day for day, (before, same, after) in zip(every[1:], triples, strict=False) if not before == same == after
    )
    return every[0], *changing, every[-1]


@dataclass(frozen=True)
class _CumulativeSales:
    """Cumulative sales of one event.

    `sale_days_before` are its days with sales, `running_totals` its revenue and seats before the first of them and
    after each, `today` its current day: all in days before the event.
    """

    sale_days_before: tuple[int, ...]
    running_totals: tuple[tuple[Decimal, int], ...]
    today: int

    def get_totals(self, days_before: int) -> tuple[Decimal, int] | tuple[None, None]:
        if days_before < self.today:
            return None, None
        return self.running_totals[bisect_right(self.sale_days_before, -days_before, key=neg)]


def _load_cumulative_sales(
    session: Session, event: Event, moment: datetime, sales_filter: SalesFilter
) -> _CumulativeSales:
    zone = ZoneInfo(event.time_zone)
    event_day = event.starts_at.astimezone(zone).date()
    comparable = replace(sales_filter.without_days, package_ids=())
    paid = PurchaseFilter.of_sales(comparable, statuses=("completed",))
    rows = session.execute(
        select_daily_sales(paid, event.id, DailySales.day, func.sum(DailySales.total), func.sum(DailySales.seats))
        .group_by(DailySales.day)
        .order_by(DailySales.day)
    ).all()
    revenues = accumulate((revenue for _, revenue, _ in rows), initial=money.ZERO)
    seats = accumulate((seats for _, _, seats in rows), initial=0)
    return _CumulativeSales(
        sale_days_before=tuple((event_day - day).days for day, _, _ in rows),
        running_totals=tuple(zip(revenues, seats, strict=True)),
        today=(event_day - moment.astimezone(zone).date()).days,
    )

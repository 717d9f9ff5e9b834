"""Compare the sales of two events the same number of days before each.

Days before an event are the day of the event minus the day of the sale, both in the event's time zone: 0 is the day of
the event, later sales have negative numbers. Revenue is USD of completed purchases; seats count pending ones too.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import accumulate
from operator import neg
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func, literal, or_, select
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.models import SOLD_STATUSES, DailySales, Event, Package

_IS_SOLD = DailySales.payment_status.in_(SOLD_STATUSES) & (DailySales.purchases > 0)


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

    `today` is the event's current day, and the same day before the earlier event.
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
    """Return the other events with sales that the actor may see, latest start first.

    Raises NotFound when the actor may not see `event_id`.
    """
    permissions.require(session, actor, "read", event_id)
    has_sales = exists().where(DailySales.event_id == Event.id, _IS_SOLD)
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
    sponsorships_only: bool = False,
    moment: datetime | None = None,
) -> Comparison:
    """Return the comparison of an event (or its sponsorships only) with an earlier one as of `moment` (default now).

    Raises NotFound when the actor may not see either event.
    """
    moment = moment or datetime.now(UTC)
    current = _load_cumulative_sales(session, events.get(session, actor, event_id), moment, sponsorships_only)
    earlier = _load_cumulative_sales(session, events.get(session, actor, earlier_id), moment, sponsorships_only)

    def compare_day(days_before: int) -> ComparedDay:
        return ComparedDay(days_before, *current.get_totals(days_before), *earlier.get_totals(days_before))

    sale_days = [*current.sale_days_before, *earlier.sale_days_before]
    days = range(max(sale_days), min(0, *sale_days) - 1, -1) if sale_days else ()
    return Comparison(tuple(compare_day(day) for day in days), compare_day(current.today))


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
    session: Session, event: Event, moment: datetime, sponsorships_only: bool
) -> _CumulativeSales:
    zone = ZoneInfo(event.time_zone)
    event_day = event.starts_at.astimezone(zone).date()
    revenue = func.sum(DailySales.total).filter(DailySales.payment_status == "completed")
    rows = session.execute(
        select(DailySales.day, func.coalesce(revenue, money.ZERO), func.sum(DailySales.seats))
        .join(Package, Package.id == DailySales.package_id)
        .where(DailySales.event_id == event.id, _IS_SOLD, or_(~literal(sponsorships_only), Package.is_sponsorship))
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

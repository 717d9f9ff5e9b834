"""An event against an earlier one at equal days before the event: is it ahead or behind?

The days before an event are its own day minus the day of the sale, both in the event's own time zone: 0 is the day of
the event, and what was sold later is negative. Money is USD of completed purchases; seats count pending ones too.
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
    """What each event had sold by the end of the day that is so many days before it; None has not come yet."""

    days_before: int
    revenue: Decimal | None
    seats: int | None
    earlier_revenue: Decimal | None
    earlier_seats: int | None


@dataclass(frozen=True)
class Comparison:
    """The days from the first sale of either event to the day of the event, or to the last sale when that is later.

    `today` is where this event stands now, and the earlier one at as many days before it.
    """

    days: tuple[ComparedDay, ...]
    today: ComparedDay

    @property
    def revenue_ahead(self) -> Decimal | None:
        """USD more than the earlier event had at as many days before it; negative is behind."""
        if self.today.revenue is None or self.today.earlier_revenue is None:
            return None
        return self.today.revenue - self.today.earlier_revenue

    @property
    def seats_ahead(self) -> int | None:
        """Seats more than the earlier event had sold at as many days before it; negative is behind."""
        if self.today.seats is None or self.today.earlier_seats is None:
            return None
        return self.today.seats - self.today.earlier_seats


def list_candidates(session: Session, actor: Actor, event_id: uuid.UUID) -> list[Event]:
    """The other events the actor may see in which something is sold, the earliest start last. Raises NotFound."""
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
    """This event (or its sponsorships alone) against the earlier one as of `moment` (default now).

    Raises NotFound for either.
    """
    moment = moment or datetime.now(UTC)
    this = _load_cumulative_sales(session, events.get(session, actor, event_id), moment, sponsorships_only)
    earlier = _load_cumulative_sales(session, events.get(session, actor, earlier_id), moment, sponsorships_only)

    def line(days_before: int) -> ComparedDay:
        return ComparedDay(days_before, *this.at(days_before), *earlier.at(days_before))

    sold_on = [*this.sale_days_before, *earlier.sale_days_before]
    span = range(max(sold_on), min(0, *sold_on) - 1, -1) if sold_on else ()
    return Comparison(tuple(line(days_before) for days_before in span), line(this.now))


@dataclass(frozen=True)
class _CumulativeSales:
    """What one event had sold: `sold_on` are its days with sales, as days before it, and `sums` begin with none."""

    sale_days_before: tuple[int, ...]
    running_totals: tuple[tuple[Decimal, int], ...]
    now: int

    def at(self, days_before: int) -> tuple[Decimal, int] | tuple[None, None]:
        if days_before < self.now:
            return None, None
        return self.running_totals[bisect_right(self.sale_days_before, -days_before, key=neg)]


def _load_cumulative_sales(
    session: Session, event: Event, moment: datetime, sponsorships_only: bool
) -> _CumulativeSales:
    zone = ZoneInfo(event.time_zone)
    its_day = event.starts_at.astimezone(zone).date()
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
        sale_days_before=tuple((its_day - day).days for day, _, _ in rows),
        running_totals=tuple(zip(revenues, seats, strict=True)),
        now=(its_day - moment.astimezone(zone).date()).days,
    )

"""What was sold, read-only. Source of every figure: PRODUCT "Sales" and the words "sold count", "counts", "revenue".

Packages and seats count purchases that are completed or pending; money counts completed ones only. Days are the
event's own days. Call several of these in one `db.reading()` session and they describe one moment.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Date, Text, cast, func, select
from sqlalchemy.orm import Session

from ticketing import accounts, money
from ticketing.actors import Actor
from ticketing.models import BOX_OFFICE_CHANNELS, COUNTING_STATUSES, AssignedTicket, Event, Package, PromoCode, Purchase

_COUNTS = Purchase.payment_status.in_(COUNTING_STATUSES)
_COMPLETED = Purchase.payment_status == "completed"


@dataclass(frozen=True)
class PackageSales:
    """One package: packages sold, packages left (None is unlimited), seats sold, revenue in USD."""

    package_id: uuid.UUID
    name: str
    sold_count: int
    quantity_limit: int | None
    available: int | None
    seats_sold: int
    revenue: Decimal
    is_sponsorship: bool
    is_sold_out: bool


@dataclass(frozen=True)
class Summary:
    """An event's figures. `revenue` and `discount` are USD of completed purchases; `pending` is USD still to come."""

    revenue: Decimal
    discount: Decimal
    pending: Decimal
    purchases: int
    packages_sold: int
    seats_sold: int
    seats_named: int
    sold_out_count: int
    revenue_goal: Decimal | None
    by_package: tuple[PackageSales, ...]

    @property
    def goal_reached(self) -> Decimal | None:
        """Percent of the revenue goal, with one decimal rounded down: 100 only when it is reached."""
        if self.revenue_goal is None:
            return None
        return (self.revenue * 1000 // self.revenue_goal) / 10


@dataclass(frozen=True)
class DaySales:
    """One day of the event's calendar: USD and packages of that day, and USD since the first sale."""

    day: date
    revenue: Decimal
    cumulative: Decimal
    packages_sold: int


@dataclass(frozen=True)
class PurchaseLine:
    """A purchase as the table shows it."""

    purchase: Purchase
    package: str
    promo_code: str | None
    guests_named: int


def summary(session: Session, actor: Actor, event_id: uuid.UUID, *, sponsorships_only: bool = False) -> Summary:
    """The figures of an event, or of its sponsorships alone. Raises NotFound."""
    accounts.require(session, actor, "read", event_id)
    rows = session.execute(
        select(
            Package,
            _sum(Purchase.seats, _COUNTS).label("seats"),
            _sum(Purchase.total, _COMPLETED).label("revenue"),
            _sum(Purchase.discount, _COMPLETED).label("discount"),
            _sum(Purchase.total, Purchase.payment_status == "pending").label("pending"),
            func.count(Purchase.id).filter(_COUNTS).label("purchases"),
        )
        .outerjoin(Purchase, (Purchase.package_id == Package.id) & (Purchase.event_id == event_id))
        .where(Package.event_id == event_id, *_only_sponsorships(sponsorships_only))
        .group_by(Package.id)
        .order_by(Package.display_order)
    ).all()
    goal = session.scalars(select(Event.revenue_goal).where(Event.id == event_id)).one()
    return Summary(
        revenue=sum((row.revenue for row in rows), money.ZERO),
        discount=sum((row.discount for row in rows), money.ZERO),
        pending=sum((row.pending for row in rows), money.ZERO),
        purchases=sum(row.purchases for row in rows),
        packages_sold=sum(row.Package.sold_count for row in rows),
        seats_sold=sum(row.seats for row in rows),
        seats_named=_seats_named(session, event_id, sponsorships_only),
        sold_out_count=sum(row.Package.is_sold_out for row in rows),
        revenue_goal=goal,
        by_package=tuple(
            PackageSales(
                row.Package.id,
                row.Package.name,
                row.Package.sold_count,
                row.Package.quantity_limit,
                row.Package.available,
                row.seats,
                money.to_cents(row.revenue),
                row.Package.is_sponsorship,
                row.Package.is_sold_out,
            )
            for row in rows
        ),
    )


def by_day(
    session: Session, actor: Actor, event_id: uuid.UUID, *, sponsorships_only: bool = False
) -> tuple[DaySales, ...]:
    """Sales from the first day with one to the last, in the event's time zone, quiet days included as zeros."""
    accounts.require(session, actor, "read", event_id)
    zone = select(Event.time_zone).where(Event.id == event_id).scalar_subquery()
    day = cast(func.timezone(zone, Purchase.purchased_at), Date).label("day")
    rows = {
        row.day: row
        for row in session.execute(
            select(
                day,
                _sum(Purchase.total, _COMPLETED).label("revenue"),
                _sum(Purchase.quantity, _COUNTS).label("packages"),
            )
            .join(Package, Package.id == Purchase.package_id)
            .where(Purchase.event_id == event_id, _COUNTS, *_only_sponsorships(sponsorships_only))
            .group_by(day)
        )
    }
    if not rows:
        return ()
    first, last = min(rows), max(rows)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    revenues = [money.to_cents(rows[day].revenue) if day in rows else money.ZERO for day in days]
    sold = [rows[day].packages if day in rows else 0 for day in days]
    return tuple(DaySales(*line) for line in zip(days, revenues, accumulate(revenues), sold, strict=True))


def list_purchases(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    *,
    page: int = 1,
    per_page: int = 20,
    package_id: uuid.UUID | None = None,
    sponsorships_only: bool = False,
    recorded_here: bool = False,
) -> tuple[list[PurchaseLine], int]:
    """One page of the purchases, the latest first, and how many there are; `recorded_here` means at the box office."""
    accounts.require(session, actor, "read", event_id)
    chosen = [Purchase.event_id == event_id, *_only_sponsorships(sponsorships_only)]
    if package_id is not None:
        chosen.append(Purchase.package_id == package_id)
    if recorded_here:
        chosen.append(Purchase.channel.in_(BOX_OFFICE_CHANNELS))
    total = session.scalar(
        select(func.count()).select_from(Purchase).join(Package, Package.id == Purchase.package_id).where(*chosen)
    )
    named = (
        select(func.count())
        .where(AssignedTicket.purchase_id == Purchase.id, AssignedTicket.guest_name.is_not(None))
        .scalar_subquery()
    )
    rows = session.execute(
        select(Purchase, Package.name, PromoCode.code, named)
        .join(Package, Package.id == Purchase.package_id)
        .outerjoin(PromoCode, PromoCode.id == Purchase.promo_code_id)
        .where(*chosen)
        .order_by(Purchase.purchased_at.desc(), Purchase.id.desc())
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return [PurchaseLine(*row) for row in rows], total or 0


def state(session: Session, event_ids: set[uuid.UUID]) -> dict[uuid.UUID, tuple[int, ...]]:
    """A mark for each event that differs whenever a sale, a package or the event itself changed.

    Built from the packages' own counters, so it costs one small index range per event and cannot miss a transaction
    that commits late, as a look at the newest timestamp would. Judges nothing: it tells no figure.
    """
    rows = session.execute(
        select(
            Event.id,
            Event.version,
            func.count(Package.id),
            func.coalesce(func.sum(Package.sales_version), 0),
            func.coalesce(func.sum(Package.version), 0),
            func.coalesce(func.sum(func.hashtext(cast(Package.id, Text))), 0),
        )
        .outerjoin(Package, Package.event_id == Event.id)
        .where(Event.id.in_(event_ids))
        .group_by(Event.id)
    )
    return {row[0]: tuple(int(part) for part in row[1:]) for row in rows}


def _sum(column: Any, condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column).filter(condition), 0)


def _only_sponsorships(wanted: bool) -> list[ColumnElement[bool]]:
    return [Package.is_sponsorship.is_(True)] if wanted else []


def _seats_named(session: Session, event_id: uuid.UUID, sponsorships_only: bool) -> int:
    named = (
        select(func.count())
        .select_from(AssignedTicket)
        .join(Purchase, Purchase.id == AssignedTicket.purchase_id)
        .where(AssignedTicket.event_id == event_id, AssignedTicket.guest_name.is_not(None), _COUNTS)
    )
    if sponsorships_only:
        named = named.join(Package, Package.id == Purchase.package_id).where(Package.is_sponsorship)
    return session.scalar(named) or 0

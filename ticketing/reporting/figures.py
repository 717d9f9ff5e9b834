"""Sales figures, read-only. Source of every figure: docs/product.md, "Sales" and "Words".

Packages and seats count purchases that are completed or pending ("sold"); money counts completed ones only. Amounts
are USD, days are days of the event's time zone. Functions called in one `db.read_session()` describe one moment.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any

from sqlalchemy import Row, Text, cast, func, literal, or_, select, text
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.models import CHANNELS, PAYMENT_STATUSES, SOLD_STATUSES, Event, Package


@dataclass(frozen=True)
class PackageSales:
    """Sales of one package, also of one that has none.

    `sold_count` is packages sold, `available` is packages left (None is unlimited), `seats_sold` is packages sold times
    the seats each had when it was sold, `seats_named` is the seats among them that have a guest.
    """

    package_id: uuid.UUID
    name: str
    sold_count: int
    quantity_limit: int | None
    available: int | None
    seats_sold: int
    seats_named: int
    revenue: Decimal
    is_sponsorship: bool
    is_sold_out: bool


@dataclass(frozen=True)
class StatusSales:
    """All purchases of one payment status, with their packages and seats and the sum of their totals."""

    status: str
    purchases: int
    packages: int
    seats: int
    total: Decimal


@dataclass(frozen=True)
class PromoCodeSales:
    """Sold purchases with one promo code, or without any (`code` is None); discount and revenue of completed ones."""

    promo_code_id: uuid.UUID | None
    code: str | None
    purchases: int
    packages: int
    discount: Decimal
    revenue: Decimal


@dataclass(frozen=True)
class ChannelSales:
    """Sold purchases of one sales channel, and revenue of the completed ones."""

    channel: str
    purchases: int
    packages: int
    revenue: Decimal


@dataclass(frozen=True)
class DaySales:
    """One day: its revenue and packages sold, and the revenue since the first sale (`cumulative`)."""

    day: date
    revenue: Decimal
    cumulative: Decimal
    packages_sold: int


@dataclass(frozen=True)
class RevenueBridge:
    """How list prices of completed purchases add up to the revenue: `list_price - discount + difference`.

    `list_price` is quantity times the price at the time of sale; `discount` is taken off by promo codes, comp sales and
    imports; `difference` is how far imported totals are from list price less discount, usually 0.00.
    """

    list_price: Decimal
    discount: Decimal
    difference: Decimal
    revenue: Decimal


@dataclass(frozen=True)
class SalesFigures:
    """All figures of an event.

    `revenue` is what completed purchases cost after discounts, and `discount` what was taken off them; `pending` is
    what pending purchases will bring; `refunded` is what refunded purchases had cost. `purchases` is the number of sold
    purchases, `packages_sold` their quantities, `seats_sold` the seats of these packages, `seats_named` the seats that
    have a guest. `sold_out_count` is the number of packages with nothing left.

    `by_status` has all five statuses. `by_promo_code` and `by_channel` have those with sold purchases; the codes with
    the most revenue come first, purchases without a code last. `by_day` runs from the first day with a sold purchase to
    the last and includes days without sales as zeros.
    """

    revenue: Decimal
    discount: Decimal
    pending: Decimal
    refunded: Decimal
    purchases: int
    packages_sold: int
    seats_sold: int
    seats_named: int
    sold_out_count: int
    revenue_goal: Decimal | None
    bridge: RevenueBridge
    by_package: tuple[PackageSales, ...]
    by_status: tuple[StatusSales, ...]
    by_promo_code: tuple[PromoCodeSales, ...]
    by_channel: tuple[ChannelSales, ...]
    by_day: tuple[DaySales, ...]

    @property
    def goal_percent(self) -> Decimal | None:
        """Percent of the revenue goal, with one decimal rounded down: 100 only when it is reached."""
        if self.revenue_goal is None:
            return None
        return (self.revenue * 1000 // self.revenue_goal) / 10


def get_figures(
    session: Session, actor: Actor, event_id: uuid.UUID, *, sponsorships_only: bool = False
) -> SalesFigures:
    """Return the figures of an event, or of its sponsorships only, from two queries of the daily totals.

    Raises NotFound when the actor may not see the event.
    """
    permissions.require(session, actor, "read", event_id)
    parameters = {"event_id": event_id, "sponsorships_only": sponsorships_only}
    totals = _GroupedTotals(session.execute(_GROUPED_TOTALS_SQL, parameters).all())
    rows = session.execute(
        select(Event.revenue_goal, Package)
        .outerjoin(Package, (Package.event_id == Event.id) & or_(~literal(sponsorships_only), Package.is_sponsorship))
        .where(Event.id == event_id)
        .order_by(Package.display_order)
    ).all()
    by_package = tuple(totals.build_package_sales(row.Package) for row in rows if row.Package is not None)
    by_status = tuple(totals.build_status_sales(status) for status in PAYMENT_STATUSES)
    total_by_status = {line.status: line.total for line in by_status}
    bridge = totals.build_bridge()
    return SalesFigures(
        revenue=bridge.revenue,
        discount=bridge.discount,
        pending=total_by_status["pending"],
        refunded=total_by_status["refunded"],
        purchases=sum(line.purchases for line in by_status if line.status in SOLD_STATUSES),
        packages_sold=sum(line.sold_count for line in by_package),
        seats_sold=sum(line.seats_sold for line in by_package),
        seats_named=sum(line.seats_named for line in by_package),
        sold_out_count=sum(line.is_sold_out for line in by_package),
        revenue_goal=rows[0].revenue_goal,
        by_package=by_package,
        bridge=bridge,
        by_status=by_status,
        by_promo_code=totals.build_promo_code_sales(),
        by_channel=totals.build_channel_sales(),
        by_day=totals.build_day_sales(),
    )


def get_package_sales(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> PackageSales:
    """Return the sales of one package. Raises NotFound when the event or the package does not exist for the actor."""
    for line in get_figures(session, actor, event_id).by_package:
        if line.package_id == package_id:
            return line
    raise NotFound("package")


def compute_fingerprints(session: Session, event_ids: set[uuid.UUID]) -> dict[uuid.UUID, tuple[int, ...]]:
    """Return a fingerprint per event that changes with every sale and with every edit of the event or its packages.

    It is built from the counters of the packages, so it costs one small index range per event and cannot miss a
    transaction that commits late, as a comparison of timestamps would. Checks no permission: it reveals no figure.
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


# One pass over the daily totals yields every line of the figures. Voided sales leave rows of zeros, which are skipped.
_GROUPED_TOTALS_SQL = text("""
    SELECT CASE 0 WHEN grouping(sales.payment_status) THEN 'status' WHEN grouping(sales.package_id) THEN 'package'
            WHEN grouping(sales.channel) THEN 'channel' WHEN grouping(sales.day) THEN 'day' ELSE 'code' END AS line,
        sales.payment_status, sales.package_id, sales.channel, sales.day, sales.promo_code_id, promo_code.code,
        sum(purchases) AS all_purchases, sum(quantity) AS all_packages, sum(seats) AS all_seats,
        sum(total) AS all_total,
        coalesce(sum(purchases) FILTER (WHERE counts), 0) AS purchases,
        coalesce(sum(quantity) FILTER (WHERE counts), 0) AS packages,
        coalesce(sum(seats) FILTER (WHERE counts), 0) AS seats,
        coalesce(sum(seats_named) FILTER (WHERE counts), 0) AS seats_named,
        coalesce(sum(list_price) FILTER (WHERE is_completed), 0.00) AS list_price,
        coalesce(sum(discount) FILTER (WHERE is_completed), 0.00) AS discount,
        coalesce(sum(total) FILTER (WHERE is_completed), 0.00) AS revenue
    FROM (
        SELECT *, payment_status IN ('completed', 'pending') AS counts, payment_status = 'completed' AS is_completed
        FROM daily_sales WHERE event_id = :event_id
    ) AS sales
    JOIN packages AS package ON package.id = sales.package_id AND (NOT :sponsorships_only OR package.is_sponsorship)
    LEFT JOIN promo_codes AS promo_code ON promo_code.id = sales.promo_code_id
    GROUP BY GROUPING SETS ((sales.payment_status), (sales.package_id), (sales.channel), (sales.day),
        (sales.promo_code_id, promo_code.code))
""")


class _GroupedTotals:
    """The rows of _GROUPED_TOTALS_SQL by group, and the lines of the figures built from them."""

    def __init__(self, rows: Sequence[Row[Any]]) -> None:
        self._status = {row.payment_status: row for row in rows if row.line == "status"}
        self._package = {row.package_id: row for row in rows if row.line == "package"}
        self._channel = {row.channel: row for row in rows if row.line == "channel" and row.purchases}
        self._day = {row.day: row for row in rows if row.line == "day" and row.purchases}
        self._code = [row for row in rows if row.line == "code" and row.purchases]

    def build_bridge(self) -> RevenueBridge:
        row = self._status.get("completed")
        if row is None:
            return RevenueBridge(money.ZERO, money.ZERO, money.ZERO, money.ZERO)
        return RevenueBridge(row.list_price, row.discount, row.revenue - (row.list_price - row.discount), row.revenue)

    def build_status_sales(self, status: str) -> StatusSales:
        row = self._status.get(status)
        if row is None:
            return StatusSales(status, 0, 0, 0, money.ZERO)
        return StatusSales(status, row.all_purchases, row.all_packages, row.all_seats, row.all_total)

    def build_package_sales(self, package: Package) -> PackageSales:
        row = self._package.get(package.id)
        return PackageSales(
            package_id=package.id,
            name=package.name,
            sold_count=package.sold_count,
            quantity_limit=package.quantity_limit,
            available=package.available,
            seats_sold=row.seats if row else 0,
            seats_named=row.seats_named if row else 0,
            revenue=row.revenue if row else money.ZERO,
            is_sponsorship=package.is_sponsorship,
            is_sold_out=package.is_sold_out,
        )

    def build_channel_sales(self) -> tuple[ChannelSales, ...]:
        rows = [self._channel[channel] for channel in CHANNELS if channel in self._channel]
        return tuple(ChannelSales(row.channel, row.purchases, row.packages, row.revenue) for row in rows)

    def build_promo_code_sales(self) -> tuple[PromoCodeSales, ...]:
        rows = sorted(self._code, key=lambda row: (row.code is None, -row.revenue, row.code))
        return tuple(
            PromoCodeSales(row.promo_code_id, row.code, row.purchases, row.packages, row.discount, row.revenue)
            for row in rows
        )

    def build_day_sales(self) -> tuple[DaySales, ...]:
        if not self._day:
            return ()
        first, last = min(self._day), max(self._day)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        revenues = [self._day[day].revenue if day in self._day else money.ZERO for day in days]
        sold = [self._day[day].packages if day in self._day else 0 for day in days]
        return tuple(DaySales(*line) for line in zip(days, revenues, accumulate(revenues), sold, strict=True))

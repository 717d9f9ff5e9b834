"""What was sold, read-only. Source of every figure: PRODUCT "Sales" and the words "sold count", "counts", "revenue".

Packages and seats count purchases that are completed or pending; money counts completed ones only. Days are the
event's own days. Call several of these in one `db.read_session()` session and they describe one moment.
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
from ticketing.models import (
    CHANNELS,
    PAYMENT_STATUSES,
    SOLD_STATUSES,
    Event,
    Package,
)


@dataclass(frozen=True)
class PackageSales:
    """One package of the event, sold or not. USD is of completed purchases; the rest counts pending ones too.

    `sold_count` is packages sold, `available` is packages left (None is unlimited), `seats_sold` is packages sold times
    the seats each had when it was sold, `seats_named` is those of them that have a guest.
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
    """All purchases of one payment status, what they hold or held, and their totals in USD."""

    status: str
    purchases: int
    packages: int
    seats: int
    total: Decimal


@dataclass(frozen=True)
class PromoCodeSales:
    """Purchases with one promo code, or without any (`code` None): completed and pending ones.

    `discount` is what their purchasers paid less and `revenue` what they paid: USD of the completed ones.
    """

    promo_code_id: uuid.UUID | None
    code: str | None
    purchases: int
    packages: int
    discount: Decimal
    revenue: Decimal


@dataclass(frozen=True)
class ChannelSales:
    """Purchases made one way: completed and pending ones, and USD of the completed ones."""

    channel: str
    purchases: int
    packages: int
    revenue: Decimal


@dataclass(frozen=True)
class DaySales:
    """One day of the event's calendar: USD and packages of that day, and USD since the first sale."""

    day: date
    revenue: Decimal
    cumulative: Decimal
    packages_sold: int


@dataclass(frozen=True)
class RevenueBridge:
    """How the list prices of completed purchases become the revenue: `list_price - discount + difference`, in USD.

    `list_price` is quantity times the price of the moment; `discount` is what promo codes, comp and imported discounts
    took off; `difference` is how far imported totals are from list price less discount, usually 0.00.
    """

    list_price: Decimal
    discount: Decimal
    difference: Decimal
    revenue: Decimal


@dataclass(frozen=True)
class SalesSummary:
    """An event's figures in short.

    `revenue` is what completed purchases cost after discounts, and `discount` what was taken off them; `pending` is
    what pending purchases will bring; `refunded` is what refunded purchases had cost: all USD. `purchases` is the
    number of completed and pending ones, `packages_sold` their quantities, `seats_sold` the seats of these packages,
    `seats_named` the seats that have a guest. `sold_out_count` is the number of packages with nothing left.
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
    by_package: tuple[PackageSales, ...]

    @property
    def goal_percent(self) -> Decimal | None:
        """Percent of the revenue goal, with one decimal rounded down: 100 only when it is reached."""
        if self.revenue_goal is None:
            return None
        return (self.revenue * 1000 // self.revenue_goal) / 10


@dataclass(frozen=True)
class SalesFigures(SalesSummary):
    """An event's figures in full: the same purchases by status, by promo code, by channel and by day.

    `by_status` has all five statuses. `by_promo_code` and `by_channel` have those with purchases that count; the codes
    with the most revenue first and purchases without a code last. `by_day` runs from the first day with a purchase that
    counts to the last, quiet days included as zeros.
    """

    bridge: RevenueBridge
    by_status: tuple[StatusSales, ...]
    by_promo_code: tuple[PromoCodeSales, ...]
    by_channel: tuple[ChannelSales, ...]
    by_day: tuple[DaySales, ...]


def get_figures(
    session: Session, actor: Actor, event_id: uuid.UUID, *, sponsorships_only: bool = False
) -> SalesFigures:
    """The figures of an event, or of its sponsorships alone, in two queries of its daily sums. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    chosen = {"event_id": event_id, "sponsorships_only": sponsorships_only}
    sums = _GroupedTotals(session.execute(_GROUPED_TOTALS_SQL, chosen).all())
    rows = session.execute(
        select(Event.revenue_goal, Package)
        .outerjoin(Package, (Package.event_id == Event.id) & or_(~literal(sponsorships_only), Package.is_sponsorship))
        .where(Event.id == event_id)
        .order_by(Package.display_order)
    ).all()
    by_package = tuple(sums.build_package_sales(row.Package) for row in rows if row.Package is not None)
    by_status = tuple(sums.build_status_sales(status) for status in PAYMENT_STATUSES)
    totals = {line.status: line.total for line in by_status}
    bridge = sums.bridge()
    return SalesFigures(
        revenue=bridge.revenue,
        discount=bridge.discount,
        pending=totals["pending"],
        refunded=totals["refunded"],
        purchases=sum(line.purchases for line in by_status if line.status in SOLD_STATUSES),
        packages_sold=sum(line.sold_count for line in by_package),
        seats_sold=sum(line.seats_sold for line in by_package),
        seats_named=sum(line.seats_named for line in by_package),
        sold_out_count=sum(line.is_sold_out for line in by_package),
        revenue_goal=rows[0].revenue_goal,
        by_package=by_package,
        bridge=bridge,
        by_status=by_status,
        by_promo_code=sums.by_promo_code(),
        by_channel=sums.by_channel(),
        by_day=sums.by_day(),
    )


def get_package_sales(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> PackageSales:
    """One package's line of the figures. Raises NotFound."""
    for line in get_figures(session, actor, event_id).by_package:
        if line.package_id == package_id:
            return line
    raise NotFound("package")


def get_summary(
    session: Session, actor: Actor, event_id: uuid.UUID, *, sponsorships_only: bool = False
) -> SalesSummary:
    """The figures as the HTTP interface tells them. Raises NotFound."""
    return get_figures(session, actor, event_id, sponsorships_only=sponsorships_only)


def compute_fingerprints(session: Session, event_ids: set[uuid.UUID]) -> dict[uuid.UUID, tuple[int, ...]]:
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


# Every line of the figures from one pass over the daily sums. Voids leave rows of zeros there, which make no line.
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
    """The answer of _SUMS, from which the lines of the figures are made."""

    def __init__(self, rows: Sequence[Row[Any]]) -> None:
        self._status = {row.payment_status: row for row in rows if row.line == "status"}
        self._package = {row.package_id: row for row in rows if row.line == "package"}
        self._channel = {row.channel: row for row in rows if row.line == "channel" and row.purchases}
        self._day = {row.day: row for row in rows if row.line == "day" and row.purchases}
        self._code = [row for row in rows if row.line == "code" and row.purchases]

    def bridge(self) -> RevenueBridge:
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

    def by_channel(self) -> tuple[ChannelSales, ...]:
        rows = [self._channel[channel] for channel in CHANNELS if channel in self._channel]
        return tuple(ChannelSales(row.channel, row.purchases, row.packages, row.revenue) for row in rows)

    def by_promo_code(self) -> tuple[PromoCodeSales, ...]:
        rows = sorted(self._code, key=lambda row: (row.code is None, -row.revenue, row.code))
        return tuple(
            PromoCodeSales(row.promo_code_id, row.code, row.purchases, row.packages, row.discount, row.revenue)
            for row in rows
        )

    def by_day(self) -> tuple[DaySales, ...]:
        if not self._day:
            return ()
        first, last = min(self._day), max(self._day)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        revenues = [self._day[day].revenue if day in self._day else money.ZERO for day in days]
        sold = [self._day[day].packages if day in self._day else 0 for day in days]
        return tuple(DaySales(*line) for line in zip(days, revenues, accumulate(revenues), sold, strict=True))

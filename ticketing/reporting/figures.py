"""Sales figures, read-only. Source of every figure: docs/product.md, "Sales" and "Words".

Figures stand on one basis: paid (completed purchases), with pending ones beside them. Only what is sold of a limit, and
what is read from it, counts both. Amounts are USD, days are days of the event's time zone. Functions called in one
`db.read_session()` describe one moment.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, literal, or_, select, text
from sqlalchemy.orm import Session

from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.models import CHANNELS, PAYMENT_STATUSES, Event, Package
from ticketing.reporting import status_totals
from ticketing.reporting.order_list import MAX_KEPT_STATEMENTS
from ticketing.reporting.status_totals import NOTHING, ByStatus, GroupedTotals, StatusTotals
from ticketing.sales_filter import ALL_SALES, SalesFilter


@dataclass(frozen=True)
class PackageSales:
    """Sales of one package, also of one that has none.

    `sold_count` is packages sold, `available` is packages left (None is unlimited): what the package has now, paid and
    pending, whatever the filter. `seats_named` is the seats among the paid and pending ones that have a guest.
    """

    package_id: uuid.UUID
    name: str
    sold_count: int
    quantity_limit: int | None
    available: int | None
    seats_named: int
    is_sponsorship: bool
    is_sold_out: bool
    paid: StatusTotals
    pending: StatusTotals

    @property
    def seats_sold(self) -> int:
        """Packages sold times the seats each had when it was sold, paid and pending."""
        return self.paid.seats + self.pending.seats

    @property
    def revenue(self) -> Decimal:
        return self.paid.total


@dataclass(frozen=True)
class PackageTotals:
    """What was sold of one package."""

    paid: StatusTotals = NOTHING
    pending: StatusTotals = NOTHING


@dataclass(frozen=True)
class PromoCodeSales:
    """Sales with one promo code, or without any (`code` is None)."""

    promo_code_id: uuid.UUID | None
    code: str | None
    paid: StatusTotals
    pending: StatusTotals


@dataclass(frozen=True)
class ChannelSales:
    """Sales of one sales channel."""

    channel: str
    paid: StatusTotals
    pending: StatusTotals


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
    """All figures of an event, or of the sales that a filter selects.

    `by_status` has all five statuses. `orders` is the number of orders with a paid or pending purchase; an order that
    has both counts as one of each in `by_status`. `seats_named` is the seats among the paid and pending ones that have
    a guest. `by_package` has the packages that the filter selects, in display order. `by_promo_code` and `by_channel`
    have those with paid or pending purchases; the codes with the most revenue come first, sales without a code last.
    `before` has the totals by status of earlier days, if they were asked for.
    """

    by_status: Mapping[str, StatusTotals]
    orders: int
    seats_named: int
    revenue_goal: Decimal | None
    by_package: tuple[PackageSales, ...]
    by_promo_code: tuple[PromoCodeSales, ...]
    by_channel: tuple[ChannelSales, ...]
    before: ByStatus | None = None

    @property
    def paid(self) -> StatusTotals:
        return self.by_status["completed"]

    @property
    def pending(self) -> StatusTotals:
        return self.by_status["pending"]

    @property
    def revenue(self) -> Decimal:
        """What completed purchases cost after discounts."""
        return self.paid.total

    @property
    def discount(self) -> Decimal:
        """What was taken off the completed purchases."""
        return self.paid.discount

    @property
    def purchases(self) -> int:
        """Paid and pending purchases."""
        return self.paid.purchases + self.pending.purchases

    @property
    def packages_sold(self) -> int:
        """Quantities of the paid and pending purchases."""
        return self.paid.packages + self.pending.packages

    @property
    def seats_sold(self) -> int:
        """Seats of the paid and pending purchases."""
        return self.paid.seats + self.pending.seats

    @property
    def sold_out_count(self) -> int:
        """Packages with nothing left."""
        return sum(line.is_sold_out for line in self.by_package)

    @property
    def bridge(self) -> RevenueBridge:
        paid = self.paid
        difference = paid.total - (paid.list_price - paid.discount)
        return RevenueBridge(paid.list_price, paid.discount, difference, paid.total)

    @property
    def goal_percent(self) -> Decimal | None:
        """Percent of the revenue goal, with one decimal rounded down: 100 only when it is reached."""
        if self.revenue_goal is None:
            return None
        return (self.revenue * 1000 // self.revenue_goal) / 10


def get_figures(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    sales_filter: SalesFilter = ALL_SALES,
    before: SalesFilter | None = None,
) -> SalesFigures:
    """Return the figures of an event, or of the sales that the filter selects, from the daily totals.

    `before` is the same filter for days that end directly before its first day. Raises NotFound when the actor may not
    see the event.
    """
    permissions.require(session, actor, "read", event_id)
    totals = status_totals.load(session, event_id, sales_filter, before)
    rows = session.execute(_select_packages(event_id, sales_filter)).all()
    return SalesFigures(
        by_status={status: totals.by_status.get(status, NOTHING) for status in PAYMENT_STATUSES},
        orders=totals.orders,
        seats_named=sum(totals.seats_named.values()),
        revenue_goal=rows[0].revenue_goal,
        by_package=tuple(_build_package_sales(row.Package, totals) for row in rows if row.Package is not None),
        by_promo_code=_build_promo_code_sales(totals),
        by_channel=tuple(
            ChannelSales(channel, *_split(totals.by_channel[channel]))
            for channel in CHANNELS
            if _is_sold(totals.by_channel.get(channel, {}))
        ),
        before=totals.before if before else None,
    )


@lru_cache(maxsize=MAX_KEPT_STATEMENTS)
def _select_packages(event_id: uuid.UUID, sales_filter: SalesFilter) -> Select[Decimal | None, Package]:
    """Return the query of the goal of an event and its packages that the filter selects."""
    is_selected = (
        (Package.event_id == Event.id)
        & or_(~literal(sales_filter.sponsorships_only), Package.is_sponsorship)
        & (Package.id.in_(sales_filter.package_ids) if sales_filter.package_ids else literal(True))
    )
    return (
        select(Event.revenue_goal, Package)
        .outerjoin(Package, is_selected)
        .where(Event.id == event_id)
        .order_by(Package.display_order)
    )


def get_package_sales(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> PackageSales:
    """Return the sales of one package. Raises NotFound when the event or the package does not exist for the actor."""
    for line in get_figures(session, actor, event_id, SalesFilter(package_ids=(package_id,))).by_package:
        return line
    raise NotFound("package")


def list_package_totals_unchecked(session: Session, event_id: uuid.UUID) -> dict[uuid.UUID, PackageTotals]:
    """Return what was sold of each package that was sold, in one query; the caller has checked the permission."""
    by_package: dict[uuid.UUID, dict[str, StatusTotals]] = defaultdict(dict)
    for row in session.execute(_PACKAGE_TOTALS_SQL, {"event_id": event_id}):
        by_package[row.package_id][row.payment_status] = status_totals.build_totals(row, row.purchases)
    return {package_id: PackageTotals(*_split(totals)) for package_id, totals in by_package.items()}


def compute_fingerprints(session: Session, event_ids: set[uuid.UUID]) -> dict[uuid.UUID, tuple[int, ...]]:
    """Return a fingerprint per event that changes with every sale and every edit of the event, its packages and order.

    It is built from the counters of the packages, so it costs one small index range per event and cannot miss a
    transaction that commits late, as a comparison of timestamps would. Checks no permission: it reveals no figure.
    """
    return _read_fingerprints(session.execute(_FINGERPRINTS, {"event_ids": list(event_ids)}))


def compute_visible_fingerprints(
    session: Session, actor: Actor, event_id: uuid.UUID, others: Iterable[uuid.UUID] = ()
) -> dict[uuid.UUID, tuple[int, ...]]:
    """Return the fingerprints of an event and of others, in one statement with the permission for the event.

    Raises NotFound when the actor may not see the event.
    """
    values = permissions.get_status_parameters(actor, event_id) | {"event_ids": [event_id, *others]}
    rows = session.execute(_VISIBLE_FINGERPRINTS, values).all()
    if rows:
        permissions.remember_status(session, actor, event_id, rows[0])
    permissions.require(session, actor, "read", event_id)
    return _read_fingerprints(row[: len(_FINGERPRINT_COLUMNS)] for row in rows)


def _read_fingerprints(rows: Iterable[Sequence[Any]]) -> dict[uuid.UUID, tuple[int, ...]]:
    return {row[0]: tuple(int(part) for part in row[1:]) for row in rows}


# SQL text, because every open page asks for it all the time.
_FINGERPRINT_COLUMNS = (
    "events.id",
    "events.version",
    "count(packages.id)",
    "coalesce(sum(packages.sales_version), 0)",
    "coalesce(sum(packages.version), 0)",
    "coalesce(sum(hashtext(CAST(packages.id AS text)) * CAST(packages.display_order AS bigint)), 0)",
)
_FINGERPRINTS_SQL = f"""
    SELECT {", ".join(f"{column} AS part_{number}" for number, column in enumerate(_FINGERPRINT_COLUMNS))}
    FROM events LEFT JOIN packages ON packages.event_id = events.id
    WHERE events.id = ANY(CAST(:event_ids AS uuid[])) GROUP BY events.id
"""  # noqa: S608
_FINGERPRINTS = text(_FINGERPRINTS_SQL)
_VISIBLE_FINGERPRINTS = text(f"""
    SELECT fingerprint.*, status.*
    FROM ({_FINGERPRINTS_SQL}) AS fingerprint CROSS JOIN ({permissions.ACTOR_STATUS_SQL}) AS status
""")  # noqa: S608
_PACKAGE_TOTALS_SQL = text("""
    SELECT package_id, payment_status, sum(purchases) AS purchases, sum(quantity) AS packages, sum(seats) AS seats,
        sum(list_price) AS list_price, sum(discount) AS discount, sum(total) AS total
    FROM daily_sales WHERE event_id = :event_id AND payment_status IN ('completed', 'pending')
    GROUP BY package_id, payment_status HAVING sum(purchases) > 0
""")


def _split(totals: ByStatus) -> tuple[StatusTotals, StatusTotals]:
    """Return what is paid and what is pending."""
    return totals.get("completed", NOTHING), totals.get("pending", NOTHING)


def _is_sold(totals: ByStatus) -> bool:
    return _split(totals) != (NOTHING, NOTHING)


def _build_package_sales(package: Package, totals: GroupedTotals) -> PackageSales:
    return PackageSales(
        package.id,
        package.name,
        package.sold_count,
        package.quantity_limit,
        package.available,
        totals.seats_named.get(package.id, 0),
        package.is_sponsorship,
        package.is_sold_out,
        *_split(totals.by_package.get(package.id, {})),
    )


def _build_promo_code_sales(totals: GroupedTotals) -> tuple[PromoCodeSales, ...]:
    lines = [
        PromoCodeSales(promo_code_id, totals.codes[promo_code_id], *_split(of_code))
        for promo_code_id, of_code in totals.by_promo_code.items()
        if _is_sold(of_code)
    ]
    return tuple(sorted(lines, key=lambda line: (line.code is None, -line.paid.total, line.code)))

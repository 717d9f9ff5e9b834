"""Sums of the daily totals by payment status, in all and by package, channel and promo code."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from ticketing import money
from ticketing.models import SOLD_STATUSES, DailySales, Package, PromoCode, Purchase
from ticketing.purchase_filter import PurchaseFilter, build_conditions, build_daily_conditions
from ticketing.reporting import order_list
from ticketing.sales_filter import SalesFilter


@dataclass(frozen=True)
class StatusTotals:
    """The purchases of one payment status: the orders they are in, their number, packages and seats, and USD.

    `total` is what they cost after discounts; it differs from list price less discount in imported sales only.
    """

    orders: int = 0
    purchases: int = 0
    packages: int = 0
    seats: int = 0
    list_price: Decimal = money.ZERO
    discount: Decimal = money.ZERO
    total: Decimal = money.ZERO

    def __add__(self, other: StatusTotals) -> StatusTotals:
        return StatusTotals(
            self.orders + other.orders,
            self.purchases + other.purchases,
            self.packages + other.packages,
            self.seats + other.seats,
            self.list_price + other.list_price,
            self.discount + other.discount,
            self.total + other.total,
        )


NOTHING = StatusTotals()
ByStatus = Mapping[str, StatusTotals]


@dataclass(frozen=True)
class GroupedTotals:
    """What a filter selects by status, and by package, channel and promo code (None without one) each by status.

    Groups without purchases are left out. `orders` is the number of orders with a paid or pending purchase, and
    `seats_named` the seats of these purchases that have a guest, by package.
    """

    orders: int
    by_status: ByStatus
    by_package: Mapping[uuid.UUID, ByStatus]
    by_channel: Mapping[str, ByStatus]
    by_promo_code: Mapping[uuid.UUID | None, ByStatus]
    codes: Mapping[uuid.UUID | None, str | None]
    seats_named: Mapping[uuid.UUID, int]


def load(session: Session, event_id: uuid.UUID, sales_filter: SalesFilter) -> GroupedTotals:
    """Return the sums of what the filter selects. Checks no permission."""
    repeats = _count_repeats(session, event_id, sales_filter)
    groups: dict[str, dict[Any, dict[str, StatusTotals]]] = {
        name: defaultdict(dict) for name in ("package", "channel", "code")
    }
    codes: dict[uuid.UUID | None, str | None] = {}
    seats_named: Counter[uuid.UUID] = Counter()
    for row in session.execute(_select_groups(event_id, sales_filter)):
        key = {"package": row.package_id, "channel": row.channel, "code": row.promo_code_id}[row.name]
        # An order has one line of a package in each status.
        is_counted_by_line = row.name == "package" or sales_filter.selects_packages
        orders = (row.purchases if is_counted_by_line else row.orders) - repeats[row.name, key, row.payment_status]
        groups[row.name][key][row.payment_status] = build_totals(row, orders)
        if row.name == "code":
            codes[key] = row.code
        elif row.name == "package" and row.payment_status in SOLD_STATUSES:
            seats_named[key] += row.seats_named
    by_status: dict[str, StatusTotals] = defaultdict(StatusTotals)
    for status, totals in (item for channel in groups["channel"].values() for item in channel.items()):
        by_status[status] += totals
    sold = sum(by_status[status].orders for status in SOLD_STATUSES)
    return GroupedTotals(
        orders=sold - repeats["sold", None, ""],
        by_status=by_status,
        by_package=groups["package"],
        by_channel=groups["channel"],
        by_promo_code=groups["code"],
        codes=codes,
        seats_named=seats_named,
    )


def load_by_status(session: Session, event_id: uuid.UUID, sales_filter: SalesFilter) -> ByStatus:
    """Return the sums of what the filter selects by status only. Checks no permission."""
    repeats: Counter[str] = Counter()
    if sales_filter.selects_packages:
        for (name, _, status), count in _count_repeats(session, event_id, sales_filter).items():
            repeats[status] += count if name == "channel" else 0
    rows = session.execute(
        select(DailySales.payment_status, *_list_sums(DailySales))
        .join(Package, Package.id == DailySales.package_id)
        .where(*build_daily_conditions(PurchaseFilter.of_sales(sales_filter), event_id))
        .group_by(DailySales.payment_status)
    )
    return {
        row.payment_status: build_totals(
            row, (row.purchases if sales_filter.selects_packages else row.orders) - repeats[row.payment_status]
        )
        for row in rows
        if row.purchases
    }


def build_totals(row: Any, orders: int) -> StatusTotals:
    """Return the totals of a row that has the sums as columns."""
    return StatusTotals(orders, row.purchases, row.packages, row.seats, row.list_price, row.discount, row.total)


_SUMS = ("orders", "purchases", "seats", "seats_named", "list_price", "discount", "total")


def _list_sums(sales: Any) -> list[ColumnElement[Any]]:
    return [
        func.sum(sales.quantity).label("packages"),
        *(func.sum(getattr(sales, name)).label(name) for name in _SUMS),
    ]


@lru_cache(maxsize=order_list.MAX_KEPT_STATEMENTS)
def _select_groups(event_id: uuid.UUID, sales_filter: SalesFilter) -> Select[Any]:
    """Return the query of the groups. Voided sales leave rows of zeros, which are left out."""
    sales = DailySales
    grouping = func.grouping(sales.package_id, sales.channel)
    return (
        select(
            case({1: "package", 2: "channel"}, value=grouping, else_="code").label("name"),
            sales.payment_status,
            sales.package_id,
            sales.channel,
            sales.promo_code_id,
            PromoCode.code,
            *_list_sums(sales),
        )
        .join(Package, Package.id == sales.package_id)
        .outerjoin(PromoCode, PromoCode.id == sales.promo_code_id)
        .where(*build_daily_conditions(PurchaseFilter.of_sales(sales_filter), event_id))
        .group_by(
            func.grouping_sets(
                tuple_(sales.payment_status, sales.package_id),
                tuple_(sales.payment_status, sales.channel),
                tuple_(sales.payment_status, sales.promo_code_id, PromoCode.code),
            )
        )
        .having(func.sum(sales.purchases) > 0)
    )


def _count_repeats(
    session: Session, event_id: uuid.UUID, sales_filter: SalesFilter
) -> Counter[tuple[str, uuid.UUID | str | None, str]]:
    """Return how many purchases belong to an order that an earlier purchase has counted, by group, key and status.

    ("sold", None, "") are the paid and pending purchases whose order the other of the two statuses has counted. The
    daily totals tell how many purchases lead their order in their status, but not which of its lines an order has left
    when only some packages are selected.
    """
    purchases = PurchaseFilter.of_sales(sales_filter)
    if not sales_filter.selects_packages:
        sold = replace(purchases, statuses=SOLD_STATUSES)
        return Counter({("sold", None, ""): order_list.count_repeated(session, event_id, sold)})
    rows = session.execute(_select_repeats(event_id, purchases))
    repeats: Counter[tuple[str, uuid.UUID | str | None, str]] = Counter()
    for status, channel, promo_code_id, of_status, of_sold in rows:
        repeats["channel", channel, status] += of_status
        repeats["code", promo_code_id, status] += of_status
        repeats["sold", None, ""] += of_sold - of_status if status in SOLD_STATUSES else 0
    return repeats


@lru_cache(maxsize=order_list.MAX_KEPT_STATEMENTS)
def _select_repeats(event_id: uuid.UUID, purchases: PurchaseFilter) -> Select[Any]:
    """Return the query of the lines that follow another of their order, in their status and among the sold ones."""
    further = aliased(Purchase)
    several = select(further.order_id).where(further.event_id == event_id, further.line_number > 1)
    lines = (
        select(
            Purchase.payment_status,
            Purchase.channel,
            Purchase.promo_code_id,
            _number_lines(Purchase.payment_status).label("in_status"),
            _number_lines(Purchase.payment_status.in_(SOLD_STATUSES)).label("in_sold"),
        )
        .join(Package, Package.id == Purchase.package_id)
        .where(*build_conditions(purchases, event_id), Purchase.order_id.in_(several))
        .subquery()
        .columns
    )
    return select(
        lines.payment_status,
        lines.channel,
        lines.promo_code_id,
        func.count().filter(lines.in_status > 1),
        func.count().filter(lines.in_sold > 1),
    ).group_by(lines.payment_status, lines.channel, lines.promo_code_id)


def _number_lines(column: Any) -> ColumnElement[int]:
    """Return the number of a line among those of its order with the same value of `column`."""
    return func.row_number().over(partition_by=(Purchase.order_id, column), order_by=Purchase.line_number)

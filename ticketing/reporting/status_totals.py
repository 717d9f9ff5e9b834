"""Sums of the daily totals by payment status, in all and by package, channel and promo code."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, literal, null, select, tuple_
from sqlalchemy.orm import Session, aliased

from ticketing import money
from ticketing.models import SOLD_STATUSES, DailySales, Package, PromoCode, Purchase
from ticketing.purchase_filter import PurchaseFilter, build_conditions, build_day, select_daily_sales
from ticketing.reporting import order_list
from ticketing.reporting.kept_statement import KeptStatement
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
    """What a filter selects by status and by channel, and what is paid and pending by package and promo code, too.

    The key of sales without a code is None; groups without purchases are left out. `orders` is the number of orders
    with a paid or pending purchase, and `seats_named` the seats of these purchases that have a guest, by package.
    `before` has the totals by status of the days before those of the filter, if they were asked for.
    """

    orders: int
    by_status: ByStatus
    by_package: Mapping[uuid.UUID, ByStatus]
    by_channel: Mapping[str, ByStatus]
    by_promo_code: Mapping[uuid.UUID | None, ByStatus]
    codes: Mapping[uuid.UUID | None, str | None]
    seats_named: Mapping[uuid.UUID, int]
    before: ByStatus


def load(
    session: Session, event_id: uuid.UUID, sales_filter: SalesFilter, before: SalesFilter | None = None
) -> GroupedTotals:
    """Return the sums of what the filter selects. Checks no permission.

    `before` is the same filter for days that end directly before its first day.
    """
    repeats = _count_repeats(session, event_id, sales_filter, before)
    groups: dict[str, dict[Any, dict[str, StatusTotals]]] = {
        name: defaultdict(dict) for name in ("package", "channel", "code")
    }
    codes: dict[uuid.UUID | None, str | None] = {}
    seats_named: dict[uuid.UUID, int] = defaultdict(int)
    by_status: dict[str, StatusTotals] = defaultdict(StatusTotals)
    by_status_before: dict[str, StatusTotals] = defaultdict(StatusTotals)
    sold_twice = repeats[_SOLD]
    for row in _select_groups(event_id, sales_filter, before).fetch(session):
        name, status = row.name, row.payment_status
        key = row.package_id if name == "package" else row.channel if name == "channel" else row.promo_code_id
        # An order has one line of a package in each status.
        is_counted_by_line = name == "package" or sales_filter.selects_packages
        orders = row.purchases if is_counted_by_line else row.orders
        totals = build_totals(row, orders - repeats[row.is_before, name, key, status])
        if row.is_before:
            by_status_before[status] += totals
            continue
        groups[name][key][status] = totals
        if name == "channel":
            by_status[status] += totals
        elif name == "package":
            seats_named[key] += row.seats_named
        else:
            codes[key] = row.code
        sold_twice = row.repeated or sold_twice
    return GroupedTotals(
        orders=sum(by_status[status].orders for status in SOLD_STATUSES) - sold_twice,
        by_status=by_status,
        by_package=groups["package"],
        by_channel=groups["channel"],
        by_promo_code=groups["code"],
        codes=codes,
        seats_named=seats_named,
        before=by_status_before,
    )


def build_totals(row: Any, orders: int) -> StatusTotals:
    """Return the totals of a row that has the sums as columns."""
    return StatusTotals(orders, row.purchases, row.packages, row.seats, row.list_price, row.discount, row.total)


_SOLD = (False, "sold", None, "")
_COUNTS, _AMOUNTS = ("packages", "orders", "purchases", "seats", "seats_named"), ("list_price", "discount", "total")


@lru_cache(maxsize=order_list.MAX_KEPT_STATEMENTS)
def _select_groups(event_id: uuid.UUID, sales_filter: SalesFilter, before: SalesFilter | None) -> KeptStatement:
    """Return the query of the groups.

    The days are added up first, so that their many rows are read and added once and not for each kind of group. Of the
    days `before`, and of purchases that are not sold, the groups by channel suffice. `repeated` is the count of `_SOLD`
    for a filter that selects no packages.
    """
    sums = _sum_days(event_id, sales_filter, before).subquery().columns
    kind = func.grouping(sums.package_id, sums.channel)
    is_by_channel = kind == 2
    repeated: Any = null()
    if not sales_filter.selects_packages:
        sold = PurchaseFilter.of_sales(sales_filter, statuses=SOLD_STATUSES)
        repeated = order_list.select_repeated_count(event_id, sold).scalar_subquery()
    return KeptStatement.compile(
        select(
            case({1: "package", 2: "channel"}, value=kind, else_="code").label("name"),
            sums.is_before,
            sums.payment_status,
            sums.package_id,
            sums.channel,
            sums.promo_code_id,
            PromoCode.code,
            *(cast(func.sum(sums[name]), BigInteger).label(name) for name in _COUNTS),
            *(func.sum(sums[name]).label(name) for name in _AMOUNTS),
            repeated.label("repeated"),
        )
        .outerjoin(PromoCode, PromoCode.id == sums.promo_code_id)
        .group_by(
            func.grouping_sets(
                tuple_(sums.is_before, sums.payment_status, sums.package_id),
                tuple_(sums.is_before, sums.payment_status, sums.channel),
                tuple_(sums.is_before, sums.payment_status, sums.promo_code_id, PromoCode.code),
            )
        )
        .having(is_by_channel | (~sums.is_before & sums.payment_status.in_(SOLD_STATUSES)))
    )


def _sum_days(event_id: uuid.UUID, sales_filter: SalesFilter, before: SalesFilter | None) -> Select[Any]:
    """Return the query of the sums over all days of the filter, and over those `before` it."""
    sales, selected = DailySales, PurchaseFilter.of_sales(_include(sales_filter, before))
    keys = (sales.payment_status, sales.package_id, sales.channel, sales.promo_code_id)
    is_before = _is_before(sales.day, sales_filter, before).label("is_before")
    return select_daily_sales(
        selected,
        event_id,
        is_before,
        *keys,
        func.sum(sales.quantity).label("packages"),
        *(func.sum(getattr(sales, name)).label(name) for name in (*_COUNTS[1:], *_AMOUNTS)),
    ).group_by(is_before, *keys)


def _include(sales_filter: SalesFilter, before: SalesFilter | None) -> SalesFilter:
    """Return the filter of the days of both."""
    return replace(sales_filter, first_day=before.first_day) if before else sales_filter


def _is_before(day: Any, sales_filter: SalesFilter, before: SalesFilter | None) -> ColumnElement[bool]:
    return day < sales_filter.first_day if before else literal(False)


Repeats = Counter[tuple[bool, str, uuid.UUID | str | None, str]]


def _count_repeats(
    session: Session, event_id: uuid.UUID, sales_filter: SalesFilter, before: SalesFilter | None
) -> Repeats:
    """Return how many purchases belong to an order that an earlier purchase has counted, for some packages.

    The daily totals tell how many purchases lead their order in their status, but not which of its lines an order has
    left when only some packages are selected. The keys are whether it was before, the kind of group, its key and the
    status; `_SOLD` counts the paid and pending purchases whose order the other of the two statuses has counted.
    """
    repeats: Repeats = Counter()
    if not sales_filter.selects_packages:
        return repeats
    rows = _select_repeats(event_id, sales_filter, before).fetch(session)
    for is_before, status, channel, promo_code_id, of_status, of_sold in rows:
        repeats[is_before, "channel", channel, status] += of_status
        repeats[is_before, "code", promo_code_id, status] += of_status
        repeats[_SOLD] += of_sold - of_status if status in SOLD_STATUSES and not is_before else 0
    return repeats


@lru_cache(maxsize=order_list.MAX_KEPT_STATEMENTS)
def _select_repeats(event_id: uuid.UUID, sales_filter: SalesFilter, before: SalesFilter | None) -> KeptStatement:
    """Return the query of the lines that follow another of their order, in their status and among the sold ones.

    An order is of one moment, so its lines are all before or all in the days of the filter.
    """
    further = aliased(Purchase)
    several = select(further.order_id).where(further.event_id == event_id, further.line_number > 1)
    selected = PurchaseFilter.of_sales(_include(sales_filter, before))
    lines = (
        select(
            _is_before(build_day(Purchase, Package), sales_filter, before).label("is_before"),
            Purchase.payment_status,
            Purchase.channel,
            Purchase.promo_code_id,
            _number_lines(Purchase.payment_status).label("in_status"),
            _number_lines(Purchase.payment_status.in_(SOLD_STATUSES)).label("in_sold"),
        )
        .join(Package, Package.id == Purchase.package_id)
        .where(*build_conditions(selected, event_id), Purchase.order_id.in_(several))
        .subquery()
        .columns
    )
    keys = (lines.is_before, lines.payment_status, lines.channel, lines.promo_code_id)
    in_status, in_sold = (func.count().filter(column > 1) for column in (lines.in_status, lines.in_sold))
    return KeptStatement.compile(select(*keys, in_status, in_sold).group_by(*keys))


def _number_lines(column: Any) -> ColumnElement[int]:
    """Return the number of a line among those of its order with the same value of `column`."""
    return func.row_number().over(partition_by=(Purchase.order_id, column), order_by=Purchase.line_number)

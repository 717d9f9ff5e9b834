"""Lists of orders with their lines, and how many orders a filter selects. Read-only.

Functions called in one `db.read_session()` describe one moment.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from itertools import groupby

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from ticketing import money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.models import PAYMENT_STATUSES, DailySales, Order, Package, PromoCode, Purchase
from ticketing.order_status import compute_status
from ticketing.purchase_filter import (
    PurchaseFilter,
    build_conditions,
    build_leading_conditions,
    build_order_by,
    select_daily_sales,
)

# To build a statement costs more processor than to send it, and an open page sends the same ones after each sale.
MAX_KEPT_STATEMENTS = 256


@dataclass(frozen=True)
class OrderLine:
    """A line of an order with the name of its package."""

    purchase: Purchase
    package: str


@dataclass(frozen=True)
class OrderRow:
    """An order as lists show it: the lines that match the filter, in their order, and how many it has in all."""

    order_id: uuid.UUID
    number: str
    promo_code: str | None
    lines: tuple[OrderLine, ...]
    line_count: int

    @property
    def status(self) -> str:
        """The status that the listed lines have together."""
        return compute_status(line.purchase.payment_status for line in self.lines)

    @property
    def discount(self) -> Decimal:
        """What was taken off the listed lines, in USD."""
        return sum((line.purchase.discount for line in self.lines), money.ZERO)

    @property
    def total(self) -> Decimal:
        """What the listed lines cost after discounts, in USD."""
        return sum((line.purchase.total for line in self.lines), money.ZERO)


def list_orders(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    purchase_filter: PurchaseFilter,
    *,
    page: int = 1,
    per_page: int = 20,
) -> list[OrderRow]:
    """Return one page of the orders with a matching line, by their first matching line in the filter's order.

    Raises NotFound when the actor may not see the event.
    """
    permissions.require(session, actor, "read", event_id)
    order_ids = session.scalars(
        select(Purchase.order_id)
        .join(Package, Package.id == Purchase.package_id)
        .where(*build_leading_conditions(purchase_filter, event_id))
        .order_by(*build_order_by(purchase_filter))
        .limit(per_page)
        .offset((page - 1) * per_page)
    ).all()
    matching = build_conditions(purchase_filter, event_id)
    rows = session.execute(
        select(Purchase, Package.name, PromoCode.code, Order.number, _count_lines().label("line_count"))
        .join(Package, Package.id == Purchase.package_id)
        .join(Order, Order.id == Purchase.order_id)
        .outerjoin(PromoCode, PromoCode.id == Purchase.promo_code_id)
        .where(Purchase.order_id.in_(order_ids), *matching)
        .order_by(Purchase.order_id, Purchase.line_number)
    )
    listed = {
        order_id: OrderRow(
            order_id,
            lines[0].number,
            next((line.code for line in lines if line.code), None),
            tuple(OrderLine(line.Purchase, line.name) for line in lines),
            lines[0].line_count,
        )
        for order_id, lines in ((key, list(group)) for key, group in groupby(rows, lambda row: row.Purchase.order_id))
    }
    return [listed[order_id] for order_id in order_ids]


def list_lines(session: Session, order_id: uuid.UUID) -> tuple[OrderLine, ...]:
    """Return all lines of an order. Checks no permission: the caller has read one of them."""
    rows = session.execute(
        select(Purchase, Package.name)
        .join(Package, Package.id == Purchase.package_id)
        .where(Purchase.order_id == order_id)
        .order_by(Purchase.line_number)
    )
    return tuple(OrderLine(*row) for row in rows)


def count_orders(session: Session, event_id: uuid.UUID, purchase_filter: PurchaseFilter) -> dict[str | None, int]:
    """Return how many orders have a matching line of each status, and under None of any. Checks no permission.

    The daily totals count an order once per status, by its leading line, so only orders whose lines have different
    statuses need a look. Where they cannot tell, the rows are read: for a filter that needs rows, and for one that
    selects some packages, except for one package, of which an order has one line in each status at most.
    """
    one_package = len(purchase_filter.package_ids) == 1 and not purchase_filter.sponsorships_only
    by_package = bool(purchase_filter.package_ids) or purchase_filter.sponsorships_only
    if purchase_filter.needs_rows or (by_package and not one_package):
        rows = session.execute(
            select(Purchase.payment_status, func.count(Purchase.order_id.distinct()))
            .join(Package, Package.id == Purchase.package_id)
            .where(*build_conditions(purchase_filter, event_id))
            .group_by(func.grouping_sets(tuple_(Purchase.payment_status), tuple_()))
        )
        return {status: count for status, count in rows}  # noqa: C416 (rows are no pairs to mypy)
    column = DailySales.purchases if one_package else DailySales.orders
    rows = session.execute(
        select_daily_sales(purchase_filter, event_id, DailySales.payment_status, func.sum(column)).group_by(
            DailySales.payment_status
        )
    )
    counts: dict[str | None, int] = {status: int(count) for status, count in rows if count}
    repeated = count_repeated(session, event_id, purchase_filter) if len(counts) > 1 else 0
    return counts | {None: sum(counts.values()) - repeated}


def count_repeated(session: Session, event_id: uuid.UUID, purchase_filter: PurchaseFilter) -> int:
    """Return how many leading lines belong to an order that another selected status has counted already.

    Checks no permission.
    """
    return session.scalars(select_repeated_count(event_id, purchase_filter)).one()


@lru_cache(maxsize=MAX_KEPT_STATEMENTS)
def select_repeated_count(event_id: uuid.UUID, purchase_filter: PurchaseFilter) -> Select[int]:
    """Return the query of `count_repeated`."""
    repeated = build_repeated_conditions(tuple(purchase_filter.statuses) or PAYMENT_STATUSES)
    return (
        select(func.count())
        .select_from(Purchase)
        .join(Package, Package.id == Purchase.package_id)
        .where(*repeated, *build_conditions(purchase_filter, event_id))
    )


@cache
def build_repeated_conditions(statuses: tuple[str, ...]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a Purchase leads its order in one of `statuses`, as an earlier line does in another.

    The daily totals count the order of such a purchase more than once.
    """
    earlier = aliased(Purchase)
    has_earlier_line = select(earlier.id).where(
        earlier.order_id == Purchase.order_id,
        earlier.line_number < Purchase.line_number,
        earlier.payment_status.in_(statuses),
    )
    return (
        Purchase.leads_order.is_(True),
        Purchase.line_number > 1,
        Purchase.payment_status.in_(statuses),
        has_earlier_line.exists(),
    )


def _count_lines() -> ScalarSelect[int]:
    line = aliased(Purchase)
    return select(func.count()).where(line.order_id == Purchase.order_id).scalar_subquery()

"""Lists of purchases, their totals, and the details of a single one.

Read-only. Functions called in one `db.read_session()` describe one moment. All raise NotFound when the actor may not
see the event.
"""

from __future__ import annotations

import uuid
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import add
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.models import (
    Answer,
    AssignedTicket,
    AuditEntry,
    DailySales,
    ImportBatch,
    Option,
    Order,
    Package,
    PromoCode,
    Purchase,
    Staff,
)
from ticketing.purchase_filter import PurchaseFilter, build_conditions, build_order_by, select_daily_sales
from ticketing.reporting import order_list
from ticketing.reporting.order_list import OrderLine


@dataclass(frozen=True)
class PurchaseRow:
    """A purchase as lists show it, with its package's name and its promo code."""

    purchase: Purchase
    package: str
    promo_code: str | None
    seats_named: int


@dataclass(frozen=True)
class PurchaseTotals:
    """Totals of the matching purchases, whatever their status. `orders` are those with a matching purchase; USD."""

    orders: int
    purchases: int
    packages: int
    seats: int
    seats_named: int
    list_price: Decimal
    discount: Decimal
    total: Decimal

    def __add__(self, other: PurchaseTotals) -> PurchaseTotals:
        return PurchaseTotals(*map(add, astuple(self), astuple(other)))


NO_PURCHASES = PurchaseTotals(0, 0, 0, 0, 0, money.ZERO, money.ZERO, money.ZERO)


@dataclass(frozen=True)
class HistoryEntry:
    """One field that was changed after the sale: when (UTC), by whom, by which action, and both values."""

    at: datetime
    by: str
    action: str
    field: str | None
    old: Any
    new: Any


@dataclass(frozen=True)
class PurchaseDetails:
    """Everything about one purchase, and the lines of its order, of which it is one.

    `recorded_by` is the staff member at the box office, `import_file` the imported file; both are None for a purchase
    of the donor site. Answers are pairs of question and text.
    """

    purchase: Purchase
    order: Order
    lines: tuple[OrderLine, ...]
    package: str
    promo_code: str | None
    tickets: tuple[AssignedTicket, ...]
    answers: tuple[tuple[str, str], ...]
    history: tuple[HistoryEntry, ...]
    recorded_by: str | None
    import_file: str | None


def list_purchases(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    purchase_filter: PurchaseFilter,
    *,
    page: int = 1,
    per_page: int = 20,
) -> tuple[list[PurchaseRow], int]:
    """Return one page of the matching purchases in the filter's order, and how many there are."""
    lines = list_page(session, actor, event_id, purchase_filter, page=page, per_page=per_page)
    return lines, get_totals(session, actor, event_id, purchase_filter).purchases


def list_page(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    purchase_filter: PurchaseFilter,
    *,
    page: int = 1,
    per_page: int = 20,
) -> list[PurchaseRow]:
    """Return one page without the number of purchases, which costs as much again when the filter needs rows."""
    permissions.require(session, actor, "read", event_id)
    return [PurchaseRow(*row) for row in session.execute(_select_page(event_id, purchase_filter, page, per_page))]


@lru_cache(maxsize=order_list.MAX_KEPT_STATEMENTS)
def _select_page(
    event_id: uuid.UUID, purchase_filter: PurchaseFilter, page: int, per_page: int
) -> Select[Purchase, str, str, int]:
    """Return the query of one page. The subquery sorts narrow rows; full rows are read for one page only."""
    page_ids = (
        select(Purchase.id)
        .join(Package, Package.id == Purchase.package_id)
        .where(*build_conditions(purchase_filter, event_id))
        .order_by(*build_order_by(purchase_filter))
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return (
        select(Purchase, Package.name, PromoCode.code, Purchase.seats_named)
        .join(Package, Package.id == Purchase.package_id)
        .outerjoin(PromoCode, PromoCode.id == Purchase.promo_code_id)
        .where(Purchase.id.in_(page_ids))
        .order_by(*build_order_by(purchase_filter))
    )


def _select_status_totals(event_id: uuid.UUID, purchase_filter: PurchaseFilter) -> Select[Any]:
    names = ("quantity", "seats", "seats_named", "list_price", "discount", "total")
    if purchase_filter.needs_rows:
        sums = [func.sum(getattr(Purchase, name)) for name in names]
        query = (
            select(Purchase.payment_status, func.count(), *sums)
            .join(Package, Package.id == Purchase.package_id)
            .where(*build_conditions(purchase_filter, event_id))
        )
        return query.group_by(Purchase.payment_status)
    sums = [func.sum(getattr(DailySales, name)) for name in ("purchases", *names)]
    query = select_daily_sales(purchase_filter, event_id, DailySales.payment_status, *sums)
    return query.group_by(DailySales.payment_status)


def get_totals(session: Session, actor: Actor, event_id: uuid.UUID, purchase_filter: PurchaseFilter) -> PurchaseTotals:
    """Return the totals of all matching purchases."""
    return get_status_totals(session, actor, event_id, purchase_filter)[None]


def get_status_totals(
    session: Session, actor: Actor, event_id: uuid.UUID, purchase_filter: PurchaseFilter
) -> dict[str | None, PurchaseTotals]:
    """Return the totals of the matching purchases of each status that has any, and under None of all of them."""
    permissions.require(session, actor, "read", event_id)
    rows = session.execute(_select_status_totals(event_id, purchase_filter)).all()
    orders = order_list.count_orders(session, event_id, purchase_filter)
    totals = {status: PurchaseTotals(orders[status], *numbers) for status, *numbers in rows}
    return totals | {None: replace(sum(totals.values(), NO_PURCHASES), orders=orders.get(None, 0))}


def get_details(session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID) -> PurchaseDetails:
    """Return one purchase with its seats, answers and later changes. Raises NotFound when it does not exist."""
    permissions.require(session, actor, "read", event_id)
    row = session.execute(
        select(Purchase, Order, Package.name, PromoCode.code, Staff.name, ImportBatch)
        .join(Order, Order.id == Purchase.order_id)
        .join(Package, Package.id == Purchase.package_id)
        .outerjoin(PromoCode, PromoCode.id == Purchase.promo_code_id)
        .outerjoin(Staff, Staff.id == Purchase.recorded_by)
        .outerjoin(ImportBatch, ImportBatch.id == Purchase.import_batch_id)
        .where(Purchase.id == purchase_id, Purchase.event_id == event_id)
    ).first()
    if row is None:
        raise NotFound("purchase")
    purchase, order, package, promo_code, recorded_by, batch = row
    tickets = session.scalars(
        select(AssignedTicket).where(AssignedTicket.purchase_id == purchase_id).order_by(AssignedTicket.seat_number)
    )
    answers = session.execute(
        select(Option.label, Answer.value)
        .join(Option, Option.id == Answer.option_id)
        .where(Answer.purchase_id == purchase_id)
        .order_by(Option.display_order, Option.id)
    )
    history = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.event_id == event_id, AuditEntry.subject_id.in_([purchase_id, purchase.order_id]))
        .order_by(AuditEntry.id)
    )
    return PurchaseDetails(
        purchase,
        order,
        order_list.list_lines(session, order.id),
        package,
        promo_code,
        tuple(tickets),
        tuple((label, _format_answer(value)) for label, value in answers),
        (
            *(HistoryEntry(e.occurred_at, e.actor, e.action, e.field, e.old_value, e.new_value) for e in history),
            *_list_undo(purchase, batch),
        ),
        recorded_by,
        batch.file_name if batch else None,
    )


def _list_undo(purchase: Purchase, batch: ImportBatch | None) -> list[HistoryEntry]:
    """Return the history of a purchase that the undo of its import voided; the audit log has one entry for all."""
    if batch is None or batch.undone_at is None or purchase.voided_at != batch.undone_at:
        return []
    changes = ((None, None), ("void_reason", batch.undo_reason))
    by = batch.undone_by or ""
    return [HistoryEntry(batch.undone_at, by, "import.undone", field, None, value) for field, value in changes]


def _format_answer(answer: Any) -> str:
    """Return an answer as text."""
    match answer:
        case bool():
            return "yes" if answer else "no"
        case list():
            return ", ".join(answer)
        case _:
            return str(answer)

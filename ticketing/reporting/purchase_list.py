"""Lists of purchases, their totals, and the details of a single one.

Read-only. Functions called in one `db.read_session()` describe one moment. All raise NotFound when the actor may not
see the event.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
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
    Package,
    PromoCode,
    Purchase,
    Staff,
)
from ticketing.purchase_filter import PurchaseFilter, build_conditions, build_daily_conditions, build_order_by


@dataclass(frozen=True)
class PurchaseRow:
    """A purchase as lists show it, with its package's name and its promo code."""

    purchase: Purchase
    package: str
    promo_code: str | None
    seats_named: int


@dataclass(frozen=True)
class PurchaseTotals:
    """Totals of the matching purchases, whatever their status. Amounts are USD."""

    purchases: int
    packages: int
    seats: int
    seats_named: int
    list_price: Decimal
    discount: Decimal
    total: Decimal


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
    """Everything about one purchase.

    `recorded_by` is the staff member at the box office, `import_file` the imported file; both are None for a purchase
    of the donor site. Answers are pairs of question and text.
    """

    purchase: Purchase
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
    # The subquery sorts narrow rows; full rows are read for one page only.
    page_ids = (
        select(Purchase.id)
        .join(Package, Package.id == Purchase.package_id)
        .where(*build_conditions(purchase_filter, event_id))
        .order_by(*build_order_by(purchase_filter))
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    rows = session.execute(
        select(Purchase, Package.name, PromoCode.code, Purchase.seats_named)
        .join(Package, Package.id == Purchase.package_id)
        .outerjoin(PromoCode, PromoCode.id == Purchase.promo_code_id)
        .where(Purchase.id.in_(page_ids))
        .order_by(*build_order_by(purchase_filter))
    )
    return [PurchaseRow(*row) for row in rows]


def get_totals(session: Session, actor: Actor, event_id: uuid.UUID, purchase_filter: PurchaseFilter) -> PurchaseTotals:
    """Return the totals of all matching purchases."""
    permissions.require(session, actor, "read", event_id)
    table: type[Purchase] | type[DailySales] = Purchase if purchase_filter.needs_rows else DailySales
    conditions = (
        build_conditions(purchase_filter, event_id)
        if purchase_filter.needs_rows
        else build_daily_conditions(purchase_filter, event_id)
    )
    summed: list[Any] = [
        table.quantity,
        table.seats,
        table.seats_named,
        table.list_price,
        table.discount,
        table.total,
    ]
    row = session.execute(
        select(
            func.count() if purchase_filter.needs_rows else func.coalesce(func.sum(DailySales.purchases), 0),
            *(func.coalesce(func.sum(column), 0) for column in summed),
        )
        .select_from(table)
        .join(Package, Package.id == table.package_id)
        .where(*conditions)
    ).one()
    return PurchaseTotals(*row[:4], *(money.round_to_cents(Decimal(amount)) for amount in row[4:]))


def get_details(session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID) -> PurchaseDetails:
    """Return one purchase with its seats, answers and later changes. Raises NotFound when it does not exist."""
    permissions.require(session, actor, "read", event_id)
    row = session.execute(
        select(Purchase, Package.name, PromoCode.code, Staff.name, ImportBatch.file_name)
        .join(Package, Package.id == Purchase.package_id)
        .outerjoin(PromoCode, PromoCode.id == Purchase.promo_code_id)
        .outerjoin(Staff, Staff.id == Purchase.recorded_by)
        .outerjoin(ImportBatch, ImportBatch.id == Purchase.import_batch_id)
        .where(Purchase.id == purchase_id, Purchase.event_id == event_id)
    ).first()
    if row is None:
        raise NotFound("purchase")
    purchase, package, promo_code, recorded_by, import_file = row
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
        .where(AuditEntry.event_id == event_id, AuditEntry.subject_id == purchase_id)
        .order_by(AuditEntry.id)
    )
    return PurchaseDetails(
        purchase,
        package,
        promo_code,
        tuple(tickets),
        tuple((label, _format_answer(value)) for label, value in answers),
        tuple(HistoryEntry(e.occurred_at, e.actor, e.action, e.field, e.old_value, e.new_value) for e in history),
        recorded_by,
        import_file,
    )


def _format_answer(answer: Any) -> str:
    """Return an answer as text."""
    match answer:
        case bool():
            return "yes" if answer else "no"
        case list():
            return ", ".join(answer)
        case _:
            return str(answer)

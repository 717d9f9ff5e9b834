"""The purchases of an event one by one: a page of a selection, its sums, and everything about a single one.

Read-only. Call several of these in one `db.read_session()` session and they describe one moment.
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
    """A purchase as lists show it: with the names of its package and promo code."""

    purchase: Purchase
    package: str
    promo_code: str | None
    seats_named: int


@dataclass(frozen=True)
class PurchaseTotals:
    """Sums of the selected purchases as they are, whatever their status. Amounts are USD."""

    purchases: int
    packages: int
    seats: int
    seats_named: int
    list_price: Decimal
    discount: Decimal
    total: Decimal


@dataclass(frozen=True)
class HistoryEntry:
    """One field that was changed after the sale: when (UTC), by whom, how the change is called, from what, to what."""

    at: datetime
    by: str
    action: str
    field: str | None
    old: Any
    new: Any


@dataclass(frozen=True)
class PurchaseDetails:
    """Everything about one purchase. `recorded_by` is the staff member at the box office, `import_file` the file that
    brought it; both are None for a sale of the donor site. Answers are pairs of question and text.
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
    """One page of the selected purchases in their order, and how many there are."""
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
    """The page alone, for who knows the totals: a search reads every purchase of the event for either."""
    permissions.require(session, actor, "read", event_id)
    # Which purchases is settled by narrow rows; only those that are shown are read whole.
    shown = (
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
        .where(Purchase.id.in_(shown))
        .order_by(*build_order_by(purchase_filter))
    )
    return [PurchaseRow(*row) for row in rows]


def get_totals(session: Session, actor: Actor, event_id: uuid.UUID, purchase_filter: PurchaseFilter) -> PurchaseTotals:
    """The sums over all pages of the selection."""
    permissions.require(session, actor, "read", event_id)
    sold: type[Purchase] | type[DailySales] = Purchase if purchase_filter.needs_rows else DailySales
    wanted = (
        build_conditions(purchase_filter, event_id)
        if purchase_filter.needs_rows
        else build_daily_conditions(purchase_filter, event_id)
    )
    summed: list[Any] = [sold.quantity, sold.seats, sold.seats_named, sold.list_price, sold.discount, sold.total]
    row = session.execute(
        select(
            func.count() if purchase_filter.needs_rows else func.coalesce(func.sum(DailySales.purchases), 0),
            *(func.coalesce(func.sum(column), 0) for column in summed),
        )
        .select_from(sold)
        .join(Package, Package.id == sold.package_id)
        .where(*wanted)
    ).one()
    return PurchaseTotals(*row[:4], *(money.round_to_cents(Decimal(amount)) for amount in row[4:]))


def get_details(session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID) -> PurchaseDetails:
    """One purchase with its seats, answers and what was changed since. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    found = session.execute(
        select(Purchase, Package.name, PromoCode.code, Staff.name, ImportBatch.file_name)
        .join(Package, Package.id == Purchase.package_id)
        .outerjoin(PromoCode, PromoCode.id == Purchase.promo_code_id)
        .outerjoin(Staff, Staff.id == Purchase.recorded_by)
        .outerjoin(ImportBatch, ImportBatch.id == Purchase.import_batch_id)
        .where(Purchase.id == purchase_id, Purchase.event_id == event_id)
    ).first()
    if found is None:
        raise NotFound("purchase")
    purchase, package, promo_code, recorded_by, import_file = found
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
    """An answer as people say it."""
    match answer:
        case bool():
            return "yes" if answer else "no"
        case list():
            return ", ".join(answer)
        case _:
            return str(answer)

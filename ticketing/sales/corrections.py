"""Void a sale that was a mistake, undo that, or move its payment to the next status: an order or one of its lines.

Rules: docs/product.md, "Orders". Locks are always taken in the same order, so that no two transactions deadlock: the
order, its lines (by id), their packages (by id), the daily totals, the promo code, the donor (docs/decisions/0028).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from sqlalchemy import exists, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import audit, daily_totals, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import promo_uses
from ticketing.db import constraint_name
from ticketing.errors import Conflict, NotFound, Shortage, SoldOut, StaleVersion
from ticketing.models import SOLD_STATUSES, ImportBatch, Order, Package, Purchase
from ticketing.validation import Draft, MaxLength, SingleLineText, validate

# Failed, refunded and voided purchases returned their capacity and promo use, so these statuses are final.
NEXT_STATUSES = {"pending": ("completed", "failed"), "completed": ("refunded",)}
# Each of these raises the version of the order by one.
ORDER_ACTIONS = (
    "purchase.voided",
    "purchase.void_undone",
    "purchase.status_changed",
    "order.corrected",
    "purchase.corrected",
)
UNDO_WINDOW = timedelta(minutes=10)


VoidReason = Annotated[SingleLineText, MaxLength(500)]


class VoidDraft(Draft):
    reason: VoidReason


class StatusDraft(Draft):
    status: Literal["completed", "pending", "failed", "refunded", "voided"]


def void(session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID, reason: str) -> Purchase:
    """Void one line that was recorded or imported by mistake; return its capacity once, keep its row.

    The promo use returns when no line that it covers counts any longer. An imported line keeps its external id, by
    which the next import leaves it out. Raises NotFound, InvalidInput (no reason), and Conflict when it is voided
    already.
    """
    permissions.require(session, actor, "change", event_id)
    reason = validate(VoidDraft, {"reason": reason}).reason
    order, lines = lock_order_of(session, event_id, purchase_id)
    purchase = next(line for line in lines if line.id == purchase_id)
    if purchase.payment_status == "voided":
        raise Conflict("This sale is already voided.")
    _void(session, actor, order, lines, [purchase], reason)
    return purchase


def void_order(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    order_id: uuid.UUID,
    reason: str,
    *,
    seen_version: int | None,
    purchase_id: uuid.UUID | None = None,
) -> Order:
    """Void all lines of an order that are not voided yet, or only `purchase_id`, as `void` does with one.

    Raises what `void` raises, and StaleVersion when the order was changed since `seen_version`; None skips that check.
    """
    permissions.require(session, actor, "change", event_id)
    reason = validate(VoidDraft, {"reason": reason}).reason
    order, lines = lock_order(session, event_id, order_id)
    chosen = _select_lines(lines, purchase_id)
    check_order_version(session, order, lines, seen_version)
    remaining = [line for line in chosen if line.payment_status != "voided"]
    if not remaining:
        raise Conflict("This sale is already voided." if purchase_id else "This order is already voided.")
    _void(session, actor, order, lines, remaining, reason)
    return order


def undo_void(session: Session, actor: Actor, event_id: uuid.UUID, order_id: uuid.UUID, *, seen_version: int) -> Order:
    """Take back the last change of an order, which voided lines of it: each has the status again that it had before.

    Takes capacity and promo use again. `seen_version` is the version of the order that the void made. Raises NotFound,
    StaleVersion when the order was changed since, and Conflict (SoldOut and PromoRefused among them) with the reason
    when that is too late or the capacity, the use or the external id is taken; then nothing is changed.
    """
    permissions.require(session, actor, "change", event_id)
    order, lines = lock_order(session, event_id, order_id)
    check_order_version(session, order, lines, seen_version)
    before = _get_statuses_before_void(session, order, lines)
    restored = [line for line in lines if line.id in before]
    changes = {
        line: [
            audit.Change("payment_status", "voided", before[line.id]),
            audit.Change("void_reason", line.void_reason, None),
        ]
        for line in restored
    }
    taken = {line for line in restored if before[line.id] in SOLD_STATUSES}
    try:
        with _updating_order(session, order, lines, taken=taken, moment=datetime.now(UTC)):
            for line in restored:
                line.payment_status, line.void_reason, line.voided_at = before[line.id], None, None
    except IntegrityError as exc:
        if constraint_name(exc) == "uq_purchases_external_sale":
            raise Conflict("This sale was imported again in the meantime, so it stays voided.") from exc
        raise
    _record(session, actor, "purchase.void_undone", changes)
    return order


def _get_statuses_before_void(session: Session, order: Order, lines: Sequence[Purchase]) -> dict[uuid.UUID, str]:
    """Return the statuses of the lines that the last change of the order voided, by id, from the audit log.

    Raises Conflict when that change is of another kind or too long ago.
    """
    subjects = [order.id, *(line.id for line in lines)]
    entries = audit.list_latest_entries(session, order.event_id, subjects, ORDER_ACTIONS)
    versions = {line.id: line.version for line in lines}
    is_current = all(each.subject_version == versions.get(each.subject_id) for each in entries)
    if not entries or entries[0].action != "purchase.voided" or not is_current:
        raise Conflict("The last change of this order was not a void, so there is nothing to undo.")
    if entries[0].occurred_at < datetime.now(UTC) - UNDO_WINDOW:
        raise Conflict("A void can be undone for 10 minutes. Record the sale again.")
    batches = {line.import_batch_id for line in lines}
    if session.scalar(select(exists().where(ImportBatch.id.in_(batches), ImportBatch.undone_at.is_not(None)))):
        raise Conflict("The import of this sale was undone. Import the file again.")
    return {each.subject_id: str(each.old_value) for each in entries if each.field == "payment_status"}


def change_status(
    session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID, status: str, *, seen_version: int
) -> Purchase:
    """Move the payment of one line to one of its NEXT_STATUSES; failed and refunded return its capacity, once.

    The promo use returns when no line that it covers counts any longer. Imported purchases move on like any other.
    Raises NotFound, InvalidInput (no such status), StaleVersion, and Conflict with the reason why this purchase cannot
    take that status; then nothing is changed.
    """
    permissions.require(session, actor, "change", event_id)
    validate(StatusDraft, {"status": status})
    order, lines = lock_order_of(session, event_id, purchase_id)
    purchase = next(line for line in lines if line.id == purchase_id)
    optimistic_locking.check_version(session, event_id, purchase, seen_version)
    if status not in NEXT_STATUSES.get(purchase.payment_status, ()):
        raise Conflict(_explain_refusal(purchase.payment_status, status))
    _change_status(session, actor, order, lines, [purchase], status)
    return purchase


def change_order_status(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    order_id: uuid.UUID,
    status: str,
    *,
    seen_version: int,
    purchase_id: uuid.UUID | None = None,
) -> Order:
    """Move every line of an order whose payment can become `status`, or only `purchase_id`.

    Raises what `change_status` raises; Conflict when no line can take that status.
    """
    permissions.require(session, actor, "change", event_id)
    validate(StatusDraft, {"status": status})
    order, lines = lock_order(session, event_id, order_id)
    chosen = _select_lines(lines, purchase_id)
    check_order_version(session, order, lines, seen_version)
    movable = [line for line in chosen if status in NEXT_STATUSES.get(line.payment_status, ())]
    if not movable:
        raise Conflict(_explain_refusal(chosen[0].payment_status, status))
    _change_status(session, actor, order, lines, movable, status)
    return order


def get_for_update(session: Session, event_id: uuid.UUID, purchase_id: uuid.UUID) -> Purchase:
    """Return the purchase, locked until the transaction ends. Raises NotFound."""
    return optimistic_locking.get_for_update(session, Purchase, event_id, purchase_id, "purchase")


def lock_order_of(session: Session, event_id: uuid.UUID, purchase_id: uuid.UUID) -> tuple[Order, list[Purchase]]:
    """Return the order of a purchase and all its lines, locked as `lock_order` does. Raises NotFound."""
    order_id = session.scalar(
        select(Purchase.order_id).where(Purchase.id == purchase_id, Purchase.event_id == event_id)
    )
    if order_id is None:
        raise NotFound("purchase")
    return lock_order(session, event_id, order_id)


def lock_order(session: Session, event_id: uuid.UUID, order_id: uuid.UUID) -> tuple[Order, list[Purchase]]:
    """Return an order and its lines in their order, all locked until the transaction ends. Raises NotFound."""
    order = optimistic_locking.get_for_update(session, Order, event_id, order_id, "order", key_share=True)
    lines = session.scalars(
        select(Purchase)
        .where(Purchase.order_id == order_id)
        .order_by(Purchase.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return order, sorted(lines, key=lambda line: line.line_number)


_RETURN_CAPACITY = text("""
    UPDATE packages SET sold_count = sold_count - :quantity, sales_version = sales_version + 1 WHERE id = :package_id
""")


_TAKE_CAPACITY = text("""
    UPDATE packages SET sold_count = sold_count + :quantity, sales_version = sales_version + 1
    WHERE id = :package_id AND (quantity_limit IS NULL OR sold_count + :quantity <= quantity_limit)
""")


@contextmanager
def updating_totals(
    session: Session,
    purchases: Sequence[Purchase],
    *,
    returned: Collection[Purchase] = (),
    taken: Collection[Purchase] = (),
) -> Iterator[None]:
    """Change locked purchases: return the packages of those in `returned`, and update the daily totals.

    The packages of those in `taken` are taken again; raises SoldOut. Packages stay locked from here to the end of the
    transaction, so keep the body short.
    """
    for purchase in sorted(purchases, key=lambda each: each.package_id):
        if purchase in taken:
            _take_capacity(session, purchase)
            continue
        quantity = _count_held_packages(purchase) if purchase in returned else 0
        session.execute(_RETURN_CAPACITY, {"package_id": purchase.package_id, "quantity": quantity})
    with daily_totals.updating_purchases(session, [purchase.id for purchase in purchases]):
        yield
    for purchase in purchases:
        session.refresh(purchase, ["seats"])  # a generated column, so SQLAlchemy expires it at the UPDATE


def _take_capacity(session: Session, purchase: Purchase) -> None:
    values = {"package_id": purchase.package_id, "quantity": purchase.quantity}
    result = session.execute(_TAKE_CAPACITY, values)
    if result.rowcount:  # type: ignore[attr-defined]
        return
    package = session.get_one(Package, purchase.package_id, populate_existing=True)
    raise SoldOut(
        [Shortage(purchase.line_number - 1, package.id, package.name, package.sold_count, package.quantity_limit or 0)]
    )


def _void(
    session: Session, actor: Actor, order: Order, lines: Sequence[Purchase], voided: Sequence[Purchase], reason: str
) -> None:
    changes = {
        line: [audit.Change("payment_status", line.payment_status, "voided"), audit.Change("void_reason", None, reason)]
        for line in voided
    }
    now = datetime.now(UTC)
    with _updating_order(session, order, lines, returned=voided, moment=now):
        for line in voided:
            line.payment_status, line.void_reason, line.voided_at = "voided", reason, now
    _record(session, actor, "purchase.voided", changes)


def _change_status(
    session: Session, actor: Actor, order: Order, lines: Sequence[Purchase], moved: Sequence[Purchase], status: str
) -> None:
    changes = {line: [audit.Change("payment_status", line.payment_status, status)] for line in moved}
    returned = () if status in SOLD_STATUSES else moved
    with _updating_order(session, order, lines, returned=returned, moment=datetime.now(UTC)):
        for line in moved:
            line.payment_status = status
    _record(session, actor, "purchase.status_changed", changes)


@contextmanager
def _updating_order(
    session: Session,
    order: Order,
    lines: Sequence[Purchase],
    *,
    returned: Collection[Purchase] = (),
    taken: Collection[Purchase] = (),
    moment: datetime,
) -> Iterator[None]:
    """Change payment statuses of the locked lines of an order, and everything that depends on them.

    Afterwards the first line of each status leads the order, and the promo use is returned when no covered line counts,
    or taken again when one counts again.
    """
    with updating_totals(session, lines, returned=returned, taken=taken):
        before = {line: line.payment_status for line in lines}
        yield
        leading: set[str] = set()
        for line in lines:
            line.leads_order = line.payment_status not in leading
            leading.add(line.payment_status)
            line.version += line.payment_status != before[line]
        order.version += 1
    covered = [line for line in lines if line.promo_code_id is not None]
    if any(line.payment_status in SOLD_STATUSES for line in covered):
        promo_uses.take_use_again(session, order.id)
    elif covered:
        promo_uses.release_use(session, order.id, moment)


def _record(session: Session, actor: Actor, action: str, changes: Mapping[Purchase, Sequence[audit.Change]]) -> None:
    """Write the audit entries of one change of several lines."""
    change_id = uuid7()
    for line, entries in changes.items():
        audit.record(session, actor, line.event_id, action, line, entries, change_id)


def _select_lines(lines: Sequence[Purchase], purchase_id: uuid.UUID | None) -> Sequence[Purchase]:
    """Return the line of `purchase_id`, or all lines when it is None. Raises NotFound."""
    if purchase_id is None:
        return lines
    if chosen := [line for line in lines if line.id == purchase_id]:
        return chosen
    raise NotFound("purchase")


def check_order_version(session: Session, order: Order, lines: Sequence[Purchase], seen_version: int | None) -> None:
    """Raise StaleVersion, with the changes of the order and its lines, when it was changed since `seen_version`."""
    if seen_version is None or order.version == seen_version:
        return
    subjects = [order.id, *(line.id for line in lines)]
    count = max(order.version - seen_version, 1)
    changes = audit.list_latest_changes(session, order.event_id, subjects, ORDER_ACTIONS, count)
    raise StaleVersion(f"order {order.number}", order.version, changes)


def _count_held_packages(purchase: Purchase) -> int:
    return purchase.quantity if purchase.payment_status in SOLD_STATUSES else 0


def _explain_refusal(current: str, requested: str) -> str:
    if current == requested:
        return f"This purchase is already {current}."
    if current not in NEXT_STATUSES:
        return f"This purchase is {current}, which is final. If it was bought after all, record a new sale."
    if requested == "voided":
        return "Voiding a sale takes a reason. Use Void instead."
    if current == "pending":
        return "This purchase is pending, so there is no payment to refund. Mark it as failed instead."
    return f"This purchase is paid, so it cannot become {requested}. Refund it instead."

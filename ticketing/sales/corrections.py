"""Corrections of recorded purchases: void a sale that was a mistake, move a payment to its next status.

Rules: docs/product.md, "Purchases". Locks are always taken in the same order, as a sale takes them, so that no two
transactions deadlock: the purchase, its package, the package's daily totals, the promo code.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

from ticketing import audit, daily_totals, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import promo_codes
from ticketing.errors import Conflict
from ticketing.models import SOLD_STATUSES, Purchase
from ticketing.validation import Draft, MaxLength, SingleLineText, validate

# Failed, refunded and voided purchases returned their capacity and promo use, so these statuses are final.
NEXT_STATUSES = {"pending": ("completed", "failed"), "completed": ("refunded",)}


class VoidDraft(Draft):
    reason: Annotated[SingleLineText, MaxLength(500)]


class StatusDraft(Draft):
    status: Literal["completed", "pending", "failed", "refunded", "voided"]


def void(session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID, reason: str) -> Purchase:
    """Void a sale that was recorded here by mistake; return its capacity and promo use once, keep its row.

    Raises NotFound, InvalidInput (no reason), and Conflict when it is voided already or was imported.
    """
    permissions.require(session, actor, "change", event_id)
    reason = validate(VoidDraft, {"reason": reason}).reason
    purchase = get_for_update(session, event_id, purchase_id)
    if purchase.payment_status == "voided":
        raise Conflict("This sale is already voided.")
    if purchase.channel == "import":
        raise Conflict("This sale was imported, so it cannot be voided here. Correct it where it was sold.")
    now = datetime.now(UTC)
    changes = [
        audit.Change("payment_status", purchase.payment_status, "voided"),
        audit.Change("void_reason", None, reason),
    ]
    with updating_totals(session, purchase, returned_quantity=_count_held_packages(purchase)):
        purchase.payment_status, purchase.void_reason, purchase.voided_at = "voided", reason, now
    promo_codes.release_use(session, purchase.id, now)
    audit.record(session, actor, event_id, "purchase.voided", purchase, changes)
    return purchase


def change_status(
    session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID, status: str, *, seen_version: int
) -> Purchase:
    """Move a payment to one of its NEXT_STATUSES; failed and refunded return capacity and promo use, once.

    Imported purchases move on like any other. Raises NotFound, InvalidInput (no such status), StaleVersion, and
    Conflict with the reason why this purchase cannot take that status; then nothing is changed.
    """
    permissions.require(session, actor, "change", event_id)
    validate(StatusDraft, {"status": status})
    purchase = get_for_update(session, event_id, purchase_id)
    optimistic_locking.check_version(session, event_id, purchase, seen_version)
    if status not in NEXT_STATUSES.get(purchase.payment_status, ()):
        raise Conflict(_explain_refusal(purchase.payment_status, status))
    returns_capacity = status not in SOLD_STATUSES
    changes = [audit.Change("payment_status", purchase.payment_status, status)]
    with updating_totals(
        session, purchase, returned_quantity=_count_held_packages(purchase) if returns_capacity else 0
    ):
        purchase.payment_status = status
    if returns_capacity:
        promo_codes.release_use(session, purchase.id, datetime.now(UTC))
    audit.record(session, actor, event_id, "purchase.status_changed", purchase, changes)
    return purchase


def get_for_update(session: Session, event_id: uuid.UUID, purchase_id: uuid.UUID) -> Purchase:
    """Return the purchase, locked until the transaction ends. Raises NotFound."""
    return optimistic_locking.get_for_update(session, Purchase, event_id, purchase_id, "purchase")


_RETURN_CAPACITY = text("""
    UPDATE packages SET sold_count = sold_count - :quantity, sales_version = sales_version + 1 WHERE id = :package_id
""")


@contextmanager
def updating_totals(session: Session, purchase: Purchase, *, returned_quantity: int = 0) -> Iterator[None]:
    """Change a purchase that get_for_update locked: return packages, update the daily totals, raise the version.

    Its package stays locked from here to the end of the transaction, so keep the body short.
    """
    session.execute(_RETURN_CAPACITY, {"package_id": purchase.package_id, "quantity": returned_quantity})
    with daily_totals.updating_purchase(session, purchase):
        yield
        purchase.version += 1
    session.refresh(purchase, ["seats"])  # a generated column, so SQLAlchemy expires it at the UPDATE


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

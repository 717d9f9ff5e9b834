"""What staff change on a sale after it was made: taken back when it was a mistake, moved on when its payment is.

Source: PRODUCT "Purchases" and "a purchase that counts". Locks, always in this order: the purchase, its package, the
package's days, the promo code. A sale takes them in the same order, so nobody waits in a circle.
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

# What a payment may turn into. Failed, refunded and voided purchases gave back what they held: they are final.
NEXT_STATUSES = {"pending": ("completed", "failed"), "completed": ("refunded",)}


class VoidDraft(Draft):
    reason: Annotated[SingleLineText, MaxLength(500)]


class StatusDraft(Draft):
    status: Literal["completed", "pending", "failed", "refunded", "voided"]


def void(session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID, reason: str) -> Purchase:
    """Takes back a sale that was recorded here by mistake: capacity and promo use return once, the row stays.

    Raises NotFound, InvalidInput (no reason), and Conflict when it was voided before or came from an import.
    """
    permissions.require(session, actor, "change", event_id)
    why = validate(VoidDraft, {"reason": reason}).reason
    purchase = get_for_update(session, event_id, purchase_id)
    if purchase.payment_status == "voided":
        raise Conflict("This sale is voided already.")
    if purchase.channel == "import":
        raise Conflict("This sale was imported. Correct it where it was sold.")
    now = datetime.now(UTC)
    changes = [
        audit.Change("payment_status", purchase.payment_status, "voided"),
        audit.Change("void_reason", None, why),
    ]
    with updating_totals(session, purchase, returned_quantity=_count_held_packages(purchase)):
        purchase.payment_status, purchase.void_reason, purchase.voided_at = "voided", why, now
    promo_codes.release_use(session, purchase.id, now)
    audit.record(session, actor, event_id, "purchase.voided", purchase, changes)
    return purchase


def change_status(
    session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID, status: str, *, seen_version: int
) -> Purchase:
    """Moves a payment on (NEXT_STATUSES). Failed and refunded ones give capacity and promo use back, once.

    What was imported moves on like any other. Raises NotFound, InvalidInput (no such status), StaleVersion, and
    Conflict with the sentence why this purchase cannot become that; then nothing is changed.
    """
    permissions.require(session, actor, "change", event_id)
    validate(StatusDraft, {"status": status})
    purchase = get_for_update(session, event_id, purchase_id)
    optimistic_locking.check_version(session, event_id, purchase, seen_version)
    if status not in NEXT_STATUSES.get(purchase.payment_status, ()):
        raise Conflict(_explain_refusal(purchase.payment_status, status))
    is_given_back = status not in SOLD_STATUSES
    changes = [audit.Change("payment_status", purchase.payment_status, status)]
    with updating_totals(session, purchase, returned_quantity=_count_held_packages(purchase) if is_given_back else 0):
        purchase.payment_status = status
    if is_given_back:
        promo_codes.release_use(session, purchase.id, datetime.now(UTC))
    audit.record(session, actor, event_id, "purchase.status_changed", purchase, changes)
    return purchase


def get_for_update(session: Session, event_id: uuid.UUID, purchase_id: uuid.UUID) -> Purchase:
    """The purchase as it stands, which nobody else can change until the transaction ends. Raises NotFound."""
    return optimistic_locking.get_for_update(session, Purchase, event_id, purchase_id, "purchase")


_RETURN_CAPACITY = text("""
    UPDATE packages SET sold_count = sold_count - :quantity, sales_version = sales_version + 1 WHERE id = :package_id
""")


@contextmanager
def updating_totals(session: Session, purchase: Purchase, *, returned_quantity: int = 0) -> Iterator[None]:
    """For changing a `held` purchase: returns `give_back` packages, moves the sums, raises the version.

    Its package is held from here on, as every change of sums must: be quick inside.
    """
    session.execute(_RETURN_CAPACITY, {"package_id": purchase.package_id, "quantity": returned_quantity})
    with daily_totals.updating_purchase(session, purchase):
        yield
        purchase.version += 1
    session.refresh(purchase, ["seats"])  # computed by the database, so unknown after an UPDATE


def _count_held_packages(purchase: Purchase) -> int:
    """How many packages it holds: all of them while it counts."""
    return purchase.quantity if purchase.payment_status in SOLD_STATUSES else 0


def _explain_refusal(now: str, wanted: str) -> str:
    if now == wanted:
        return f"This purchase is {now} already."
    if now not in NEXT_STATUSES:
        return f"This purchase is {now}, which is final. Record a new sale if it was bought after all."
    if wanted == "voided":
        return "A sale is voided with a reason. Use Void instead."
    if now == "pending":
        return "This purchase is pending: nothing was paid that could be refunded. Set it to failed instead."
    return f"This purchase is paid, so it cannot become {wanted}. Refund it instead."

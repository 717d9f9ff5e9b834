"""The donor of an order, when a correction changes what the order says about them (docs/product.md, "Corrections").

The caller has locked the order, its lines and their packages. Locks taken here: the promo code, then the donors in the
order of their `email_key`, as an import takes them.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing.errors import Conflict, PromoRefused
from ticketing.models import Order
from ticketing.sales.order_draft import DonorDraft
from ticketing.validation import email_key


class AnotherDonor(Conflict):
    """The new e-mail address belongs to another donor of the event, which nobody has confirmed yet."""

    code = "another_donor"
    field = "donor.email"

    def __init__(self, donor_id: uuid.UUID, name: str) -> None:
        self.donor_id = donor_id
        self.name = name
        super().__init__(
            f"This is {name}'s address. Confirm that it is the same person, or enter another address. "
            "Nothing was changed."
        )


def change(
    session: Session, order: Order, old: DonorDraft, new: DonorDraft, *, confirmed_donor_id: uuid.UUID | None
) -> None:
    """Move the order to the donor of a new e-mail address, or correct the record of the donor that it has.

    Raises AnotherDonor when the address is that of a donor with orders, unless `confirmed_donor_id` is that donor, and
    PromoRefused when the donor would have used the order's promo code more often than it allows.
    """
    if email_key(old.email) != email_key(new.email):
        _move(session, order, new, confirmed_donor_id)
    else:
        session.execute(_CORRECT_DONOR, {"donor_id": order.donor_id} | _pair_values(old, new))


# What a later sale wrote about the donor stays; only values that the order had as well were wrong with it.
_CORRECT_DONOR = text("""
    UPDATE donors SET
        name = CASE WHEN name = :old_name THEN :new_name ELSE name END,
        email = CASE WHEN email = :old_email THEN :new_email ELSE email END,
        phone = CASE WHEN phone IS NOT DISTINCT FROM :old_phone THEN :new_phone ELSE phone END
    WHERE id = :donor_id
""")


def _pair_values(old: DonorDraft, new: DonorDraft) -> dict[str, str | None]:
    drafts = (("old", old), ("new", new))
    return {f"{prefix}_{name}": value for prefix, draft in drafts for name, value in draft.model_dump().items()}


_LOCK_CODE = text("""
    SELECT id, code, max_uses_per_donor FROM promo_codes
    WHERE id = (SELECT promo_code_id FROM promo_uses WHERE order_id = :order_id AND given_back_at IS NULL)
    FOR NO KEY UPDATE
""")
# Creates the donor of the new address, and locks both donors. The update changes nothing: it is how a row that exists
# is locked in its turn.
_LOCK_DONORS = text("""
    INSERT INTO donors AS known (id, event_id, email, email_key, name, phone)
    SELECT :new_id, event_id, :email, given.email_key, :name, :phone
    FROM donors CROSS JOIN LATERAL (VALUES (email_key), (:email_key)) AS given(email_key)
    WHERE id = :old_id ORDER BY given.email_key
    ON CONFLICT (event_id, email_key) DO UPDATE SET name = known.name
    RETURNING id, email_key, name
""")
_HAS_ORDERS = text("SELECT EXISTS (SELECT FROM orders WHERE donor_id = :donor_id)")
_OVERWRITE_DONOR = text("UPDATE donors SET name = :name, email = :email, phone = :phone WHERE id = :donor_id")
_COUNT_OTHER_USES = text("""
    SELECT count(*) FROM promo_uses
    WHERE promo_code_id = :promo_code_id AND donor_id = :donor_id AND given_back_at IS NULL AND order_id <> :order_id
""")
_MOVE_USE = text("UPDATE promo_uses SET donor_id = :donor_id WHERE order_id = :order_id AND given_back_at IS NULL")
# By promo code and donor, which have an index; donor_id alone has none.
_DELETE_UNUSED_DONOR = text("""
    DELETE FROM donors WHERE id = :donor_id
      AND NOT EXISTS (SELECT FROM orders WHERE donor_id = donors.id)
      AND NOT EXISTS (
          SELECT FROM promo_codes JOIN promo_uses ON promo_uses.promo_code_id = promo_codes.id
          WHERE promo_codes.event_id = donors.event_id AND promo_uses.donor_id = donors.id
      )
""")


def _move(session: Session, order: Order, new: DonorDraft, confirmed_donor_id: uuid.UUID | None) -> None:
    old_id = order.donor_id
    code = session.execute(_LOCK_CODE, {"order_id": order.id}).first()
    donor_id = _get_donor(session, old_id, new, confirmed_donor_id, code, order.id)
    session.execute(_MOVE_USE, {"order_id": order.id, "donor_id": donor_id})
    order.donor_id = donor_id
    session.flush()
    session.execute(_DELETE_UNUSED_DONOR, {"donor_id": old_id})


def _get_donor(
    session: Session,
    old_id: uuid.UUID,
    new: DonorDraft,
    confirmed_donor_id: uuid.UUID | None,
    code: Row[Any] | None,
    order_id: uuid.UUID,
) -> uuid.UUID:
    """Return the id of the donor of the new address, created if needed, with both donors locked."""
    key, new_id = email_key(new.email), uuid7()
    values = new.model_dump() | {"old_id": old_id, "new_id": new_id, "email_key": key}
    donor = next(row for row in session.execute(_LOCK_DONORS, values) if row.email_key == key)
    donor_id: uuid.UUID = donor.id
    if donor_id == new_id:
        return donor_id
    if code is not None and code.max_uses_per_donor is not None:
        uses = session.scalars(
            _COUNT_OTHER_USES, {"promo_code_id": code.id, "donor_id": donor_id, "order_id": order_id}
        ).one()
        if uses >= code.max_uses_per_donor:
            refusal = PromoRefused("used_up_by_donor", code.code)
            refusal.field = "donor.email"
            raise refusal
    if session.scalars(_HAS_ORDERS, {"donor_id": donor_id}).one():
        if confirmed_donor_id != donor_id:
            raise AnotherDonor(donor_id, donor.name)
    else:  # left behind by an earlier correction, so nobody knows this donor by the old values
        session.execute(_OVERWRITE_DONOR, new.model_dump() | {"donor_id": donor_id})
    return donor_id

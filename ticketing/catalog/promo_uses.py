"""The use of a promo code by an order: return it, and take it again (docs/product.md, "Promo codes").

`promo_codes.reserve_use` takes it at the sale.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ticketing.errors import PromoRefused
from ticketing.models import PromoCode, PromoUse

_RELEASE_USE = text("""
    WITH released AS (
        UPDATE promo_uses SET given_back_at = :moment WHERE order_id = :order_id AND given_back_at IS NULL
        RETURNING promo_code_id
    )
    UPDATE promo_codes SET current_uses = current_uses - 1 FROM released
    WHERE promo_codes.id = released.promo_code_id
""")


def release_use(session: Session, order_id: uuid.UUID, moment: datetime) -> None:
    """Return the use of an order to its code, at most once; the row of the use stays as history."""
    session.execute(_RELEASE_USE, {"order_id": order_id, "moment": moment})


_LOCK_CODES = text("SELECT FROM promo_codes WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE")
_SUBTRACT_USES = text("""
    UPDATE promo_codes SET current_uses = current_uses - released.uses
    FROM unnest(CAST(:ids AS uuid[]), CAST(:uses AS int[])) AS released(id, uses) WHERE promo_codes.id = released.id
""")


def subtract_uses(session: Session, uses: Mapping[uuid.UUID, int]) -> None:
    """Take uses of many orders, by code, off the counts of their codes; the caller has given the uses back."""
    session.execute(_LOCK_CODES, {"ids": list(uses)})
    session.execute(_SUBTRACT_USES, {"ids": list(uses), "uses": list(uses.values())})


_TAKE_USE_AGAIN = text("""
    UPDATE promo_codes SET current_uses = current_uses + 1 FROM promo_uses
    WHERE promo_uses.order_id = :order_id AND promo_codes.id = promo_uses.promo_code_id
      AND (max_total_uses IS NULL OR current_uses < max_total_uses)
    RETURNING promo_codes.id, code, max_uses_per_donor, promo_uses.donor_id
""")
_COUNT_USES_OF = text("""
    SELECT count(*) FROM promo_uses
    WHERE promo_code_id = :promo_code_id AND donor_id = :donor_id AND given_back_at IS NULL
""")


def take_use_again(session: Session, order_id: uuid.UUID) -> None:
    """Take the use of an order again that `release_use` returned; nothing when it was not returned.

    Like a sale, but expiry and active flag do not matter: the order had the code when both allowed it. Raises
    PromoRefused when either limit is reached without this use.
    """
    use = session.get(PromoUse, order_id, populate_existing=True)
    if use is None or use.given_back_at is None:
        return
    row = session.execute(_TAKE_USE_AGAIN, {"order_id": order_id}).first()
    if row is None:
        code = session.scalars(select(PromoCode.code).where(PromoCode.id == use.promo_code_id)).one()
        raise PromoRefused("used_up", code)
    by_donor: int = session.scalars(_COUNT_USES_OF, {"promo_code_id": row.id, "donor_id": row.donor_id}).one()
    if row.max_uses_per_donor is not None and by_donor >= row.max_uses_per_donor:
        raise PromoRefused("used_up_by_donor", row.code)
    use.given_back_at = None

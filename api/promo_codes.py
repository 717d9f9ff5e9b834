"""/v1/admin/events/{event_id}/promo-codes: what takes something off a purchase."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Literal

from fastapi import APIRouter
from sqlalchemy.orm import Session

from api.problems import responses
from api.wire import PER_PAGE, Answer, Caller, Money, Page, PageNumber, in_zone
from ticketing import db, events, money, promo_codes
from ticketing.models import PromoCode
from ticketing.promo_codes import PromoCodeDraft

router = APIRouter(prefix="/admin/events/{event_id}/promo-codes", tags=["Promo codes"])


class PromoCodeAnswer(Answer):
    """A promo code. `discount_value` is percent or USD, `total_discount` USD given so far."""

    id: uuid.UUID
    event_id: uuid.UUID
    code: str
    discount_type: Literal["percentage", "fixed_amount"]
    discount_value: Money
    expires_at: datetime | None
    max_total_uses: int | None
    max_uses_per_donor: int | None
    is_active: bool
    current_uses: int
    total_discount: Money = money.ZERO
    version: int


def _told(row: PromoCode, time_zone: str, total_discount: Decimal = money.ZERO) -> PromoCodeAnswer:
    expires_at = row.expires_at and in_zone(row.expires_at, time_zone)
    told = PromoCodeAnswer.model_validate(row)
    return told.model_copy(update={"expires_at": expires_at, "total_discount": total_discount})


@router.get("", responses=responses(404, 422))
def list_promo_codes(caller: Caller, event_id: uuid.UUID, page: PageNumber = 1) -> Page[PromoCodeAnswer]:
    """The event's codes by name, each with its uses and the discount it gave."""
    with db.reading() as session:
        zone = events.get(session, caller, event_id).time_zone
        rows, total = promo_codes.list_page(session, caller, event_id, page=page, per_page=PER_PAGE)
    return Page(items=[_told(row, zone, given) for row, given in rows], total=total, page=page)


@router.post("", status_code=201, responses=responses(403, 404, 409, 422))
def create_promo_code(caller: Caller, event_id: uuid.UUID, draft: PromoCodeDraft) -> PromoCodeAnswer:
    """Adds a code, shown in capitals. 409 `duplicate_code` when the event has it."""

    def work(session: Session) -> PromoCodeAnswer:
        row = promo_codes.create(session, caller, event_id, draft)
        return _told(row, events.get(session, caller, event_id).time_zone)

    return db.write(work)

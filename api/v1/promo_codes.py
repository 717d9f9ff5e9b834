"""/v1/admin/events/{event_id}/promo-codes: what takes something off a purchase."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.errors import document_responses
from api.schemas import (
    PER_PAGE,
    Answer,
    Caller,
    Money,
    Page,
    PageNumber,
    SeenVersion,
    create_change_model,
    to_time_zone,
)
from ticketing import db, money
from ticketing.actors import Actor
from ticketing.catalog import events, promo_code_check, promo_codes
from ticketing.catalog.promo_codes import PromoCodeDraft
from ticketing.models import PromoCode
from ticketing.validation import BLANK_AS_NONE, Draft, Email, Timestamp

router = APIRouter(prefix="/admin/events/{event_id}/promo-codes", tags=["Promo codes"])
Reason = Literal["unknown", "inactive", "expired", "used_up", "used_up_by_donor"]


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


class PromoCodeChange(create_change_model(PromoCodeDraft)):  # type: ignore[misc]
    """The fields to change, and the version that was seen."""

    version: SeenVersion = None


class TrialDraft(Draft):
    """A purchase that is not made. `at` is the moment of it, by default now; without an offset in the event's zone."""

    package_id: uuid.UUID
    quantity: Annotated[int, Field(ge=1, le=10_000)]
    donor_email: Email
    at: Annotated[Timestamp | None, BLANK_AS_NONE] = None


class RuleAnswer(Answer):
    """One rule that a purchase would meet; `sentence` is for people and may change."""

    rule: Reason | Literal["not_for_sale", "sold_out"] = Field(validation_alias="reason")
    passed: bool
    sentence: str


class TrialAnswer(BaseModel):
    """`valid` and `reason` are about the code alone, `rules` also about the package.

    When the code is not valid, `discount_amount` is "0.00" and `total` the price without it.
    """

    valid: bool
    reason: Reason | None
    discount_amount: Money
    total: Money
    rules: list[RuleAnswer]


def _to_response(row: PromoCode, time_zone: str, total_discount: Decimal = money.ZERO) -> PromoCodeAnswer:
    expires_at = row.expires_at and to_time_zone(row.expires_at, time_zone)
    told = PromoCodeAnswer.model_validate(row)
    return told.model_copy(update={"expires_at": expires_at, "total_discount": total_discount})


def _get_response(session: Session, caller: Actor, event_id: uuid.UUID, promo_id: uuid.UUID) -> PromoCodeAnswer:
    row, given = promo_codes.get(session, caller, event_id, promo_id)
    return _to_response(row, events.get(session, caller, event_id).time_zone, given)


@router.get("", responses=document_responses(404, 422))
def list_promo_codes(caller: Caller, event_id: uuid.UUID, page: PageNumber = 1) -> Page[PromoCodeAnswer]:
    """The event's codes by name, each with its uses and the discount it gave."""
    with db.read_session() as session:
        zone = events.get(session, caller, event_id).time_zone
        rows, total = promo_codes.list_page(session, caller, event_id, page=page, per_page=PER_PAGE)
    return Page(items=[_to_response(row, zone, given) for row, given in rows], total=total, page=page)


@router.post("", status_code=201, responses=document_responses(403, 404, 409, 422))
def create_promo_code(caller: Caller, event_id: uuid.UUID, draft: PromoCodeDraft) -> PromoCodeAnswer:
    """Adds a code, shown in capitals. 409 `duplicate_code` when the event has it."""

    def work(session: Session) -> PromoCodeAnswer:
        row = promo_codes.create(session, caller, event_id, draft)
        return _to_response(row, events.get(session, caller, event_id).time_zone)

    return db.write(work)


@router.get("/{promo_id}", responses=document_responses(404, 422))
def get_promo_code(caller: Caller, event_id: uuid.UUID, promo_id: uuid.UUID) -> PromoCodeAnswer:
    """One code with its uses and the discount it gave."""
    with db.read_session() as session:
        return _get_response(session, caller, event_id, promo_id)


@router.patch("/{promo_id}", responses=document_responses(403, 404, 409, 422))
def change_promo_code(
    caller: Caller, event_id: uuid.UUID, promo_id: uuid.UUID, change: PromoCodeChange
) -> PromoCodeAnswer:
    """Changes the fields that are sent; past purchases keep their discount.

    409 `stale_version`, `duplicate_code`, `code_used` for the code, type or value of one that was used, or
    `limit_below_uses`.
    """

    def work(session: Session) -> PromoCodeAnswer:
        promo_codes.update(session, caller, event_id, promo_id, change.sent_fields, seen_version=change.version)
        return _get_response(session, caller, event_id, promo_id)

    return db.write(work)


@router.delete("/{promo_id}", status_code=204, responses=document_responses(403, 404, 409, 422))
def delete_promo_code(caller: Caller, event_id: uuid.UUID, promo_id: uuid.UUID) -> None:
    """Removes a code that no purchase used. 409 `code_used` when one did: switch it off instead."""
    db.write(lambda session: promo_codes.delete(session, caller, event_id, promo_id))


@router.post("/validate/{code:path}", responses=document_responses(404, 422))
def validate_promo_code(caller: Caller, event_id: uuid.UUID, code: str, draft: TrialDraft) -> TrialAnswer:
    """Tries a code: what every rule would say to this purchase, and what it would cost. Takes no use of it.

    429 `rate_limited` when the token's owner tried 10 codes within a minute that do not apply; ones that do are not
    counted.
    """
    tried = db.write(
        lambda session: promo_code_check.dry_run(
            session,
            caller,
            event_id,
            code,
            package_id=draft.package_id,
            quantity=draft.quantity,
            donor_email=draft.donor_email,
            moment=draft.at,
        )
    )
    return TrialAnswer.model_validate(
        {
            "valid": tried.reason is None,
            "reason": tried.reason,
            "discount_amount": tried.quote.discount,
            "total": tried.quote.total,
            "rules": [RuleAnswer.model_validate(rule) for rule in (*tried.code_rules, *tried.package_rules)],
        }
    )

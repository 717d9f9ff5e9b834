"""Endpoints for the promo codes of an event."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.errors import document_responses
from api.schemas import (
    PER_PAGE,
    Answer,
    Caller,
    EventId,
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
PromoCodeId = Annotated[
    uuid.UUID, Path(description="Id of the promo code.", examples=["01a207b5-7e02-7b44-a6c1-0d9f8e7b6a53"])
]
Code = Annotated[str, Path(description="The code to check, in any case.", examples=["EARLY25"])]
Reason = Literal["unknown", "inactive", "expired", "used_up", "used_up_by_donor"]


class PromoCodeAnswer(Answer):
    """A promo code with its uses so far."""

    id: Annotated[
        uuid.UUID, Field(description="Id of the promo code.", examples=["01a207b5-7e02-7b44-a6c1-0d9f8e7b6a53"])
    ]
    event_id: Annotated[
        uuid.UUID, Field(description="Id of the event.", examples=["01a207b2-b02d-710f-ba15-1a059629fb52"])
    ]
    code: Annotated[str, Field(description="The code in capitals.", examples=["EARLY25"])]
    discount_type: Annotated[
        Literal["percentage", "fixed_amount"],
        Field(description="A percentage of the order, or an amount off it.", examples=["percentage"]),
    ]
    discount_value: Annotated[Money, Field(description="Percent or USD.", examples=["25.00"])]
    expires_at: Annotated[
        datetime | None,
        Field(
            description="First moment at which the code no longer applies, with the offset of the event's time zone; "
            "null for never.",
            examples=["2026-11-01T00:00:00-04:00"],
        ),
    ]
    max_total_uses: Annotated[
        int | None, Field(description="Orders that may use the code in all; null is unlimited.", examples=[100])
    ]
    max_uses_per_donor: Annotated[
        int | None,
        Field(description="Orders of one donor that may use the code; null is unlimited.", examples=[1]),
    ]
    is_active: Annotated[bool, Field(description="Whether the code can be used at all.", examples=[True])]
    current_uses: Annotated[
        int, Field(description="Orders with completed or pending lines that use the code.", examples=[12])
    ]
    total_discount: Annotated[
        Money, Field(description="Discount of the completed purchases with the code, in USD.", examples=["1454.50"])
    ] = money.ZERO
    version: Annotated[int, Field(description="Version to send with a change of the promo code.", examples=[2])]


class PromoCodeChange(create_change_model(PromoCodeDraft)):  # type: ignore[misc]
    """The fields of a promo code to change, and the version that they were read at."""

    version: SeenVersion = None


class DryRunDraft(Draft):
    """The purchase to check a promo code for. It is not recorded."""

    package_id: Annotated[
        uuid.UUID, Field(description="Id of the package.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"])
    ]
    quantity: Annotated[int, Field(ge=1, le=10_000, description="Number of packages.", examples=[2])]
    donor_email: Annotated[Email, Field(description="E-mail address of the donor.", examples=["ana@example.org"])]
    at: Annotated[
        Timestamp | None,
        BLANK_AS_NONE,
        Field(
            description="Moment of the purchase, by default now. Without an offset it is local time in the event's "
            "time zone.",
            examples=["2026-10-30T12:00:00-04:00"],
        ),
    ] = None


class RuleAnswer(Answer):
    """The result of one rule."""

    rule: Reason | Literal["not_for_sale", "sold_out"] = Field(
        validation_alias="reason", description="The rule, named by its refusal.", examples=["expired"]
    )
    passed: Annotated[bool, Field(description="Whether the purchase passes the rule.", examples=[True])]
    sentence: Annotated[
        str, Field(description="The result for people; the wording may change.", examples=["It never expires."])
    ]


class DryRunAnswer(BaseModel):
    """The result of a dry run. `valid` and `reason` concern the code alone, `rules` also the package."""

    valid: Annotated[bool, Field(description="Whether the code applies to the purchase.", examples=[True])]
    reason: Annotated[
        Reason | None, Field(description="The first rule of the code that fails, else null.", examples=["expired"])
    ]
    discount_amount: Annotated[
        Money, Field(description="Discount in USD; 0.00 when the code is not valid.", examples=["50.00"])
    ]
    total: Annotated[Money, Field(description="Price in USD after the discount.", examples=["150.00"])]
    rules: Annotated[
        list[RuleAnswer],
        Field(
            description="Every rule of the code, then of the package, in the order of a purchase.",
            examples=[[{"rule": "expired", "passed": True, "sentence": "It never expires."}]],
        ),
    ]


def _to_response(row: PromoCode, time_zone: str, total_discount: Decimal = money.ZERO) -> PromoCodeAnswer:
    expires_at = row.expires_at and to_time_zone(row.expires_at, time_zone)
    response = PromoCodeAnswer.model_validate(row)
    return response.model_copy(update={"expires_at": expires_at, "total_discount": total_discount})


def _get_response(session: Session, caller: Actor, event_id: uuid.UUID, promo_id: uuid.UUID) -> PromoCodeAnswer:
    row, total_discount = promo_codes.get(session, caller, event_id, promo_id)
    return _to_response(row, events.get(session, caller, event_id).time_zone, total_discount)


@router.get("", responses=document_responses(404, 422))
def list_promo_codes(caller: Caller, event_id: EventId, page: PageNumber = 1) -> Page[PromoCodeAnswer]:
    """List the event's promo codes in alphabetical order, each with its uses and total discount."""
    with db.read_session() as session:
        time_zone = events.get(session, caller, event_id).time_zone
        rows, total = promo_codes.list_page(session, caller, event_id, page=page, per_page=PER_PAGE)
    return Page(
        items=[_to_response(row, time_zone, total_discount) for row, total_discount in rows], total=total, page=page
    )


@router.post("", status_code=201, responses=document_responses(403, 404, 409, 422))
def create_promo_code(caller: Caller, event_id: EventId, draft: PromoCodeDraft) -> PromoCodeAnswer:
    """Add a promo code. 409 `duplicate_code` when the event has the code already."""

    def work(session: Session) -> PromoCodeAnswer:
        row = promo_codes.create(session, caller, event_id, draft)
        return _to_response(row, events.get(session, caller, event_id).time_zone)

    return db.write(work)


@router.get("/{promo_id}", responses=document_responses(404, 422))
def get_promo_code(caller: Caller, event_id: EventId, promo_id: PromoCodeId) -> PromoCodeAnswer:
    """Return one promo code with its uses and total discount."""
    with db.read_session() as session:
        return _get_response(session, caller, event_id, promo_id)


@router.patch("/{promo_id}", responses=document_responses(403, 404, 409, 422))
def change_promo_code(
    caller: Caller, event_id: EventId, promo_id: PromoCodeId, change: PromoCodeChange
) -> PromoCodeAnswer:
    """Change the fields that are sent. Past purchases keep their discount.

    409 `stale_version`, `duplicate_code`, `limit_below_uses`, or `code_used` for the code, type or value of a used
    code.
    """

    def work(session: Session) -> PromoCodeAnswer:
        promo_codes.update(session, caller, event_id, promo_id, change.sent_fields, seen_version=change.version)
        return _get_response(session, caller, event_id, promo_id)

    return db.write(work)


@router.delete("/{promo_id}", status_code=204, responses=document_responses(403, 404, 409, 422))
def delete_promo_code(caller: Caller, event_id: EventId, promo_id: PromoCodeId) -> None:
    """Delete a promo code that no purchase used. 409 `code_used` when one did: set `is_active` to false instead."""
    db.write(lambda session: promo_codes.delete(session, caller, event_id, promo_id))


@router.post("/validate/{code:path}", responses=document_responses(404, 422))
def validate_promo_code(caller: Caller, event_id: EventId, code: Code, draft: DryRunDraft) -> DryRunAnswer:
    """Check a code against every rule of a purchase and return the price. No use of the code is reserved.

    429 `rate_limited` after 10 codes within a minute of the token's owner that do not apply; codes that apply are not
    counted.
    """
    result = db.write(
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
    return DryRunAnswer.model_validate(
        {
            "valid": result.reason is None,
            "reason": result.reason,
            "discount_amount": result.quote.discount,
            "total": result.quote.total,
            "rules": [RuleAnswer.model_validate(rule) for rule in (*result.code_rules, *result.package_rules)],
        }
    )

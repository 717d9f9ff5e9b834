"""/v1/events/{event_id}/tickets/purchases: "this was bought", said by the donor site."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.errors import document_responses
from api.schemas import Caller, Money, to_time_zone
from ticketing import db
from ticketing.catalog import events
from ticketing.models import Purchase
from ticketing.sales import purchases
from ticketing.sales.purchase_draft import PurchaseDraft
from ticketing.sales.purchases import RecordedPurchase

router = APIRouter(prefix="/events/{event_id}/tickets/purchases", tags=["Donor site"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Of the caller's making, one for each purchase. Repeated, it answers with the first result.",
    ),
]


class Donor(BaseModel):
    name: str
    email: str
    phone: str | None


class Guest(BaseModel):
    name: str
    email: str | None


class Ticket(BaseModel):
    """One seat: its code to say aloud, and its guest once one is named."""

    code: str
    seat_number: int
    guest: Guest | None


class AnswerGiven(BaseModel):
    option_id: uuid.UUID
    value: bool | list[str] | str


class PurchaseAnswer(BaseModel):
    """A purchase as it was recorded. `list_price` is quantity x price; `total` is what is paid."""

    id: uuid.UUID
    event_id: uuid.UUID
    package_id: uuid.UUID
    quantity: int
    seats: int
    unit_price: Money
    list_price: Money
    discount: Money
    total: Money
    promo_code: str | None
    payment_status: str
    channel: str
    purchased_at: datetime
    donor: Donor
    notes: str | None
    tickets: list[Ticket]
    answers: list[AnswerGiven]


@router.post(
    "",
    status_code=201,
    responses=document_responses(403, 404, 409, 422)
    | {200: {"model": PurchaseAnswer, "description": "The idempotency key was seen before; nothing changed."}},
)
def record_purchase(
    caller: Caller, event_id: uuid.UUID, draft: PurchaseDraft, response: Response, key: IdempotencyKey = None
) -> PurchaseAnswer:
    """Takes the capacity and the promo use, fixes the price, makes one ticket for each seat: all of it, or nothing.

    409 `sold_out`, `not_for_sale`, `promo_refused`, or `stale_version` when `package_version` is given and the price
    or the seats changed since. 422 `idempotency_mismatch` when the key was used for another purchase.
    """

    def work(session: Session) -> PurchaseAnswer:
        recorded = purchases.record(session, caller, event_id, draft, idempotency_key=key)
        response.status_code = 200 if recorded.is_repeat else 201
        return _build_response(recorded, events.get(session, caller, event_id).time_zone)

    return db.write(work)


def build_purchase_fields(
    row: Purchase, schema: type[BaseModel], promo_code: str | None, time_zone: str
) -> dict[str, Any]:
    """What an answer of this shape says of a purchase itself."""
    fields: dict[str, Any] = {field: getattr(row, field) for field in schema.model_fields if hasattr(row, field)}
    return fields | {
        "purchased_at": to_time_zone(row.purchased_at, time_zone),
        "promo_code": promo_code,
        "donor": Donor(name=row.purchaser_name, email=row.purchaser_email, phone=row.purchaser_phone),
    }


def _build_response(recorded: RecordedPurchase, time_zone: str) -> PurchaseAnswer:
    return PurchaseAnswer.model_validate(
        build_purchase_fields(recorded.purchase, PurchaseAnswer, recorded.promo_code, time_zone)
        | {
            "tickets": [
                Ticket(
                    code=ticket.code,
                    seat_number=ticket.seat_number,
                    guest=Guest(name=ticket.guest_name, email=ticket.guest_email) if ticket.guest_name else None,
                )
                for ticket in recorded.tickets
            ],
            "answers": [AnswerGiven(option_id=option_id, value=value) for option_id, value in recorded.answers.items()],
        }
    )

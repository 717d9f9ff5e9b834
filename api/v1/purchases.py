"""/v1/events/{event_id}/tickets/purchases: the donor site records a sale of one package.

Models and builders that orders and lists of purchases share are here too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.errors import document_responses
from api.schemas import Caller, EventId, Money, to_time_zone
from ticketing import db
from ticketing.models import AssignedTicket, Purchase
from ticketing.sales import purchases
from ticketing.sales.order_draft import PurchaseDraft
from ticketing.sales.purchases import RecordedPurchase

router = APIRouter(prefix="/events/{event_id}/tickets/purchases", tags=["Donor site"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A key that the caller makes up, a new one for each sale, and one namespace for orders and "
        "purchases of the event. The same request with the same key records nothing and returns the sale as it is now.",
        examples=["order-20261003-0042"],
    ),
]


OrderId = Annotated[uuid.UUID, Field(description="Id of the order.", examples=["01a207b5-2f6a-7b90-8d13-5c0e7a91b6d2"])]
OrderNumber = Annotated[
    str, Field(description="Order number, unique in the event and easy to read aloud.", examples=["K7PM3X"])
]


class Donor(BaseModel):
    """The donor, as written on the order."""

    name: str = Field(description="Full name.", examples=["Ana Ruiz"])
    email: str = Field(description="E-mail address.", examples=["ana@example.org"])
    phone: str | None = Field(description="Phone number, if given.", examples=["555 0100"])


class Guest(BaseModel):
    """The person who sits on a seat."""

    name: str = Field(description="Full name.", examples=["Ben Okafor"])
    email: str | None = Field(description="E-mail address, if given.", examples=["ben@example.org"])


class Ticket(BaseModel):
    """The ticket of one seat."""

    code: str = Field(description="Ticket code, unique in the event and easy to read aloud.", examples=["YKR38YSG"])
    seat_number: int = Field(description="Number of the seat within the purchase, from 1.", examples=[1])
    guest: Guest | None = Field(
        description="The guest on this seat; null until one is named.",
        examples=[{"name": "Ben Okafor", "email": "ben@example.org"}],
    )


class AnswerGiven(BaseModel):
    """The donor's answer to one option of the package."""

    option_id: uuid.UUID = Field(
        description="The option that was answered.", examples=["01a207b4-91d2-7a35-bb0e-2c4f7d6e8a13"]
    )
    value: bool | list[str] | str = Field(
        description="true or false, the list of chosen choices, or text, by the type of the option.",
        examples=[True, ["Fish"], "No nuts"],
    )


class PurchaseAnswer(BaseModel):
    """A recorded purchase. Amounts are in USD."""

    id: uuid.UUID = Field(description="Id of the purchase.", examples=["01a207b5-2f6b-7c18-9e41-d3a85b0c7f24"])
    event_id: uuid.UUID = Field(description="Id of the event.", examples=["01a207b2-b02d-710f-ba15-1a059629fb52"])
    order_id: OrderId
    order_number: OrderNumber
    package_id: uuid.UUID = Field(
        description="Id of the package that was bought.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"]
    )
    quantity: int = Field(description="Number of packages.", examples=[2])
    seats: int = Field(description="Number of seats: quantity times seats per package.", examples=[20])
    unit_price: Money = Field(description="Price of one package when it was bought.", examples=["2500.00"])
    list_price: Money = Field(description="Quantity times unit price.", examples=["5000.00"])
    discount: Money = Field(description="What was taken off the list price.", examples=["500.00"])
    total: Money = Field(description="What is paid: list price less discount.", examples=["4500.00"])
    promo_code: str | None = Field(description="The promo code that was used, if any.", examples=["EARLY10"])
    payment_status: str = Field(description="completed, pending, failed, refunded or voided.", examples=["completed"])
    channel: str = Field(
        description="How it was sold: cash, cheque, card_terminal, comp or online.", examples=["online"]
    )
    purchased_at: datetime = Field(
        description="When it was bought, with the offset of the event's time zone.",
        examples=["2026-10-03T09:42:00-04:00"],
    )
    donor: Donor = Field(
        description="Who bought it.", examples=[{"name": "Ana Ruiz", "email": "ana@example.org", "phone": "555 0100"}]
    )
    notes: str | None = Field(description="A note for staff, if given.", examples=["Table near the stage"])
    tickets: list[Ticket] = Field(
        description="One ticket per seat, in the order of the seats.",
        examples=[[{"code": "YKR38YSG", "seat_number": 1, "guest": {"name": "Ben Okafor", "email": None}}]],
    )
    answers: list[AnswerGiven] = Field(
        description="The answers that were given; options that were skipped are left out.",
        examples=[[{"option_id": "01a207b4-91d2-7a35-bb0e-2c4f7d6e8a13", "value": ["Fish"]}]],
    )


@router.post(
    "",
    status_code=201,
    responses=document_responses(403, 404, 409, 422)
    | {
        200: {
            "model": PurchaseAnswer,
            "description": "This idempotency key was used before; this is its purchase as it is now. Nothing changed.",
        }
    },
)
def record_purchase(
    caller: Caller, event_id: EventId, draft: PurchaseDraft, response: Response, key: IdempotencyKey = None
) -> PurchaseAnswer:
    """Record a sale of one package, as an order of one line: take capacity and promo use, fix the price, and create one
    ticket per seat, or nothing. For several packages in one sale, record an order instead.

    409 with code `sold_out`, `not_for_sale` or `promo_refused`, or `stale_version` when `package_version` is given and
    the price or the seats changed since. 422 with code `idempotency_mismatch` when the key was used for another
    sale.
    """

    def work(session: Session) -> PurchaseAnswer:
        recorded = purchases.record(session, caller, event_id, draft, idempotency_key=key)
        response.status_code = 200 if recorded.is_repeat else 201
        return _build_response(recorded)

    return db.write(work)


def build_purchase_fields(
    row: Purchase, schema: type[BaseModel], promo_code: str | None, time_zone: str
) -> dict[str, Any]:
    """Return the values of the fields of `schema` that come from the purchase itself."""
    fields: dict[str, Any] = {field: getattr(row, field) for field in schema.model_fields if hasattr(row, field)}
    return fields | {
        "purchased_at": to_time_zone(row.purchased_at, time_zone),
        "promo_code": promo_code,
        "donor": Donor(name=row.purchaser_name, email=row.purchaser_email, phone=row.purchaser_phone),
    }


def build_tickets(tickets: Sequence[AssignedTicket]) -> list[Ticket]:
    """Return the tickets of one purchase, in the order of the seats, with their guests."""
    return [
        Ticket(
            code=ticket.code,
            seat_number=ticket.seat_number,
            guest=Guest(name=ticket.guest_name, email=ticket.guest_email) if ticket.guest_name else None,
        )
        for ticket in tickets
    ]


def build_answers(answers: Mapping[uuid.UUID, Any]) -> list[AnswerGiven]:
    """Return the answers of one purchase from values by option id."""
    return [AnswerGiven(option_id=option_id, value=value) for option_id, value in answers.items()]


def _build_response(recorded: RecordedPurchase) -> PurchaseAnswer:
    return PurchaseAnswer.model_validate(
        build_purchase_fields(recorded.purchase, PurchaseAnswer, recorded.promo_code, recorded.time_zone)
        | {
            "order_number": recorded.order.number,
            "tickets": build_tickets(recorded.tickets),
            "answers": build_answers(recorded.answers),
        }
    )

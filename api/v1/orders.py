"""/v1/events/{event_id}/tickets/orders: record, read and void orders, and move their payment to the next status."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.errors import document_responses
from api.schemas import Caller, EventId, Money, SeenVersion
from api.v1.purchases import (
    AnswerGiven,
    Donor,
    IdempotencyKey,
    OrderId,
    OrderNumber,
    Ticket,
    build_answers,
    build_purchase_fields,
    build_tickets,
)
from ticketing import db, money
from ticketing.order_status import compute_status
from ticketing.sales import corrections, orders
from ticketing.sales.corrections import VoidReason
from ticketing.sales.order_draft import OrderDraft
from ticketing.sales.orders import RecordedLine, RecordedOrder
from ticketing.validation import Draft

router = APIRouter(prefix="/events/{event_id}/tickets/orders", tags=["Donor site"])

OrderInPath = Annotated[
    uuid.UUID, Path(alias="order_id", description="Id of the order.", examples=["01a207b5-2f6a-7b90-8d13-5c0e7a91b6d2"])
]
OneLine = Annotated[
    uuid.UUID | None,
    Field(
        description="The `purchase_id` of one line of the order, to leave the other lines as they are.",
        examples=["01a207b5-2f6b-7c18-9e41-d3a85b0c7f24"],
    ),
]


class OrderLine(BaseModel):
    """A line of an order: one package, any quantity of it. Amounts are in USD."""

    purchase_id: uuid.UUID = Field(
        description="Id of the line, which is a purchase.", examples=["01a207b5-2f6b-7c18-9e41-d3a85b0c7f24"]
    )
    package_id: uuid.UUID = Field(
        description="Id of the package that was bought.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"]
    )
    quantity: int = Field(description="Number of packages.", examples=[2])
    list_price: Money = Field(description="Quantity times the price of one package.", examples=["5000.00"])
    discount: Money = Field(description="The line's share of the discount of the order.", examples=["500.00"])
    total: Money = Field(description="What is paid: list price less discount.", examples=["4500.00"])
    payment_status: str = Field(description="completed, pending, failed, refunded or voided.", examples=["completed"])
    tickets: list[Ticket] = Field(
        description="One ticket per seat, in the order of the seats.",
        examples=[[{"code": "YKR38YSG", "seat_number": 1, "guest": {"name": "Ben Okafor", "email": None}}]],
    )
    answers: list[AnswerGiven] = Field(
        description="The answers that were given; options that were skipped are left out.",
        examples=[[{"option_id": "01a207b4-91d2-7a35-bb0e-2c4f7d6e8a13", "value": ["Fish"]}]],
    )


class OrderAnswer(BaseModel):
    """A recorded order. Amounts are in USD."""

    id: OrderId
    number: OrderNumber
    status: str = Field(
        description="completed, pending, partly_refunded, refunded, voided or failed, from the lines that still count.",
        examples=["completed"],
    )
    total: Money = Field(
        description="Sum of the totals of all lines. Lines that failed or were refunded or voided keep their amounts.",
        examples=["4500.00"],
    )
    discount: Money = Field(description="Sum of the discounts of all lines.", examples=["500.00"])
    donor: Donor = Field(
        description="Who bought it.", examples=[{"name": "Ana Ruiz", "email": "ana@example.org", "phone": "555 0100"}]
    )
    promo_code: str | None = Field(description="The promo code that was used, if any.", examples=["EARLY10"])
    channel: str = Field(
        description="How it was sold: cash, cheque, card_terminal, comp, online or import.", examples=["online"]
    )
    notes: str | None = Field(description="A note for staff, if given.", examples=["Table near the stage"])
    purchased_at: datetime = Field(
        description="When it was bought, with the offset of the event's time zone.",
        examples=["2026-10-03T09:42:00-04:00"],
    )
    version: int = Field(description="Version to send with a change of the order or of a line.", examples=[1])
    lines: list[OrderLine] = Field(description="What was bought, in the order of the request.")


class OrderVoid(Draft):
    """Why an order was recorded by mistake."""

    reason: Annotated[VoidReason, Field(description="Why, for the audit log.", examples=["Typed twice"])]
    purchase_id: OneLine = None
    version: SeenVersion = None


class OrderVoidUndo(Draft):
    """The version of the order that the void made."""

    version: Annotated[int, Field(description="The order's version after the void.", examples=[2])]


class OrderStatusChange(Draft):
    """The next status of a payment."""

    status: Literal["completed", "failed", "refunded"] = Field(
        description="From pending: completed or failed. From completed: refunded.", examples=["refunded"]
    )
    version: Annotated[
        int, Field(ge=1, le=2**31 - 1, description="Version of the order that you last read.", examples=[1])
    ]
    purchase_id: OneLine = None


@router.post(
    "",
    status_code=201,
    responses=document_responses(403, 404, 409, 422)
    | {
        200: {
            "model": OrderAnswer,
            "description": "This idempotency key was used before; this is its order as it is now. Nothing changed.",
        }
    },
)
def record_order(
    caller: Caller, event_id: EventId, draft: OrderDraft, response: Response, key: IdempotencyKey = None
) -> OrderAnswer:
    """Record an order of 1 to 20 packages for one donor: take every capacity and one use of the promo code, fix the
    prices, and create one ticket per seat; or nothing. Use it for every sale; `purchases` is its short form for one
    package.

    The discount is taken once from the sum of the lines and split over them in proportion to their list prices. An
    order has at most 2,000 seats. Fields of errors name the line, as in `lines.0.quantity`. 409 with code `sold_out`
    (`shortages` has every line that is short), `not_for_sale` or `promo_refused`, or `stale_version` when a
    `package_version` is given and the price or the seats changed since. 422 with code `idempotency_mismatch` when the
    key was used for another order or a purchase.
    """

    def work(session: Session) -> OrderAnswer:
        recorded = orders.record(session, caller, event_id, draft, idempotency_key=key)
        response.status_code = 200 if recorded.is_repeat else 201
        return _build_response(recorded)

    return db.write(work)


@router.get("/{order_id}", responses=document_responses(404, 422))
def get_order(caller: Caller, event_id: EventId, order_id: OrderInPath) -> OrderAnswer:
    """Return an order as it is now, with its tickets and answers."""
    with db.read_session() as session:
        recorded = orders.get(session, caller, event_id, order_id)
        return _build_response(recorded)


@router.post("/{order_id}/void", responses=document_responses(403, 404, 409, 422))
def void_order(caller: Caller, event_id: EventId, order_id: OrderInPath, body: OrderVoid) -> OrderAnswer:
    """Void an order that was recorded by mistake, or one line of it: its packages can be sold again, its row stays.

    The other lines keep their amounts. The use of the promo code returns when no line with it counts any longer. 409
    `conflict` when it is voided already, `stale_version` when `version` is given and it was changed since.
    """
    return change_order(
        caller,
        event_id,
        order_id,
        lambda session: corrections.void_order(
            session,
            caller,
            event_id,
            order_id,
            body.reason,
            seen_version=body.version,
            purchase_id=body.purchase_id,
        ),
    )


@router.post("/{order_id}/void/undo", responses=document_responses(403, 404, 409, 422))
def undo_void(caller: Caller, event_id: EventId, order_id: OrderInPath, body: OrderVoidUndo) -> OrderAnswer:
    """Take back a void that was the last change of an order, for 10 minutes: its lines have their status again.

    409 `stale_version` when the order was changed since `version`, `conflict` when it is too late or another sale has
    the external id, `sold_out` and `promo_refused` when the packages or the use of the promo code are taken.
    """
    return change_order(
        caller,
        event_id,
        order_id,
        lambda session: corrections.undo_void(session, caller, event_id, order_id, seen_version=body.version),
    )


@router.post("/{order_id}/status", responses=document_responses(403, 404, 409, 422))
def change_order_status(
    caller: Caller, event_id: EventId, order_id: OrderInPath, body: OrderStatusChange
) -> OrderAnswer:
    """Move the payment of an order, or of one line, to its next status: every line moves that can take it.

    `failed` and `refunded` return the packages, and the use of the promo code when no line with it counts any longer.
    409 `conflict` when no line can take the status, `stale_version` when the order was changed since `version`.
    """
    return change_order(
        caller,
        event_id,
        order_id,
        lambda session: corrections.change_order_status(
            session,
            caller,
            event_id,
            order_id,
            body.status,
            seen_version=body.version,
            purchase_id=body.purchase_id,
        ),
    )


def change_order(
    caller: Caller, event_id: uuid.UUID, order_id: uuid.UUID, change: Callable[[Session], object]
) -> OrderAnswer:
    """Change an order in one transaction and return it as it is then."""

    def work(session: Session) -> OrderAnswer:
        change(session)
        recorded = orders.get(session, caller, event_id, order_id)
        return _build_response(recorded)

    return db.write(work)


def _build_response(recorded: RecordedOrder) -> OrderAnswer:
    order, purchases = recorded.order, [line.purchase for line in recorded.lines]
    shared = build_purchase_fields(purchases[0], OrderAnswer, recorded.promo_code, recorded.time_zone)
    return OrderAnswer.model_validate(
        shared
        | {
            "id": order.id,
            "number": order.number,
            "version": order.version,
            "status": compute_status(purchase.payment_status for purchase in purchases),
            "total": sum((purchase.total for purchase in purchases), money.ZERO),
            "discount": sum((purchase.discount for purchase in purchases), money.ZERO),
            "lines": [_build_line(line) for line in recorded.lines],
        }
    )


def _build_line(line: RecordedLine) -> OrderLine:
    purchase = line.purchase
    return OrderLine(
        purchase_id=purchase.id,
        package_id=purchase.package_id,
        quantity=purchase.quantity,
        list_price=purchase.list_price,
        discount=purchase.discount,
        total=purchase.total,
        payment_status=purchase.payment_status,
        tickets=build_tickets(line.tickets),
        answers=build_answers(line.answers),
    )

"""/v1/events/{event_id}/tickets/orders/{order_id}: correct the details of an order and of its lines."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, Field

from api.errors import document_responses
from api.schemas import Caller, Change, EventId, SentFields, create_change_model
from api.v1.orders import OrderAnswer, OrderInPath, change_order
from ticketing.sales import sale_details
from ticketing.sales.order_draft import Answers, DonorDraft, StaffNote
from ticketing.validation import Draft

router = APIRouter(prefix="/events/{event_id}/tickets/orders", tags=["Donor site"])


class LineChange(Draft):
    """New answers of one line; options that are left out keep theirs."""

    purchase_id: uuid.UUID = Field(
        description="The line, by its purchase.", examples=["01a207b5-2f6b-7c18-9e41-d3a85b0c7f24"]
    )
    answers: Answers


def _validate_distinct_lines(lines: list[LineChange]) -> list[LineChange]:
    if len({line.purchase_id for line in lines}) < len(lines):
        raise ValueError("Name each line once, with all its answers.")
    return lines


class DonorChange(create_change_model(DonorDraft, base=SentFields)):  # type: ignore[misc]
    """What to correct of a donor, as written on the order."""


class OrderChange(Change):
    """What to correct of an order; fields that are left out stay as they are."""

    donor: Annotated[
        DonorChange,
        Field(description="What to correct of the donor.", examples=[{"email": "ana.ruiz@example.org"}]),
    ] = DonorChange()
    notes: StaffNote = None
    lines: Annotated[
        list[LineChange],
        AfterValidator(_validate_distinct_lines),
        Field(
            description="Lines with answers to correct. An answer without `value` is removed.",
            examples=[
                [
                    {
                        "purchase_id": "01a207b5-2f6b-7c18-9e41-d3a85b0c7f24",
                        "answers": [{"option_id": "01a207b4-91d2-7a35-bb0e-2c4f7d6e8a13", "value": ["Fish"]}],
                    }
                ]
            ],
        ),
    ] = []
    confirmed_donor_id: uuid.UUID | None = Field(
        None,
        description="The donor whose e-mail address it is, as an answer `another_donor` named them: confirms that they "
        "are the same person.",
        examples=["01a207b5-1d40-7f3e-a2c6-58b90e47d1fa"],
    )


@router.patch("/{order_id}", responses=document_responses(403, 404, 409, 422))
def correct_order(caller: Caller, event_id: EventId, order_id: OrderInPath, body: OrderChange) -> OrderAnswer:
    """Correct donor, note and answers of an order. Packages, quantities, amounts, promo code, date and channel never
    change: void the order and record it again.

    Donor and note are those of all lines. A new e-mail address moves the order, and its use of a promo code, to that
    donor of the event: 409 `promo_refused` when they would have used it too often, and `another_donor` with `donor`
    when the address belongs to somebody who has orders. If they are the same person, send the request again with
    `confirmed_donor_id`; the donor's own name and phone stay as they are. 409 `stale_version` when the order was
    changed since `version`.
    """
    values: dict[str, Any] = {f"donor.{name}": value for name, value in body.donor.sent_fields.items()}
    if "notes" in body.model_fields_set:
        values["notes"] = body.notes
    answers = {line.purchase_id: {each.option_id: each.value for each in line.answers} for line in body.lines}
    return change_order(
        caller,
        event_id,
        order_id,
        lambda session: sale_details.correct(
            session,
            caller,
            event_id,
            order_id,
            values,
            answers,
            seen_version=body.version,
            confirmed_donor_id=body.confirmed_donor_id,
        ),
    )

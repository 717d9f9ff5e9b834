"""The shape of an order before it is recorded, by the API, the box office or the sample gala."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from ticketing.validation import BLANK_AS_NONE, Draft, Email, MaxLength, Notes, PersonName, Phone, SingleLineText

MAX_LINES = 20


class DonorDraft(Draft):
    """Who buys. The same e-mail address, in any case, is the same donor of the event."""

    name: PersonName = Field(description="Full name.", examples=["Ana Ruiz"])
    email: Email = Field(description="E-mail address.", examples=["ana@example.org"])
    phone: Phone = Field(default=None, description="Phone number, as the donor writes it.", examples=["555 0100"])


class GuestDraft(Draft):
    """The person who sits on a seat."""

    name: PersonName = Field(description="Full name.", examples=["Ben Okafor"])
    email: Annotated[Email | None, BLANK_AS_NONE] = Field(
        default=None, description="E-mail address, if known.", examples=["ben@example.org"]
    )


_ANSWER_SCHEMA = {"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "string"}}, {"type": "string"}]}


def _validate_encodable_text(value: Any) -> Any:
    """Refuse text that UTF-8 cannot encode, such as half of a surrogate pair, whatever the question's type is."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("Remove the control characters.") from None
    return value


class AnswerDraft(Draft):
    """An answer to one of the package's options; `options.validate_answers` checks that it fits the question."""

    option_id: uuid.UUID = Field(
        description="The option that is answered.", examples=["01a207b4-91d2-7a35-bb0e-2c4f7d6e8a13"]
    )
    value: Annotated[Any, AfterValidator(_validate_encodable_text), WithJsonSchema(_ANSWER_SCHEMA)] = Field(
        default=None,
        description="true or false, a list of the chosen choices, or text, as the type of the option demands.",
        examples=[True, ["Fish"], "No nuts"],
    )


def _validate_unique_answers(answers: list[AnswerDraft]) -> list[AnswerDraft]:
    if len({answer.option_id for answer in answers}) < len(answers):
        raise ValueError("Answer each option once.")
    return answers


PackageId = Annotated[
    uuid.UUID,
    Field(description="The package that is bought.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"]),
]
Quantity = Annotated[
    int, Field(ge=1, le=10_000, description="How many packages, not seats: 2 tables of ten are 2.", examples=[2])
]
Answers = Annotated[
    list[AnswerDraft],
    AfterValidator(_validate_unique_answers),
    Field(
        description="Answers to the options of the package, at most one for each.",
        examples=[[{"option_id": "01a207b4-91d2-7a35-bb0e-2c4f7d6e8a13", "value": True}]],
    ),
]
Guests = Annotated[
    list[GuestDraft],
    Field(
        description="Guests seat by seat, from the first seat. The rest can be named later.",
        examples=[[{"name": "Ben Okafor", "email": "ben@example.org"}]],
    ),
]
PackageVersion = Annotated[
    Annotated[int, Field(ge=1, lt=2**31)] | None,
    Field(
        description="The version of the package that the donor was quoted. Without it the present price applies.",
        examples=[3],
    ),
]
Donor = Annotated[
    DonorDraft,
    Field(description="Who buys.", examples=[{"name": "Ana Ruiz", "email": "ana@example.org", "phone": "555 0100"}]),
]
PromoCodeText = Annotated[
    Annotated[SingleLineText, MaxLength(100)] | None,
    BLANK_AS_NONE,
    Field(description="A promo code of the event, in any case.", examples=["EARLY25"]),
]
PaymentStatus = Annotated[
    Literal["completed", "pending"],
    Field(description="completed when it is paid, pending when the payment is still to come.", examples=["completed"]),
]
Channel = Annotated[
    Literal["cash", "cheque", "card_terminal", "comp", "online"],
    Field(description="How it is sold. comp is given away: it costs nothing.", examples=["online"]),
]
StaffNote = Annotated[Notes, Field(description="A note for staff.", examples=["Table near the stage"])]


class OrderLineDraft(Draft):
    """One package of an order, any quantity of it."""

    package_id: PackageId
    quantity: Quantity
    answers: Answers = []
    guests: Guests = []
    package_version: PackageVersion = None


def _validate_distinct_packages(lines: list[OrderLineDraft]) -> list[OrderLineDraft]:
    if len({line.package_id for line in lines}) < len(lines):
        raise ValueError("Name each package once, with its whole quantity.")
    return lines


class OrderDraft(Draft):
    """An order to be recorded: up to 20 packages for one donor, with at most one promo code."""

    donor: Donor
    promo_code: PromoCodeText = None
    channel: Channel = "online"
    payment_status: PaymentStatus = "completed"
    notes: StaffNote = None
    lines: Annotated[
        list[OrderLineDraft], Field(min_length=1, max_length=MAX_LINES), AfterValidator(_validate_distinct_packages)
    ] = Field(
        description=f"What is bought: 1 to {MAX_LINES} packages, each once.",
        examples=[[{"package_id": "01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77", "quantity": 2}]],
    )


class PurchaseDraft(Draft):
    """A purchase to be recorded: one package, any quantity of it, for one donor. It becomes an order of one line.

    The order of the fields is part of the hash of a request (`hash_request`), so a new field goes last.
    """

    package_id: PackageId
    quantity: Quantity
    donor: Donor
    promo_code: PromoCodeText = None
    answers: Answers = []
    guests: Guests = []
    payment_status: PaymentStatus = "completed"
    channel: Channel = "online"
    package_version: PackageVersion = None
    notes: StaffNote = None

    def to_order(self) -> OrderDraft:
        """Return the same sale as an order of one line."""
        line = OrderLineDraft.model_construct(**{name: getattr(self, name) for name in OrderLineDraft.model_fields})
        shared = {name: getattr(self, name) for name in OrderDraft.model_fields if name != "lines"}
        return OrderDraft.model_construct(**shared, lines=[line])


def hash_request(draft: OrderDraft | PurchaseDraft) -> bytes:
    """Return the SHA-256 by which a repeated idempotency key is compared with its first request."""
    return hashlib.sha256(draft.model_dump_json().encode()).digest()

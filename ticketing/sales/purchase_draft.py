"""The shape of a purchase before it is recorded, by the API, the box office or the sample gala."""

from __future__ import annotations

import json
import uuid
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from ticketing.validation import BLANK_AS_NONE, Draft, Email, MaxLength, Notes, PersonName, Phone, SingleLineText


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


class PurchaseDraft(Draft):
    """A purchase to be recorded: one package, any quantity of it, for one donor."""

    package_id: uuid.UUID = Field(
        description="The package that is bought.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"]
    )
    quantity: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="How many packages, not seats: 2 tables of ten are 2.", examples=[2]
    )
    donor: DonorDraft = Field(
        description="Who buys.", examples=[{"name": "Ana Ruiz", "email": "ana@example.org", "phone": "555 0100"}]
    )
    promo_code: Annotated[Annotated[SingleLineText, MaxLength(100)] | None, BLANK_AS_NONE] = Field(
        default=None, description="A promo code of the event, in any case.", examples=["EARLY25"]
    )
    answers: Annotated[list[AnswerDraft], AfterValidator(_validate_unique_answers)] = Field(
        default=[],
        description="Answers to the options of the package, at most one for each.",
        examples=[[{"option_id": "01a207b4-91d2-7a35-bb0e-2c4f7d6e8a13", "value": True}]],
    )
    guests: list[GuestDraft] = Field(
        default=[],
        description="Guests seat by seat, from the first seat. The rest can be named later.",
        examples=[[{"name": "Ben Okafor", "email": "ben@example.org"}]],
    )
    payment_status: Literal["completed", "pending"] = Field(
        default="completed",
        description="completed when it is paid, pending when the payment is still to come.",
        examples=["completed"],
    )
    channel: Literal["cash", "cheque", "card_terminal", "comp", "online"] = Field(
        default="online", description="How it is sold. comp is given away: it costs nothing.", examples=["online"]
    )
    package_version: Annotated[int, Field(ge=1, lt=2**31)] | None = Field(
        default=None,
        description="The version of the package that the donor was quoted. Without it the present price applies.",
        examples=[3],
    )
    notes: Notes = Field(default=None, description="A note for staff.", examples=["Table near the stage"])

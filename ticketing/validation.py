"""Field types that drafts share, and the sentences for invalid values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from ticketing import money
from ticketing.errors import InvalidInput
from ticketing.formatting import CONTROL_CHARACTERS, remove_invisible_characters, strip_invisible_characters

CONTROL_CHARACTERS_MESSAGE = "Remove the control characters."
REQUIRED_MESSAGE = "Enter a value."
# By field, where a sentence can name what is missing.
_REQUIRED_MESSAGES = {
    "code": "Enter a code.",
    "description": "Enter a description.",
    "discount_value": "Enter a value, in percent or dollars.",
    "donor_email": "Enter an e-mail address.",
    "email": "Enter an e-mail address.",
    "label": "Enter a question.",
    "name": "Enter a name.",
    "price": "Enter a price.",
    "quantity": "Enter a quantity.",
    "reason": "Enter a reason.",
    "starts_at": "Enter a date and time.",
    "venue": "Enter a venue.",
}
_EMAIL_PATTERN = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\".]+(\.[^@\s<>,;\".]+)+")
MAX_EMAIL_LENGTH = 254
_ASCII_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")


class Draft(BaseModel):
    """Input to be stored: Pydantic validates its shape, the functions of the domain its meaning."""

    model_config = ConfigDict(str_strip_whitespace=True, frozen=True)


D = TypeVar("D", bound=BaseModel)


def validate(draft: type[D], values: Mapping[str, Any]) -> D:
    """Return `values` as a draft. Raises InvalidInput with a sentence for every wrong field."""
    try:
        return draft.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidInput(format_errors(error.errors())) from error


def format_errors(errors: Sequence[Any]) -> dict[str, str]:
    """Return Pydantic's errors as {field: sentence}; nested fields are written `donor.email`, `guests.0.name`."""
    sentences: dict[str, str] = {}
    for error in errors:
        sentence = _format_error(error)
        if sentence == REQUIRED_MESSAGE and error["loc"]:
            sentence = _REQUIRED_MESSAGES.get(str(error["loc"][-1]), sentence)
        sentences.setdefault(".".join(str(part) for part in error["loc"]) or "body", sentence)
    return sentences


def _format_error(error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if error["input"] is None:
        return REQUIRED_MESSAGE
    match error["type"]:
        case "value_error":
            return str(context["error"])
        case "missing" | "string_too_short":
            return REQUIRED_MESSAGE
        case "string_unicode":
            return CONTROL_CHARACTERS_MESSAGE
        case "string_too_long":
            return f"Use at most {context['max_length']:,} characters; this has {len(error['input']):,}."
        case "greater_than_equal":
            return f"Enter {context['ge']:,} or more."
        case "less_than_equal":
            return f"Enter {context['le']:,} or less."
        case "int_parsing" | "int_from_float" | "int_type":
            return "Enter a whole number."
        case "decimal_parsing" | "decimal_type":
            return money.INVALID_AMOUNT_MESSAGE
        case "bool_parsing" | "bool_type":
            return "Answer yes or no."
        case "literal_error" | "enum":
            return f"Choose one of {context['expected']}."
        case kind if kind.startswith(("datetime", "timezone", "date")):
            return "Enter a date and time such as 2026-12-05T18:00:00-05:00."
        case kind if kind.startswith("uuid"):
            return "This is not an id."
        case "too_short" | "too_long":
            bound = "at least" if error["type"] == "too_short" else "at most"
            return f"Enter {bound} {context.get('min_length', context.get('max_length'))} entries."
        case "json_invalid":
            return "This is not valid JSON."
        case _:
            return str(error["msg"]).removesuffix(".") + "."


def _clean_single_line(value: str) -> str:
    cleaned = strip_invisible_characters(re.sub(r"\s+", " ", value))
    if CONTROL_CHARACTERS.search(cleaned):
        raise ValueError(CONTROL_CHARACTERS_MESSAGE)
    return cleaned


def clean_multi_line(value: str) -> str:
    """Normalize line ends, and remove what is blank or invisible at the ends.

    Raises ValueError for control characters.
    """
    cleaned = strip_invisible_characters(value.replace("\r\n", "\n").replace("\r", "\n"))
    if CONTROL_CHARACTERS.search(cleaned):
        raise ValueError(CONTROL_CHARACTERS_MESSAGE)
    return cleaned


def _blank_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not strip_invisible_characters(value) else value


def _validate_email(value: str) -> str:
    """Return an address whose key is an address, too: U+FF20 becomes a second @ in the key, U+2026 three dots."""
    key = email_key(value)
    if not (_EMAIL_PATTERN.fullmatch(value) and _EMAIL_PATTERN.fullmatch(key) and len(key) <= MAX_EMAIL_LENGTH):
        raise ValueError("Enter an e-mail address such as ana@example.org.")
    return value


def _parse_amount(value: Any) -> Any:
    """Parse text, or a JSON number by its digits so that no float arithmetic is involved."""
    if isinstance(value, bool):
        raise ValueError(money.INVALID_AMOUNT_MESSAGE)
    if isinstance(value, str) and not value.strip():
        raise ValueError(REQUIRED_MESSAGE)
    if isinstance(value, money.TypedAmount):
        return money.parse_typed(value)
    if isinstance(value, str | int | float | Decimal):
        return money.parse(f"{value:f}" if isinstance(value, Decimal) else str(value))
    return value


def _validate_timestamp(value: datetime) -> datetime:
    if not 2000 <= value.year < 2100:
        raise ValueError("Enter a date from 2000 to 2099.")
    return value


@dataclass(frozen=True)
class MaxLength:
    """Require 1 to `max_length` characters, counted after the text was cleaned."""

    max_length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "minLength": 1, "maxLength": self.max_length}

    def _validate(self, value: str) -> str:
        if not value:
            raise ValueError(REQUIRED_MESSAGE)
        if len(value) > self.max_length:
            raise ValueError(f"Use at most {self.max_length:,} characters; this has {len(value):,}.")
        return value


SingleLineText = Annotated[str, AfterValidator(_clean_single_line)]
MultiLineText = Annotated[str, AfterValidator(clean_multi_line)]
BLANK_AS_NONE = BeforeValidator(_blank_to_none)
Name = Annotated[SingleLineText, MaxLength(100)]
PersonName = Annotated[SingleLineText, MaxLength(200)]
# Text that programs compare: pasted, it must not differ by what nobody sees.
Identifier = Annotated[SingleLineText, AfterValidator(remove_invisible_characters)]
Email = Annotated[Identifier, MaxLength(MAX_EMAIL_LENGTH), AfterValidator(_validate_email)]
Phone = Annotated[Annotated[SingleLineText, MaxLength(50)] | None, BLANK_AS_NONE]
Notes = Annotated[Annotated[MultiLineText, MaxLength(2000)] | None, BLANK_AS_NONE]
Amount = Annotated[
    Decimal,
    BeforeValidator(_parse_amount),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": r"^\s*[0-9]{1,10}(\.[0-9]{1,2}0*)?\s*$"}, {"type": "number"}],
            "description": "USD with at most two decimals, as text so that no float rounds it.",
            "examples": ["1234.50"],
        }
    ),
]
Timestamp = Annotated[datetime, AfterValidator(_validate_timestamp)]


def email_key(email: str) -> str:
    """Return the form in which e-mail addresses of donors and staff are compared (docs/decisions/0006).

    NFKC, without invisible characters and surrounding space, in lower case. Not case-folded: gross@ and groß@ are two
    people. Changing it needs a migration that computes all stored keys anew.
    """
    without_controls = _ASCII_CONTROL_CHARACTERS.sub("", email)
    visible = unicodedata.normalize("NFKC", remove_invisible_characters(without_controls))
    # Lower case letters can be composed that have no capital, such as ΐ.
    return unicodedata.normalize("NFKC", visible.strip().lower())


@lru_cache(1024)
def name_key(name: str) -> str:
    """Return the form in which package names of an event must differ: case-folded, single spaces, nothing invisible.

    Changing it needs a migration that computes all stored keys anew.
    """
    visible = remove_invisible_characters(re.sub(r"\s", " ", name))
    return unicodedata.normalize("NFKC", re.sub(r" +", " ", visible).strip()).casefold()

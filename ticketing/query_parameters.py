"""Value types and base model of the filters that travel in URLs, such as `?status=completed,pending&to=2026-10-31`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from ticketing.errors import InvalidInput

_DAY_PATTERN = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_DAY_FORMAT = "a day such as 2026-10-31, from 2000 to 2099"
T = TypeVar("T")


class FilterQuery(BaseModel):
    """The query parameters of one filter; validation raises InvalidInput with a sentence for each wrong parameter.

    A subclass names its fields as the filter does; the alias is the parameter. Each description ends in "Takes ...",
    which the sentence about a wrong value repeats.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, query: Mapping[str, str], ignored: Iterable[str]) -> Self:
        """Return the query of a URL without its `ignored` parameters. Raises InvalidInput."""
        return cls.model_validate({name: value for name, value in query.items() if name not in ignored})

    @classmethod
    def format(cls, filter_: object) -> dict[str, str]:
        """Return the parameters of a filter; those that have their default are left out."""
        query = cls.model_construct(**vars(filter_))
        return query.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @field_validator("last_day", check_fields=False)
    @classmethod
    def _validate_day_order(cls, last_day: date | None, info: ValidationInfo) -> date | None:
        first_day = info.data.get("first_day")
        if first_day and last_day and last_day < first_day:
            raise PydanticCustomError("day_order", "“to” is a day before “from”. Swap the two.")
        return last_day

    @model_validator(mode="wrap")
    @classmethod
    def _raise_invalid_input(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Raise the domain's error, so that pages, downloads and the API answer alike."""
        try:
            return handler(values)
        except ValidationError as exc:
            raise InvalidInput({str(error["loc"][0]): cls._format_error(error) for error in exc.errors()}) from exc

    @classmethod
    def _format_error(cls, error: ErrorDetails) -> str:
        name = str(error["loc"][0])
        descriptions = {field.alias: field.description or "" for field in cls.model_fields.values()}
        match error["type"]:
            case "extra_forbidden":
                return f"There is no filter “{name[:40]}”. The filters are {', '.join(map(str, descriptions))}."
            case "day_order":
                return error["msg"]
            case _:
                return f"“{name}” takes {descriptions[name].rpartition(' Takes ')[2]}"


def one_of(values: Iterable[str]) -> AfterValidator:
    """Return a validator that accepts these values."""
    accepted = frozenset(values)

    def validate(value: str) -> str:
        if value not in accepted:
            raise ValueError
        return value

    return AfterValidator(validate)


def describe_choices(values: Iterable[str]) -> str:
    """Return what a comma-separated parameter of these values takes."""
    return f"one or more of {', '.join(values)}, separated by commas"


def _parse_day(value: str) -> date:
    if not _DAY_PATTERN.fullmatch(value):
        raise ValueError
    return date.fromisoformat(value)


def _parse_flag(value: str) -> bool:
    if value.lower() not in _FLAGS:
        raise ValueError
    return _FLAGS[value.lower()]


def _split(value: str | list[str]) -> list[str]:
    """Split at commas. FastAPI hands over a list with the one text that was sent."""
    text = value if isinstance(value, str) else ",".join(value)
    return [item.strip() for item in text.split(",")]


def _deduplicate(values: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


_Day = Annotated[date | None, BeforeValidator(_parse_day, json_schema_input_type=date)]
FirstDay = Annotated[
    _Day,
    Field(
        alias="from",
        description=f"First day, in the event's time zone. Takes {_DAY_FORMAT}.",
        examples=["2026-10-01"],
    ),
]
LastDay = Annotated[
    _Day,
    Field(
        alias="to",
        description=f"Last day, in the event's time zone. Takes {_DAY_FORMAT}.",
        examples=["2026-10-31"],
    ),
]
Flag = Annotated[
    bool,
    BeforeValidator(_parse_flag, json_schema_input_type=bool),
    PlainSerializer(lambda value: "true" if value else "false", return_type=str),
]
CommaSeparated = Annotated[
    tuple[T, ...],
    AfterValidator(_deduplicate),
    BeforeValidator(_split, json_schema_input_type=str),
    PlainSerializer(lambda values: ",".join(map(str, values)), return_type=str),
]

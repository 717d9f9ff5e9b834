"""Models that the endpoints share. Amounts are strings with two decimals; timestamps have the event's offset."""

from __future__ import annotations

import uuid
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Depends, Path, Query, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema, create_model

from api.middleware import authentication
from ticketing import money
from ticketing.actors import Actor

PER_PAGE = 20
T = TypeVar("T")

Money = Annotated[
    Decimal,
    PlainSerializer(money.format_plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+\.\d\d$", "examples": ["100.00"]}),
]
PageNumber = Annotated[
    int, Query(alias="page", ge=1, le=1_000_000, description="Number of the page, from 1.", examples=[1])
]
EventId = Annotated[uuid.UUID, Path(description="Id of the event.", examples=["01a207b2-b02d-710f-ba15-1a059629fb52"])]
PackageId = Annotated[
    uuid.UUID, Path(description="Id of the package.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"])
]
SeenVersion = Annotated[
    int | None,
    Field(
        ge=1,
        le=2**31 - 1,
        description="Version that you last read. Without it, the current version is changed.",
        examples=[4],
    ),
]
Caller = Annotated[Actor, Depends(authentication.get_actor)]
bearer = Security(HTTPBearer(auto_error=False, description="API token created in the app, `td_...`."))


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T] = Field(description="Items of this page.")
    total: int = Field(description="Number of items on all pages.", examples=[42])
    page: int = Field(description="Number of this page, from 1.", examples=[1])
    per_page: int = Field(PER_PAGE, description="Most items on one page.", examples=[PER_PAGE])


class SentFields(BaseModel):
    """Fields to change, of which those that were not sent stay as they are."""

    @property
    def sent_fields(self) -> dict[str, Any]:
        """Return the fields that were sent, without the version."""
        return {field: getattr(self, field) for field in self.model_fields_set if field != "version"}


class Change(SentFields):
    """Body of PATCH: the version that the caller last read, and the fields to change."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1, description="Version that you last read.", examples=[4])]


def create_change_model(draft_type: type[BaseModel], base: type[SentFields] = Change) -> Any:
    """Return a model with the fields of a draft, all optional, each validated as in the draft; `base` has the others.

    Part of a body has SentFields as its base, without a version.
    """
    fields: dict[str, Any] = {}
    for name, field in draft_type.model_fields.items():
        optional = deepcopy(field)
        optional.default = None
        optional.json_schema_extra = _remove_default
        fields[name] = (optional.annotation, optional)
    return create_model(draft_type.__name__.removesuffix("Draft") + "Change", __base__=base, **fields)


def _remove_default(schema: dict[str, Any]) -> None:
    """Remove the default: a field that is left out stays as it is."""
    schema.pop("default", None)


def to_time_zone(timestamp: datetime, time_zone: str) -> datetime:
    """Return the same time with the offset of the event's zone."""
    return timestamp.astimezone(ZoneInfo(time_zone))

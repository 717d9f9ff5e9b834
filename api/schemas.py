"""The shapes that answers share. Amounts are text with two decimals, moments carry their event's offset."""

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
PageNumber = Annotated[int, Query(alias="page", ge=1, le=1_000_000, description="Counted from 1.")]
EventId = Annotated[uuid.UUID, Path(description="Id of the event.", examples=["01a207b2-b02d-710f-ba15-1a059629fb52"])]
PackageId = Annotated[
    uuid.UUID, Path(description="Id of the package.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"])
]
SeenVersion = Annotated[
    int | None,
    Field(ge=1, le=2**31 - 1, description="The one that was seen. Without it, what stands now is changed."),
]
Caller = Annotated[Actor, Depends(authentication.get_actor)]
bearer = Security(HTTPBearer(auto_error=False, description="A token made in the app, `td_...`."))


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[T]):
    """One page of a list; `total` counts all pages."""

    items: list[T]
    total: int
    page: int
    per_page: int = PER_PAGE


class Change(BaseModel):
    """What PATCH takes: the version that the caller saw, and the fields to change."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]

    @property
    def sent_fields(self) -> dict[str, Any]:
        """The fields that were sent, and no others."""
        return {field: getattr(self, field) for field in self.model_fields_set if field != "version"}


def create_change_model(draft_type: type[BaseModel]) -> Any:
    """A Change to any of the draft's fields, each as the draft judges it."""
    fields: dict[str, Any] = {}
    for name, required in draft_type.model_fields.items():
        optional = deepcopy(required)
        optional.default = None
        optional.json_schema_extra = _remove_default
        fields[name] = (optional.annotation, optional)
    return create_model(draft_type.__name__.removesuffix("Draft") + "Change", __base__=Change, **fields)


def _remove_default(schema: dict[str, Any]) -> None:
    """A field that is left out stays as it is, so the document names no default."""
    schema.pop("default", None)


def to_time_zone(moment: datetime, time_zone: str) -> datetime:
    """The same moment with the offset of the event's zone."""
    return moment.astimezone(ZoneInfo(time_zone))

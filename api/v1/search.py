"""/v1/admin/search: search over everything that one may see. By POST, since names belong in no address or log."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.errors import document_responses
from api.schemas import Answer, Caller, to_time_zone
from ticketing import db
from ticketing.reporting import search

router = APIRouter(prefix="/admin/search", tags=["Search"])


class SearchRequest(BaseModel):
    """What was typed."""

    search: Annotated[
        str,
        Field(
            description="2 to 100 characters of a name, e-mail address, ticket code, order number, external id, promo "
            "code, package or event.",
            examples=["ruiz"],
        ),
    ]


class MatchAnswer(Answer):
    """A record that matches."""

    kind: str = Field(description="`order`, `guest`, `package`, `promo_code` or `event`.", examples=["order"])
    rank: int = Field(
        description="0 is an exact code, 1 an exact e-mail address, 2 a beginning, 3 a word.", ge=0, le=3, examples=[2]
    )
    id: uuid.UUID = Field(
        description="Id of the record; of a purchase with `order` and `guest`.",
        examples=["01a207b4-91f3-7a06-b1d2-0c4f5e6a7b88"],
    )
    name: str = Field(description="Name of the purchaser, guest, package or event, or the code.", examples=["Ana Ruiz"])
    event_id: uuid.UUID = Field(description="Id of its event.", examples=["01a207b2-b02d-710f-ba15-1a059629fb52"])
    event: str = Field(description="Name of its event.", examples=["Harbor Lights Gala 2026"])
    starts_at: datetime = Field(description="Start of that event.", examples=["2026-12-05T18:00:00-05:00"])
    is_archived: bool = Field(description="Whether that event is archived.", examples=[False])
    detail: str | None = Field(description="E-mail address of a person.", examples=["ana@example.org"])
    number: str | None = Field(description="Number of the order; the latest one of a purchaser.", examples=["X3YA7K"])
    code: str | None = Field(description="Ticket code of a guest.", examples=["ABCD2345"])
    orders: int = Field(description="Orders of the purchaser in that event.", examples=[2])


class SearchAnswer(BaseModel):
    """Matches by kind, the kind with the best one first."""

    items: list[MatchAnswer] = Field(description="At most 20 of each kind.")


@router.post("", responses=document_responses(422, 429))
def search_everything(caller: Caller, request: SearchRequest, response: Response) -> SearchAnswer:
    """Find orders, guests, packages, promo codes and events, without regard to case and accents.

    Each person may search 60 times a minute.
    """
    found = db.write(lambda session: search.search(session, caller, request.search))
    response.headers["Cache-Control"] = "no-store"
    return SearchAnswer(items=[_to_response(match) for matches in found.values() for match in matches])


def _to_response(match: search.Match) -> MatchAnswer:
    response = MatchAnswer.model_validate(match)
    return response.model_copy(update={"starts_at": to_time_zone(match.starts_at, match.time_zone)})

"""Endpoints for events."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, EventId, Money, Page, PageNumber, create_change_model, to_time_zone
from ticketing import db
from ticketing.catalog import archive, events
from ticketing.catalog.events import EventDraft
from ticketing.models import Event

router = APIRouter(prefix="/admin/events", tags=["Events"])


class EventAnswer(Answer):
    """An event."""

    id: Annotated[uuid.UUID, Field(description="Id of the event.", examples=["01a207b2-b02d-710f-ba15-1a059629fb52"])]
    name: Annotated[str, Field(description="Name of the event.", examples=["Harbor Lights Gala 2026"])]
    starts_at: Annotated[
        datetime,
        Field(
            description="Start of the event, with the offset of its time zone.", examples=["2026-12-05T18:00:00-05:00"]
        ),
    ]
    time_zone: Annotated[str, Field(description="IANA time zone of the venue.", examples=["America/New_York"])]
    venue: Annotated[str, Field(description="Where the event takes place.", examples=["Pier 9 Hall"])]
    revenue_goal: Annotated[
        Money | None, Field(description="Revenue goal in USD; null for none.", examples=["310000.00"])
    ]
    is_archived: Annotated[
        bool, Field(description="Whether the event is archived: nothing is sold or set up in it.", examples=[False])
    ]
    version: Annotated[int, Field(description="Version to send with a change of the event.", examples=[1])]


class EventChange(create_change_model(EventDraft)):  # type: ignore[misc]
    """The fields of an event to change, and the version that they were read at."""


def _to_response(event: Event) -> EventAnswer:
    response = EventAnswer.model_validate(event)
    return response.model_copy(update={"starts_at": to_time_zone(event.starts_at, event.time_zone)})


@router.get("", responses=document_responses(422))
def list_events(
    caller: Caller,
    page: PageNumber = 1,
    archived: Annotated[
        bool, Query(description="List the archived events instead of the others.", examples=[False])
    ] = False,
) -> Page[EventAnswer]:
    """List the events that the token's owner may see, latest start first."""
    with db.read_session() as session:
        rows, total = events.list_page(session, caller, page=page, per_page=PER_PAGE, archived=archived)
    return Page(items=[_to_response(row) for row in rows], total=total, page=page)


@router.post("", status_code=201, responses=document_responses(403, 422))
def create_event(caller: Caller, draft: EventDraft) -> EventAnswer:
    """Create an event. Admins only."""
    return _to_response(db.write(lambda session: events.create(session, caller, draft)))


@router.get("/{event_id}", responses=document_responses(404, 422))
def get_event(caller: Caller, event_id: EventId) -> EventAnswer:
    """Return one event."""
    with db.read_session() as session:
        return _to_response(events.get(session, caller, event_id))


@router.patch("/{event_id}", responses=document_responses(403, 404, 409, 422))
def change_event(caller: Caller, event_id: EventId, change: EventChange) -> EventAnswer:
    """Change the fields that are sent. 409 `stale_version`."""
    return _to_response(
        db.write(
            lambda session: events.update(session, caller, event_id, change.sent_fields, seen_version=change.version)
        )
    )


@router.post("/{event_id}/archive", responses=document_responses(403, 404, 422))
def archive_event(caller: Caller, event_id: EventId) -> EventAnswer:
    """Archive an event; one that is archived stays as it is. Admins only.

    Until it is restored, sales, imports and changes of packages, options and promo codes answer 409 `event_archived`.
    """
    return _to_response(db.write(lambda session: archive.archive(session, caller, event_id)))


@router.post("/{event_id}/restore", responses=document_responses(403, 404, 422))
def restore_event(caller: Caller, event_id: EventId) -> EventAnswer:
    """Take an event out of the archive; one that is not in it stays as it is. Admins only."""
    return _to_response(db.write(lambda session: archive.restore(session, caller, event_id)))

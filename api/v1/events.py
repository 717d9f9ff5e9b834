"""/v1/admin/events: what is being sold for."""

from __future__ import annotations

import uuid
from datetime import datetime

from fastapi import APIRouter

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, Money, Page, PageNumber, create_change_model, to_time_zone
from ticketing import db
from ticketing.catalog import events
from ticketing.catalog.events import EventDraft
from ticketing.models import Event

router = APIRouter(prefix="/admin/events", tags=["Events"])


class EventAnswer(Answer):
    """An event; `starts_at` carries the offset of its time zone."""

    id: uuid.UUID
    name: str
    starts_at: datetime
    time_zone: str
    venue: str
    revenue_goal: Money | None
    version: int


class EventChange(create_change_model(EventDraft)):  # type: ignore[misc]
    """The version that was seen, and the fields to change."""


def _to_response(event: Event) -> EventAnswer:
    told = EventAnswer.model_validate(event)
    return told.model_copy(update={"starts_at": to_time_zone(event.starts_at, event.time_zone)})


@router.get("", responses=document_responses(422))
def list_events(caller: Caller, page: PageNumber = 1) -> Page[EventAnswer]:
    """The events the token's owner may see, the latest start first."""
    with db.read_session() as session:
        rows, total = events.list_page(session, caller, page=page, per_page=PER_PAGE)
    return Page(items=[_to_response(row) for row in rows], total=total, page=page)


@router.post("", status_code=201, responses=document_responses(403, 422))
def create_event(caller: Caller, draft: EventDraft) -> EventAnswer:
    """Makes an event. Admins only. A `starts_at` without offset is a moment in the event's time zone."""
    return _to_response(db.write(lambda session: events.create(session, caller, draft)))


@router.get("/{event_id}", responses=document_responses(404, 422))
def get_event(caller: Caller, event_id: uuid.UUID) -> EventAnswer:
    """One event."""
    with db.read_session() as session:
        return _to_response(events.get(session, caller, event_id))


@router.patch("/{event_id}", responses=document_responses(403, 404, 409, 422))
def change_event(caller: Caller, event_id: uuid.UUID, change: EventChange) -> EventAnswer:
    """Changes the fields that are sent."""
    return _to_response(
        db.write(
            lambda session: events.update(session, caller, event_id, change.sent_fields, seen_version=change.version)
        )
    )

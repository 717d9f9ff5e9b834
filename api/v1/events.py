"""/v1/admin/events: what is being sold for."""

from __future__ import annotations

import uuid
from datetime import datetime

from fastapi import APIRouter

from api.errors import responses
from api.schemas import PER_PAGE, Answer, Caller, Money, Page, PageNumber, change_of, in_zone
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


class EventChange(change_of(EventDraft)):  # type: ignore[misc]
    """The version that was seen, and the fields to change."""


def _told(event: Event) -> EventAnswer:
    told = EventAnswer.model_validate(event)
    return told.model_copy(update={"starts_at": in_zone(event.starts_at, event.time_zone)})


@router.get("", responses=responses(422))
def list_events(caller: Caller, page: PageNumber = 1) -> Page[EventAnswer]:
    """The events the token's owner may see, the latest start first."""
    with db.reading() as session:
        rows, total = events.list_for(session, caller, page=page, per_page=PER_PAGE)
    return Page(items=[_told(row) for row in rows], total=total, page=page)


@router.post("", status_code=201, responses=responses(403, 422))
def create_event(caller: Caller, draft: EventDraft) -> EventAnswer:
    """Makes an event. Admins only. A `starts_at` without offset is a moment in the event's time zone."""
    return _told(db.write(lambda session: events.create(session, caller, draft)))


@router.get("/{event_id}", responses=responses(404, 422))
def get_event(caller: Caller, event_id: uuid.UUID) -> EventAnswer:
    """One event."""
    with db.reading() as session:
        return _told(events.get(session, caller, event_id))


@router.patch("/{event_id}", responses=responses(403, 404, 409, 422))
def change_event(caller: Caller, event_id: uuid.UUID, change: EventChange) -> EventAnswer:
    """Changes the fields that are sent."""
    return _told(
        db.write(lambda session: events.change(session, caller, event_id, change.given, seen_version=change.version))
    )

"""Events. Every package, promo code and purchase belongs to exactly one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ticketing import audit, daily_totals, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.models import Event as Event
from ticketing.models import EventAssignment, Staff
from ticketing.validation import BLANK_AS_NONE, Amount, Draft, MaxLength, Name, SingleLineText, Timestamp

# Reading the names from the disk takes 10 ms.
_find_time_zones = cache(available_timezones)


@cache
def list_time_zones() -> tuple[str, ...]:
    """Return the IANA time zone names to offer: UTC and every Area/City."""
    return ("UTC", *sorted(name for name in _find_time_zones() if "/" in name and not name.startswith("Etc/")))


def _validate_time_zone(name: str) -> str:
    if name not in _find_time_zones():
        raise ValueError("Choose an IANA time zone such as America/New_York.")
    return name


def _validate_goal(amount: Any) -> Any:
    if amount is not None and not 0 < amount <= 1_000_000_000:
        raise ValueError("Enter a goal above $0.00 and at most $1,000,000,000.00, or none.")
    return amount


class EventDraft(Draft):
    """The fields of an event. A `starts_at` without offset is local time in `time_zone`; `revenue_goal` is USD."""

    name: Annotated[Name, Field(description="Name of the event.", examples=["Harbor Lights Gala 2026"])]
    starts_at: Annotated[
        Timestamp,
        Field(
            description="Start of the event. Without an offset it is local time in the event's time zone.",
            examples=["2026-12-05T18:00:00-05:00"],
        ),
    ]
    time_zone: Annotated[
        str,
        AfterValidator(_validate_time_zone),
        Field(description="IANA time zone of the venue.", examples=["America/New_York"]),
    ]
    venue: Annotated[
        SingleLineText, MaxLength(200), Field(description="Where the event takes place.", examples=["Pier 9 Hall"])
    ]
    revenue_goal: Annotated[
        Amount | None,
        BLANK_AS_NONE,
        AfterValidator(_validate_goal),
        Field(description="Revenue goal in USD; null for none.", examples=["310000.00"]),
    ] = None

    @model_validator(mode="after")
    def _localize_start(self) -> EventDraft:
        if self.starts_at.tzinfo is None:
            object.__setattr__(self, "starts_at", self.starts_at.replace(tzinfo=ZoneInfo(self.time_zone)))
        return self


def create(session: Session, actor: Actor, draft: EventDraft) -> Event:
    """Create an event. Admins only: raises NotAllowed for everyone else."""
    permissions.require(session, actor, "administer")
    event = Event(**draft.model_dump())
    session.add(event)
    session.flush()
    audit.record(session, actor, event.id, "event.created", event, audit.creation_changes(draft.model_dump()))
    return event


def update(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    values: Mapping[str, Any],
    *,
    seen_version: int,
    restores: int | None = None,
) -> Event:
    """Change the given fields of an event that the actor saw at `seen_version`.

    A new time zone moves sales to other days, so the daily totals are rebuilt. Raises StaleVersion, InvalidInput and
    NotFound.
    """
    permissions.require(session, actor, "change", event_id)
    event = session.scalars(
        select(Event)
        .where(Event.id == event_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    optimistic_locking.check_version(session, event_id, event, seen_version)
    draft = optimistic_locking.merge(EventDraft, event, values)
    is_new_zone = draft.time_zone != event.time_zone
    if is_new_zone:
        daily_totals.lock_packages(session, event_id)
    changes = audit.changes_between(event, draft.model_dump())
    optimistic_locking.apply(session, actor, event_id, "event.changed", event, changes, restores=restores)
    if is_new_zone:
        daily_totals.rebuild(session, event_id)
    return event


def get(session: Session, actor: Actor, event_id: uuid.UUID) -> Event:
    """Return an event that the actor may see. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    event = session.get(Event, event_id)
    if event is None:
        raise NotFound("event")
    return event


def list_page(session: Session, actor: Actor, *, page: int = 1, per_page: int = 20) -> tuple[list[Event], int]:
    """Return one page of the events that the actor may see, latest start first, and the number of all of them."""
    permissions.require(session, actor, "read")
    visible = select_visible(actor)
    total = session.scalar(select(func.count()).select_from(visible.subquery())) or 0
    rows = session.scalars(
        visible.order_by(Event.starts_at.desc(), Event.id.desc()).limit(per_page).offset((page - 1) * per_page)
    )
    return list(rows), total


def select_visible(actor: Actor) -> Select[Event]:
    """Return a query for the events that the actor may see."""
    if actor.staff_id is None:
        return select(Event)
    is_admin = select(Staff.role == "admin").where(Staff.id == actor.staff_id).scalar_subquery()
    assigned = select(EventAssignment.event_id).where(EventAssignment.staff_id == actor.staff_id)
    return select(Event).where(is_admin | Event.id.in_(assigned))

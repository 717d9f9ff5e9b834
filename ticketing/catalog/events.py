"""Events. Every package, promo code and purchase belongs to exactly one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ticketing import audit, daily_totals, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.db import time_zones
from ticketing.errors import InvalidInput, NotFound
from ticketing.models import Event as Event
from ticketing.models import EventAssignment, Purchase, Staff
from ticketing.validation import BLANK_AS_NONE, Amount, Draft, MaxLength, Name, SingleLineText, Timestamp


@cache
def _find_time_zones() -> frozenset[str]:
    """Return the IANA names of the package tzdata; "Factory" is the zone of a computer that has not been set up."""
    return frozenset(available_timezones() - {"Factory"})


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
    """Create an event. Admins only: raises NotAllowed for everyone else, and InvalidInput for the time zone."""
    permissions.require(session, actor, "administer")
    _validate_zone_rules(session, draft.time_zone, [draft.starts_at])
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
    event = get_for_update(session, event_id)
    optimistic_locking.check_version(session, event_id, event, seen_version)
    draft = optimistic_locking.merge(EventDraft, event, values)
    is_new_zone = draft.time_zone != event.time_zone
    if is_new_zone:
        daily_totals.lock_packages(session, event_id)
    if is_new_zone or draft.starts_at != event.starts_at:
        _validate_zone_rules(session, draft.time_zone, [draft.starts_at, *_find_first_and_last_sale(session, event_id)])
    changes = audit.changes_between(event, draft.model_dump())
    optimistic_locking.apply(session, actor, event_id, "event.changed", event, changes, restores=restores)
    if is_new_zone:
        daily_totals.rebuild(session, event_id)
    return event


# Zones that were compared since this process started, with their years and the address of the database.
_compared: set[tuple[str, time_zones.Years, object]] = set()


def _validate_zone_rules(session: Session, zone: str, moments: Sequence[datetime]) -> None:
    """Check that PostgreSQL has the same rules for a zone as Python in the years of an event. Raises InvalidInput."""
    years = time_zones.list_years_in_use(moments)
    key = zone, years, session.connection().engine.url
    if key in _compared:
        return
    if difference := time_zones.find_difference(session.connection(), zone, years):
        advice = "Choose another zone, or ask whoever runs the server to update it."
        raise InvalidInput({"time_zone": f"{zone} {difference.reason}. {advice}"})
    _compared.add(key)


def _find_first_and_last_sale(session: Session, event_id: uuid.UUID) -> list[datetime]:
    bounds = select(func.min(Purchase.purchased_at), func.max(Purchase.purchased_at))
    row = session.execute(bounds.where(Purchase.event_id == event_id)).one()
    return [moment for moment in row if moment is not None]


def get(session: Session, actor: Actor, event_id: uuid.UUID) -> Event:
    """Return an event that the actor may see. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    event = session.get(Event, event_id)
    if event is None:
        raise NotFound("event")
    return event


def get_for_update(session: Session, event_id: uuid.UUID) -> Event:
    """Return the event, locked against other edits of it until the transaction ends; sales continue."""
    return session.scalars(
        select(Event)
        .where(Event.id == event_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def list_page(
    session: Session, actor: Actor, *, page: int = 1, per_page: int = 20, archived: bool = False
) -> tuple[list[Event], int]:
    """Return one page of the events that the actor may see, latest start first, and the number of all of them.

    They are those that are not archived, or the archived ones.
    """
    permissions.require(session, actor, "read")
    visible = select_visible(actor).where(Event.is_archived == archived)
    total = session.scalar(select(func.count()).select_from(visible.subquery())) or 0
    rows = session.scalars(
        visible.order_by(Event.starts_at.desc(), Event.id.desc()).limit(per_page).offset((page - 1) * per_page)
    )
    return list(rows), total


def select_visible(actor: Actor) -> Select[Event]:
    """Return a query for the events that the actor may see, archived ones among them."""
    if actor.staff_id is None:
        return select(Event)
    is_admin = select(Staff.role == "admin").where(Staff.id == actor.staff_id).scalar_subquery()
    assigned = select(EventAssignment.event_id).where(EventAssignment.staff_id == actor.staff_id)
    return select(Event).where(is_admin | Event.id.in_(assigned))

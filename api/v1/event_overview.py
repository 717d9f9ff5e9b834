"""/v1/admin/events/overview: what each event has sold, its pace, and what needs attention."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.errors import document_responses
from api.schemas import Answer, Caller, Money, to_time_zone
from ticketing import db
from ticketing.reporting import event_overview
from ticketing.reporting.event_overview import EventOverview, Kind

router = APIRouter(prefix="/admin/events", tags=["Events"])


class AttentionAnswer(Answer):
    """A reason to look at an event."""

    kind: str = Field(
        description="`no_sale`, `old_pending`, `unnamed` or `code_ends`.",
        examples=["unnamed"],
    )
    number: int = Field(
        description="Days since the last sale, orders that are pending for more than 30 days, percent of the seats "
        "without a guest, or promo codes that end within 3 days.",
        examples=[38],
    )
    code: str | None = Field(description="With `code_ends`: the first of the codes.", examples=["EARLY25"])
    ends_at: datetime | None = Field(
        description="With `code_ends`: when that code ends, with the offset of the event's time zone.",
        examples=["2026-12-01T00:00:00-05:00"],
    )


class EventOverviewAnswer(Answer):
    """An event with its figures; amounts are USD. Days are those of the event's time zone."""

    id: uuid.UUID = Field(description="Id of the event.", examples=["01a207b2-b02d-710f-ba15-1a059629fb52"])
    name: str = Field(description="Name of the event.", examples=["Harbor Lights Gala 2026"])
    venue: str = Field(description="Where the event takes place.", examples=["Pier 9 Hall"])
    starts_at: datetime = Field(
        description="Start of the event, with the offset of its time zone.", examples=["2026-12-05T18:00:00-05:00"]
    )
    time_zone: str = Field(description="IANA time zone of the venue.", examples=["America/New_York"])
    is_archived: bool = Field(description="Whether the event is archived.", examples=[False])
    days_to_go: int = Field(description="Days until the event; negative once it is over.", examples=[13])
    revenue_goal: Money | None = Field(description="Revenue goal; null for none.", examples=["310000.00"])
    revenue: Money = Field(description="Paid after discounts.", examples=["128450.00"])
    pending: Money = Field(description="What pending purchases will bring.", examples=["2400.00"])
    pending_orders: int = Field(description="Orders with a pending purchase.", examples=[4])
    seats_sold: int = Field(description="Seats of paid and pending purchases.", examples=[936])
    seats_named: int = Field(description="Seats sold that have a guest.", examples=[228])
    recent_revenue: list[Money] = Field(
        description="Revenue of each of the last 7 days, today last.", examples=[["0.00", "450.00"]]
    )
    revenue_a_day: Money = Field(
        description="Revenue a day in the last 7 days, or since the first sale if that is later.", examples=["1450.00"]
    )
    needed_a_day: Money | None = Field(
        description="What each day until the event must bring for the goal; null without a goal, once it is reached, "
        "and after the event.",
        examples=["13965.38"],
    )
    attention: list[AttentionAnswer] = Field(description="Reasons to look at the event.")


class OverviewAnswer(BaseModel):
    """All events of one kind, upcoming ones in the order of their start, others latest first."""

    items: list[EventOverviewAnswer] = Field(description="The events.")
    upcoming: int = Field(description="Number of upcoming events, that of today among them.", examples=[12])
    past: int = Field(description="Number of past events.", examples=[40])
    archived: int = Field(description="Number of archived events.", examples=[3])


@router.get("/overview", responses=document_responses(422))
def get_event_overview(
    caller: Caller,
    kind: Annotated[Kind, Query(description="Which events to list.", examples=["upcoming"])] = "upcoming",
) -> OverviewAnswer:
    """Return the figures of the events that the token's owner may see, in one list."""
    with db.read_session() as session:
        overview = event_overview.get_overview(session, caller, kind)
    return OverviewAnswer(items=[_to_response(event) for event in overview.events], **overview.count_by_kind)


def _to_response(event: EventOverview) -> EventOverviewAnswer:
    response = EventOverviewAnswer.model_validate(event)
    response.starts_at = to_time_zone(event.starts_at, event.time_zone)
    for reason in response.attention:
        if reason.ends_at is not None:
            reason.ends_at = to_time_zone(reason.ends_at, event.time_zone)
    return response

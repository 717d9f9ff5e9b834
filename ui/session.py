"""Who is here and which event they are working on; the first thing every page asks."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote, urlsplit

import streamlit as st

from ticketing import db, settings
from ticketing.access import permissions
from ticketing.access.permissions import Action
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.errors import NotFound, NotSignedIn
from ticketing.models import Event
from ui import menu
from ui.runtime import script_run

MAX_EVENTS_LISTED = 100


@dataclass(frozen=True)
class PageContext:
    """The person at this page, the latest events they may see, and the one they chose, if any."""

    actor: Actor
    events: tuple[Event, ...]
    event: Event | None

    def is_allowed(self, action: Action) -> bool:
        return permissions.is_allowed(self.actor, action)


def load_context() -> PageContext:
    """Looks up who is behind this page now and which event is chosen; stops the page when they are signed out.

    The event is named in the address (`?event=`), so that a link can be sent to a colleague; without one the event
    of the page before holds. An event that is not theirs counts as none.
    """
    try:
        session_id = uuid.UUID(str(st.user.get("session_id")))
        with db.read_session() as session:
            actor = permissions.get_session_actor(session, session_id)
            mine, _ = events.list_page(session, actor, per_page=MAX_EVENTS_LISTED)
            chosen = _find_selected_event(session, actor, mine)
    except (NotSignedIn, ValueError):
        _render_signed_out()
    if actor.needs_last_used_update:  # a page that stays open sends no request that would tell
        db.write(lambda session: permissions.touch_last_used(session, actor))
    if chosen is not None and chosen.id not in {event.id for event in mine}:
        mine.append(chosen)
    context = PageContext(actor, tuple(mine), chosen)
    script_run.add_log_context(actor=str(actor.staff_id), event=str(chosen.id) if chosen else "")
    if context.event is not None:
        st.session_state.event_id = context.event.id
        if st.query_params.get("event") != str(context.event.id):
            st.query_params["event"] = str(context.event.id)
    st.session_state.here = context
    return context


def require(action: Action = "read") -> PageContext:
    """The first statement of every page without an event of its own. Stops the page for who may not."""
    context: PageContext = st.session_state.pop("here", None) or load_context()
    if not context.is_allowed(action):
        st.error(f"You are signed in as {context.actor.role}. Ask an admin if you need this page.")
        st.stop()
    return context


def require_event(action: Action = "read") -> tuple[PageContext, Event]:
    """The first statement of every page about one event: also asks for the event when none is chosen."""
    context = require(action)
    if context.event is None:
        if not st.query_params.get("event"):
            st.switch_page(menu.path("events"))
        st.error(str(NotFound("event")))
        st.page_link(menu.path("events"), label="All events", icon=":material/event:")
        st.stop()
    return context, context.event


def event_query_params(event: Event) -> dict[str, str]:
    """The part of an address that names the event."""
    return {"event": str(event.id)}


def browser_time_zone() -> str:
    """The time zone of the browser, for pages that are about no event; UTC where it does not tell a known one."""
    return st.context.timezone if st.context.timezone in events.list_time_zones() else "UTC"


def absolute_url(path: str) -> str:
    """The whole address of `path` for who opens it elsewhere: as people type it, or as this browser did."""
    seen = urlsplit(st.context.url or "")
    return (settings.load().base_url or f"{seen.scheme}://{seen.netloc}") + path


def render_next_step(context: PageContext, event: Event, *, has_packages: bool) -> None:
    """Where nothing is sold yet: the way to the first sale, or to what could be sold, for who may."""
    if context.is_allowed("change"):
        name, label = ("box_office", "Record a sale") if has_packages else ("packages", "Add what is sold")
        st.page_link(
            menu.path(name), label=label, icon=":material/arrow_forward:", query_params=event_query_params(event)
        )


def select_event(event_id: uuid.UUID) -> None:
    """Makes this the event that the pages are about."""
    st.session_state.event_id = event_id
    st.query_params["event"] = str(event_id)


def _find_selected_event(session: db.Session, actor: Actor, listed_events: list[Event]) -> Event | None:
    named = st.query_params.get("event")
    wanted = named or str(st.session_state.get("event_id", ""))
    for event in listed_events:
        if str(event.id) == wanted:
            return event
    try:
        return events.get(session, actor, uuid.UUID(wanted))
    except (ValueError, NotFound):
        return listed_events[0] if len(listed_events) == 1 and not named else None


def _render_signed_out() -> NoReturn:
    """The open tab of someone who signed out elsewhere, or who was deactivated."""
    st.error(str(NotSignedIn()))
    back = quote("/" + st.context.url.split("//", 1)[-1].partition("/")[2], safe="") if st.context.url else "%2F"
    st.html(f'<a href="/session/sign-in?next={back}" target="_self" style="color:inherit">Sign in</a>')
    st.stop()

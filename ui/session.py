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

MOST_TO_CHOOSE_FROM = 100


@dataclass(frozen=True)
class Here:
    """The person at this page, the latest events they may see, and the one they chose, if any."""

    actor: Actor
    events: tuple[Event, ...]
    event: Event | None

    def may(self, action: Action) -> bool:
        return permissions.may(self.actor, action)


def enter() -> Here:
    """Looks up who is behind this page now and which event is chosen; stops the page when they are signed out.

    The event is named in the address (`?event=`), so that a link can be sent to a colleague; without one the event
    of the page before holds. An event that is not theirs counts as none.
    """
    try:
        session_id = uuid.UUID(str(st.user.get("session_id")))
        with db.reading() as session:
            actor = permissions.get_signed_in(session, session_id)
            mine, _ = events.list_for(session, actor, per_page=MOST_TO_CHOOSE_FROM)
            chosen = _chosen(session, actor, mine)
    except (NotSignedIn, ValueError):
        _show_signed_out()
    if actor.is_use_due:  # a page that stays open sends no request that would tell
        db.write(lambda session: permissions.note_use(session, actor))
    if chosen is not None and chosen.id not in {event.id for event in mine}:
        mine.append(chosen)
    here = Here(actor, tuple(mine), chosen)
    script_run.remember(actor=str(actor.staff_id), event=str(chosen.id) if chosen else "")
    if here.event is not None:
        st.session_state.event_id = here.event.id
        if st.query_params.get("event") != str(here.event.id):
            st.query_params["event"] = str(here.event.id)
    st.session_state.here = here
    return here


def require(action: Action = "read") -> Here:
    """The first statement of every page without an event of its own. Stops the page for who may not."""
    here: Here = st.session_state.pop("here", None) or enter()
    if not here.may(action):
        st.error(f"You are signed in as {here.actor.role}. Ask an admin if you need this page.")
        st.stop()
    return here


def require_event(action: Action = "read") -> tuple[Here, Event]:
    """The first statement of every page about one event: also asks for the event when none is chosen."""
    here = require(action)
    if here.event is None:
        if not st.query_params.get("event"):
            st.switch_page(menu.path("events"))
        st.error(str(NotFound("event")))
        st.page_link(menu.path("events"), label="All events", icon=":material/event:")
        st.stop()
    return here, here.event


def query(event: Event) -> dict[str, str]:
    """The part of an address that names the event."""
    return {"event": str(event.id)}


def own_zone() -> str:
    """The time zone of the browser, for pages that are about no event; UTC where it does not tell a known one."""
    return st.context.timezone if st.context.timezone in events.time_zones() else "UTC"


def address(path: str) -> str:
    """The whole address of `path` for who opens it elsewhere: as people type it, or as this browser did."""
    seen = urlsplit(st.context.url or "")
    return (settings.base_url() or f"{seen.scheme}://{seen.netloc}") + path


def show_first_step(here: Here, event: Event, *, has_packages: bool) -> None:
    """Where nothing is sold yet: the way to the first sale, or to what could be sold, for who may."""
    if here.may("change"):
        name, label = ("box_office", "Record a sale") if has_packages else ("packages", "Add what is sold")
        st.page_link(menu.path(name), label=label, icon=":material/arrow_forward:", query_params=query(event))


def go_to_event(event_id: uuid.UUID) -> None:
    """Makes this the event that the pages are about."""
    st.session_state.event_id = event_id
    st.query_params["event"] = str(event_id)


def _chosen(session: db.Session, actor: Actor, mine: list[Event]) -> Event | None:
    named = st.query_params.get("event")
    wanted = named or str(st.session_state.get("event_id", ""))
    for event in mine:
        if str(event.id) == wanted:
            return event
    try:
        return events.get(session, actor, uuid.UUID(wanted))
    except (ValueError, NotFound):
        return mine[0] if len(mine) == 1 and not named else None


def _show_signed_out() -> NoReturn:
    """The open tab of someone who signed out elsewhere, or who was deactivated."""
    st.error(str(NotSignedIn()))
    back = quote("/" + st.context.url.split("//", 1)[-1].partition("/")[2], safe="") if st.context.url else "%2F"
    st.html(f'<a href="/session/sign-in?next={back}" target="_self" style="color:inherit">Sign in</a>')
    st.stop()

"""The user and the selected event of a page. Every page starts with require() or require_event()."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

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
MAX_REMEMBERED_USERS = 1_000

# The event that each user selected last on this server, by staff id: a new tab of Staff or API tokens keeps the menu.
_last_event_by_user: OrderedDict[uuid.UUID | None, uuid.UUID] = OrderedDict()


@dataclass(frozen=True)
class PageContext:
    """The user of a page, the latest events that they may see, and the selected event, if any."""

    actor: Actor
    events: tuple[Event, ...]
    event: Event | None

    def is_allowed(self, action: Action) -> bool:
        return permissions.is_allowed(self.actor, action)

    def may_set_up(self) -> bool:
        """Return whether the user may change packages, options and codes of the selected event, import and sell."""
        return self.is_allowed("change") and self.event is not None and not self.event.is_archived


def load_context() -> PageContext:
    """Load the user and the selected event. Raises NotSignedIn after the session has ended elsewhere.

    The event is in the URL (`?event=`), so that links can be shared; without it, the event of the previous page stays
    selected. An event that the user may not see counts as none.
    """
    try:
        session_id = uuid.UUID(str(st.user.get("session_id")))
        with db.read_session() as session:
            actor = permissions.get_session_actor(session, session_id)
            listed_events, _ = events.list_page(session, actor, per_page=MAX_EVENTS_LISTED)
            selected = _find_selected_event(session, actor, listed_events)
    except ValueError:
        raise NotSignedIn from None
    if actor.needs_last_used_update:  # the websocket of an open page sends no requests
        db.write(lambda session: permissions.touch_last_used(session, actor))
    if selected is not None and selected.id not in {event.id for event in listed_events}:
        listed_events.append(selected)
    context = PageContext(actor, tuple(listed_events), selected)
    script_run.add_log_context(
        actor=str(actor.staff_id),
        event=str(selected.id) if selected else "",
        client=st.context.ip_address or "localhost",
    )
    if context.event is not None:
        st.session_state.event_id = context.event.id
        _remember_event(actor, context.event)
        if st.query_params.get("event") != str(context.event.id):
            st.query_params["event"] = str(context.event.id)
    st.session_state.page_context = context
    return context


def require(action: Action = "read") -> PageContext:
    """Return the context of a page that is not about one event. Stops the page without the permission."""
    try:
        context: PageContext = st.session_state.pop("page_context", None) or load_context()
    except NotSignedIn as error:  # only without the frame script, which shows it in front of the page
        st.error(str(error))
        st.stop()
    if not context.is_allowed(action):
        st.error(f"You are signed in as {context.actor.role}. Ask an admin if you need this page.")
        st.stop()
    return context


def require_event(action: Action = "read") -> tuple[PageContext, Event]:
    """Return context and event of a page about one event. Opens the list of events when none is selected."""
    context = require(action)
    if context.event is None:
        if not st.query_params.get("event"):
            st.switch_page(menu.path("events"))
        st.error(str(NotFound("event")))
        st.page_link(menu.path("events"), label="All events", icon=":material/event:")
        st.stop()
    return context, context.event


def event_query_params(event: Event) -> dict[str, str]:
    """Return the query parameters that select an event."""
    return {"event": str(event.id)}


def browser_time_zone() -> str:
    """Return the browser's time zone, for pages that are not about one event; UTC if it is unknown."""
    return st.context.timezone if st.context.timezone in events.list_time_zones() else "UTC"


def absolute_url(path: str) -> str:
    """Return the full URL of `path`, with TICKETDESK_BASE_URL or else the host of this browser."""
    url = urlsplit(st.context.url or "")
    return (settings.load().base_url or f"{url.scheme}://{url.netloc}") + path


def render_next_step(context: PageContext, event: Event, *, has_packages: bool) -> None:
    """Link to the first sale, or to the first package, for users who may change the event."""
    if context.may_set_up():
        name, label = ("box_office", "Record a sale") if has_packages else ("packages", "Add a package")
        st.page_link(
            menu.path(name), label=label, icon=":material/arrow_forward:", query_params=event_query_params(event)
        )


def select_event(event_id: uuid.UUID) -> None:
    """Select the event that the pages are about."""
    st.session_state.event_id = event_id
    st.query_params["event"] = str(event_id)


def _find_selected_event(session: db.Session, actor: Actor, listed_events: list[Event]) -> Event | None:
    requested_id = st.query_params.get("event")
    event_id = requested_id or str(st.session_state.get("event_id", "") or _recall_event_id(actor))
    for event in listed_events:
        if str(event.id) == event_id:
            return event
    try:
        return events.get(session, actor, uuid.UUID(event_id))
    except (ValueError, NotFound):
        return listed_events[0] if len(listed_events) == 1 and not requested_id else None


def _remember_event(actor: Actor, event: Event) -> None:
    _last_event_by_user[actor.staff_id] = event.id
    _last_event_by_user.move_to_end(actor.staff_id)
    while len(_last_event_by_user) > MAX_REMEMBERED_USERS:
        _last_event_by_user.popitem(last=False)


def _recall_event_id(actor: Actor) -> uuid.UUID | str:
    """Return the event that the user selected last, or "" on a page about one event, which could be another."""
    name = urlsplit(st.context.url or "").path.strip("/") or menu.DEFAULT_PAGE
    is_about_event = any(entry.name == name and entry.is_about_event for entry in menu.ENTRIES)
    return "" if is_about_event else _last_event_by_user.get(actor.staff_id, "")

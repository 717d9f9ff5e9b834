"""The menu: the event, the pages in the order of the work, and the account with sign-out at its foot."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ticketing.models import Event
from ui import menu, session, text
from ui.menu import Entry
from ui.session import PageContext
from ui.widgets.forms import render_hint

MARK = '<div class="brand-mark"><img src="/session/icon.svg" alt="" width="26" height="26">Ticket Desk</div>'
# The server signs out at a click on a link of our own pages, and asks first otherwise.
SIGN_OUT_LINK = (
    '<a class="menu-link" href="/session/sign-out" target="_self" title="Sign out">'
    '<span class="icon" aria-hidden="true">logout</span><span>Sign out</span></a>'
)


def render(context: PageContext, pages: Mapping[str, st.Page]) -> None:
    """Render the menu of the pages that the user may open; those about an event are hidden while none is selected."""
    shown = [entry for entry in menu.ENTRIES if entry.name in pages and (context.event or not entry.is_about_event)]
    with st.sidebar:
        st.html(MARK)
        if context.event is not None:
            render_event_chooser(context, context.event)
        heading = None
        for entry in shown:
            if entry.heading is not None and entry.heading != heading:
                render_hint(entry.heading)
                heading = entry.heading
            if entry.name != "account":
                render_link(context, pages, entry)
        with st.container(key="menu_foot"):
            account = next(entry for entry in shown if entry.name == "account")
            render_link(context, pages, account, f"{context.actor.name} · {context.actor.role}")
            st.html(SIGN_OUT_LINK)


def render_link(context: PageContext, pages: Mapping[str, st.Page], entry: Entry, label: str = "") -> None:
    """Render the link to a page, which keeps the selected event. `label` is plain text; the default is the title."""
    st.page_link(
        pages[entry.name],
        label=text.escape_markdown(label or entry.title),
        icon=f":material/{entry.icon}:",
        width="stretch",
        query_params=session.event_query_params(context.event) if context.event else None,
    )


def render_event_chooser(context: PageContext, event: Event) -> None:
    """Render a list of the user's events, and the date of the chosen one. Choosing another changes the address."""
    names = text.unique_labels({each.id: (each.name, text.format_venue_date(each)) for each in context.events})
    st.session_state.event_chooser = event.id
    st.selectbox(
        "Event",
        list(names),
        key="event_chooser",
        format_func=lambda event_id: names.get(event_id, ""),
        on_change=lambda: session.select_event(st.session_state.event_chooser),
        label_visibility="collapsed",
    )
    render_hint(text.format_event_date(event.starts_at, event.time_zone))

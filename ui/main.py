"""The frame script: look up the user and the event, render the sidebar, then run the page."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ticketing.models import Event
from ui import menu, session, text
from ui.runtime import outage, reconnect, redraw_queue, script_run, uploads
from ui.session import PageContext
from ui.widgets.forms import render_hint, render_messages


def render_sidebar(context: PageContext, pages: Mapping[str, st.Page]) -> None:
    """Render the event chooser, the menu and the sign-out link."""
    with st.sidebar:
        if context.event is not None:
            render_event_chooser(context, context.event)
        heading = None
        query = session.event_query_params(context.event) if context.event is not None else None
        for entry in menu.ENTRIES:
            if entry.name not in pages or (context.event is None and entry.is_about_event):
                continue
            if entry.heading is not None and entry.heading != heading:
                render_hint(entry.heading)
                heading = entry.heading
            if entry.name in ("events", "account"):
                st.space("small")
            st.page_link(
                pages[entry.name],
                label=entry.title
                if entry.name != "account"
                else text.escape_markdown(f"{context.actor.name} · {context.actor.role}"),
                icon=f":material/{entry.icon}:",
                width="stretch",
                query_params=query if entry.is_about_event else None,
            )
        st.html('<a href="/session/sign-out" target="_self" style="color:inherit">Sign out</a>')


def render_event_chooser(context: PageContext, event: Event) -> None:
    """Render a list of the user's events, and the date of the chosen one. Choosing another changes the address."""
    names = text.unique_labels({each.id: (each.name, f"{each.starts_at:%-d %b %Y}") for each in context.events})
    st.session_state.event_chooser = event.id
    st.selectbox(
        "Event",
        list(names),
        key="event_chooser",
        format_func=lambda event_id: names.get(event_id, ""),
        on_change=lambda: session.select_event(st.session_state.event_chooser),
    )
    render_hint(text.format_event_date(event.starts_at, event.time_zone))


st.set_page_config(page_title="Ticket Desk", page_icon="/session/icon.svg", layout="wide")
with outage.keep_page_on_outage(), redraw_queue.track_run(), uploads.track_run():
    with outage.reserve_banner():
        context = session.load_context()
    pages = {entry.name: menu.create_page(entry) for entry in menu.ENTRIES if context.is_allowed(entry.action)}
    page = st.navigation(list(pages.values()), position="hidden")
    menu.open_requested_page()
    render_sidebar(context, pages)
    reconnect.notify_after_reconnect()
    render_messages()
    with script_run.measure_run(page.url_path or "sales"):
        page.run()

"""The frame script: who is here, which event, which pages; then the page."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ui import menu, session, text
from ui.runtime import outage, reconnect, redraw_queue, script_run
from ui.session import Here
from ui.widgets.forms import hint, show_messages


def sidebar(here: Here, pages: Mapping[str, st.Page]) -> None:
    """The event chooser, the pages in the order of the work, and the way out."""
    with st.sidebar:
        if here.event is not None:
            choose_event(here)
        heading = None
        query = session.query(here.event) if here.event is not None else None
        for entry in menu.ENTRIES:
            if entry.name not in pages or (here.event is None and entry.is_about_event):
                continue
            if entry.heading is not None and entry.heading != heading:
                hint(entry.heading)
                heading = entry.heading
            if entry.name in ("events", "account"):
                st.space("small")
            st.page_link(
                pages[entry.name],
                label=entry.title if entry.name != "account" else text.md(f"{here.actor.name} · {here.actor.role}"),
                icon=f":material/{entry.icon}:",
                width="stretch",
                query_params=query if entry.is_about_event else None,
            )
        st.html('<a href="/session/sign-out" target="_self" style="color:inherit">Sign out</a>')


def choose_event(here: Here) -> None:
    """The events a person may see, and the date of the chosen one; choosing one changes the address."""
    names = text.told_apart({event.id: (event.name, f"{event.starts_at:%-d %b %Y}") for event in here.events})
    st.session_state.event_chooser = here.event.id
    st.selectbox(
        "Event",
        list(names),
        key="event_chooser",
        format_func=lambda event_id: names.get(event_id, ""),
        on_change=lambda: session.go_to_event(st.session_state.event_chooser),
    )
    hint(text.event_date(here.event.starts_at, here.event.time_zone))


st.set_page_config(page_title="Ticket Desk", page_icon="/session/icon.svg", layout="wide")
with outage.page_kept(), redraw_queue.drawing():
    with outage.banner_above():
        here = session.enter()
    pages = {entry.name: menu.page(entry) for entry in menu.ENTRIES if here.may(entry.action)}
    page = st.navigation(list(pages.values()), position="hidden")
    menu.follow()
    sidebar(here, pages)
    reconnect.follow()
    show_messages()
    with script_run.counted(page.url_path or "sales"):
        page.run()

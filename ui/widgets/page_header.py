"""The top of a page: its title, a line about the event, and its actions at the right.

On phones the bar at the top has the title, so it is only for screen readers, and the actions are beside the line.
"""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing.errors import EventArchived
from ticketing.models import Event
from ui import text


def render_header(title: str, event: Event | None = None, subtitle: str = "") -> DeltaGenerator:
    """Render the header, and return the container for the page's one or two actions. `subtitle` is Markdown.

    The line has the day of the event where it has room for it: the menu shows it too.
    """
    with st.container(gap="xsmall", key="page_header"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.title(title, anchor=False, width="stretch")
            actions = st.container(horizontal=True, width="content", horizontal_alignment="right")
        archived = ":gray-badge[:material/archive: Archived]" if event and event.is_archived else ""
        event_line = ""
        if event:
            event_line = text.format_event_line(event.name, event.starts_at, event.time_zone, has_date=not subtitle)
        st.markdown(" · ".join(part for part in (archived, event_line, subtitle) if part) or " ", width="stretch")
    return actions


def render_archived_note(event: Event) -> None:
    """Say why a page of an archived event has no buttons to sell, import or set up with."""
    if event.is_archived:
        st.info(str(EventArchived()), icon=":material/archive:")

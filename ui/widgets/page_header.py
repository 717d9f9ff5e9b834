"""The top of a page: its title, a line about the event, and its actions at the right."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing.errors import EventArchived
from ticketing.models import Event
from ui import text


def render_header(title: str, event: Event | None = None, subtitle: str = "") -> DeltaGenerator:
    """Render the header, and return the container for the page's one or two actions. `subtitle` is Markdown."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(width="stretch", gap="xsmall", key="page_header"):
            st.title(title, anchor=False)
            event_line = text.format_event_line(event.name, event.starts_at, event.time_zone) if event else ""
            archived = ":gray-badge[:material/archive: Archived]" if event and event.is_archived else ""
            st.markdown(" · ".join(part for part in (archived, event_line, subtitle) if part) or " ", width="stretch")
        return st.container(horizontal=True, width="content", horizontal_alignment="right")


def render_archived_note(event: Event) -> None:
    """Say why a page of an archived event has no buttons to sell, import or set up with."""
    if event.is_archived:
        st.info(str(EventArchived()), icon=":material/archive:")

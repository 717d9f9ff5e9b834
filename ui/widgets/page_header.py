"""The top of a page: its name, one line that says where we are, and its actions at the right."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing.models import Event
from ui import text


def render_header(title: str, event: Event | None = None, subtitle: str = "") -> DeltaGenerator:
    """Draws it and answers with the place for the page's one or two actions. `line` is Markdown."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        with st.container(width="stretch", gap="xsmall", key="page_header"):
            st.title(title, anchor=False)
            where = text.format_event_line(event.name, event.starts_at, event.time_zone) if event else ""
            st.markdown(" · ".join(part for part in (where, subtitle) if part) or " ", width="stretch")
        return st.container(horizontal=True, width="content", horizontal_alignment="right")

"""What pages show on paper only: which page and event it is, what was chosen, the moment, and page numbers.

The styles are in print.css.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing.models import Event
from ui import text


def render(title: str, event: Event | None, chosen: str = "", zone: str = "UTC") -> None:
    """Render head and footer of the paper. `chosen` says which rows or days it shows; `zone` is that of no event."""
    name, time_zone = (event.name, event.time_zone) if event else ("Ticket Desk", zone)
    now = datetime.now(UTC).astimezone(ZoneInfo(time_zone))
    moment = f"as of {text.format_date(now.date())}, {text.format_time(now)} {text.format_zone_city(time_zone)}"
    line = " · ".join(part for part in (name, chosen, moment) if part)
    footer = escape_css(f"{name} · {title}")
    st.html(f'<div class="paper-only paper-head"><strong>{escape(title)}</strong> {escape(line)}</div>')
    st.html(f'<style>@page {{ @bottom-left {{ content: "{footer}"; }} }}</style>')


def escape_css(words: str) -> str:
    """Return the words for a CSS string in a style element."""
    return "".join(each if each.isalnum() or each in " ·.," else f"\\{ord(each):x} " for each in words)

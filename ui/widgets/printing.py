"""Pages on paper: which page and event it is, what was chosen, the moment, page numbers, and all rows of a list.

Lists have pages on the screen. "Print" shows all of their rows as a table and opens the print dialog of the browser
(ui/scripts/links.js); the next click on anything leads back. The styles are in print.css.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing.models import Event
from ui import text

MAX_ROWS = 5_000  # about 130 pages of paper, and 3 MB of HTML
_KEY = "print_all"


def render(title: str, event: Event | None, shown: str = "", zone: str = "UTC") -> None:
    """Render the head and the footer of the paper; see `build`."""
    st.html(build(title, event, shown, zone))


def build(title: str, event: Event | None, shown: str = "", zone: str = "UTC") -> str:
    """Return the head and the footer of the paper as HTML, for below the page's title.

    `shown` says which rows or days it has; `zone` is that of a page about no event.
    """
    name, time_zone = (event.name, event.time_zone) if event else ("Ticket Desk", zone)
    now = datetime.now(UTC).astimezone(ZoneInfo(time_zone))
    moment = f"as of {text.format_date(now.date())}, {text.format_time(now)} {text.format_zone_city(time_zone)}"
    line = " · ".join(part for part in (shown, moment) if part)
    footer = escape_css(f"{name} · {title}")
    return (
        f'<p class="paper-only paper-head">{escape(line[:1].upper() + line[1:])}</p>'
        f'<style>@page {{ @bottom-left {{ content: "{footer}"; }} }}</style>'
    )


def render_button(container: DeltaGenerator, *, disabled: bool = False) -> None:
    container.button("Print", key=_KEY, icon=":material/print:", disabled=disabled)


def is_requested() -> bool:
    """Return whether "Print" was pressed, so that this run shows all rows."""
    return bool(st.session_state.get(_KEY))


def get_row_count(per_page: int) -> int:
    """Return how many rows to read: those of a page, or all when they are printed."""
    return MAX_ROWS if is_requested() else per_page


def describe_rows(shown: int, total: int, noun: str) -> str:
    """Return "all 3 orders" or "20 of 410 orders"."""
    count = text.format_count(total, noun)
    return f"all {count}" if shown == total else f"{shown:,} of {count}"


def render_all(rows: str, shown: int, total: int) -> None:
    """Render all rows, given as HTML, and say so when they are too many."""
    st.button("Back to the list", key="print_back", icon=":material/arrow_back:")
    if shown < total:
        st.info(f"The first {shown:,} of {total:,}. Filter the list, or download the file, which has all of them.")
    st.html(f'<div class="print-all">{rows}</div>')


def escape_css(words: str) -> str:
    """Return the words for a CSS string in a style element."""
    return "".join(each if each.isalnum() or each in " ·.," else f"\\{ord(each):x} " for each in words)

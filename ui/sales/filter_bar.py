"""The bar that the whole sales page follows: range, packages, channels, sponsorships. It stays in sight."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import streamlit as st

from ticketing.models import CHANNELS
from ticketing.sales_filter import SalesFilter
from ui import text
from ui.sales import query
from ui.sales.query import RANGE_LABELS, View

MIN_DAY, MAX_DAY = date(2000, 1, 1), date(2099, 12, 31)
DEFAULT_CUSTOM_DAYS = 14
POPOVER_KEY = "sales_filters"


def render(view: View, today: date, list_packages: Callable[[], Mapping[uuid.UUID, str]]) -> None:
    """Render the bar. Its fields behind "Filters" are drawn, and the packages listed, only while they are open."""
    chosen = view.sales_filter
    st.session_state.sales_range = view.range
    with st.container(key="sales_bar", horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
        st.segmented_control(
            "Range",
            list(RANGE_LABELS),
            key="sales_range",
            format_func=RANGE_LABELS.__getitem__,
            required=True,
            label_visibility="collapsed",
            on_change=_on_range,
            args=(chosen, today),
        )
        count = bool(chosen.package_ids) + bool(chosen.channels) + chosen.sponsorships_only
        label = f"Filters · {count}" if count else "Filters"
        with st.popover(label, icon=":material/filter_list:", key=POPOVER_KEY, on_change="rerun") as fields:
            if fields.open:
                _render_fields(chosen, today, list_packages())


def _render_fields(chosen: SalesFilter, today: date, packages: Mapping[uuid.UUID, str]) -> None:
    values: dict[str, Any] = {
        "first_day": chosen.first_day,
        "last_day": chosen.last_day,
        "package_ids": list(chosen.package_ids),
        "channels": list(chosen.channels),
        "sponsorships_only": chosen.sponsorships_only,
    }
    for name, value in values.items():
        st.session_state[_key(name)] = value
    with st.container(horizontal=True, wrap=False):
        for name, label in (("first_day", "From"), ("last_day", "To")):
            st.date_input(
                label,
                None,
                min_value=MIN_DAY,
                max_value=MAX_DAY,
                key=_key(name),
                format=text.get_date_input_format(),
                on_change=_on_day,
                args=(name,),
            )
    st.multiselect(
        "Packages",
        list(packages),
        key=_key("package_ids"),
        format_func=lambda package_id: packages.get(package_id, ""),
        placeholder="All packages",
        on_change=_on_change,
        args=("package_ids",),
    )
    st.multiselect(
        "Channels",
        CHANNELS,
        key=_key("channels"),
        format_func=text.CHANNEL_LABELS.__getitem__,
        placeholder="All channels",
        on_change=_on_change,
        args=("channels",),
    )
    st.toggle("Sponsorships only", key=_key("sponsorships_only"), on_change=_on_change, args=("sponsorships_only",))
    if chosen != SalesFilter():
        st.button("Clear filters", on_click=clear)


def clear() -> None:
    """For a callback: show all sales."""
    query.write(range="", package_ids=(), channels=(), sponsorships_only=False)


def _key(name: str) -> str:
    return f"sales_filter_{name}"


def _on_change(name: str) -> None:
    value = st.session_state[_key(name)]
    query.write(**{name: tuple(value) if isinstance(value, list) else value})


def _on_day(name: str) -> None:
    """Apply both days; when the last one is before the first, the other one moves along."""
    days = {each: st.session_state[_key(each)] for each in ("first_day", "last_day")}
    if None not in days.values() and days["last_day"] < days["first_day"]:
        days = dict.fromkeys(days, days[name])
    query.write(**days)


def _on_range(chosen: SalesFilter, today: date) -> None:
    """Apply a range; "Custom" begins with the days that are shown, and opens the fields."""
    value = st.session_state.sales_range
    if value == "custom":
        first_day = chosen.first_day or today - timedelta(days=DEFAULT_CUSTOM_DAYS - 1)
        query.write(first_day=first_day, last_day=chosen.last_day or max(today, first_day))
        st.session_state[POPOVER_KEY] = True
    else:
        query.write(range="" if value == "all" else value)

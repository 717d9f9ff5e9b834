"""Filters of the audit log, kept in the URL like those of purchases (ui/purchases/filters.py)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import streamlit as st

from ticketing.errors import InvalidInput
from ticketing.reporting import audit_log
from ticketing.reporting.audit_log import ALL_CHANGES, AuditFilter
from ui import text
from ui.audit import sentences
from ui.purchases import filters

NON_FILTER_PARAMETERS = ("event", "page", "trail")


@dataclass(frozen=True)
class UrlState:
    """What the URL asks for: the event's or the office log, its filter, and the page."""

    active_filter: AuditFilter
    is_office: bool = False
    page: int = 1


@dataclass(frozen=True)
class Choices:
    """The choices of the filters: names of people and records by id, and kinds of change."""

    people: Mapping[uuid.UUID | str, str]
    records: Mapping[uuid.UUID, str]
    actions: tuple[str, ...]


def parse_query_params() -> UrlState:
    """Return the state of the URL. Raises InvalidInput with a sentence for each parameter that is wrong."""
    query = st.query_params.to_dict()
    problems: dict[str, str] = {}
    audit_filter = ALL_CHANGES
    try:
        audit_filter = audit_log.parse(query, ignored=NON_FILTER_PARAMETERS)
    except InvalidInput as exc:
        problems |= exc.fields
    page = filters.parse_page(query, problems)
    if query.get("trail", "event") not in ("event", "office"):
        problems["trail"] = "“trail” takes event or office."
    if problems:
        raise InvalidInput(problems)
    return UrlState(audit_filter, query.get("trail") == "office", page)


def apply(view: UrlState) -> None:
    """Write a state to the URL; for use as a callback."""
    office = {"trail": "office"} if view.is_office else {}
    filters.set_query_params(office | audit_log.to_query(view.active_filter), view.page)


def render(view: UrlState, choices: Choices) -> None:
    """Render the filters, and the active ones with a button to clear each."""
    number = filters.generation()
    for field in fields(AuditFilter):
        value = getattr(view.active_filter, field.name)
        st.session_state.setdefault(_key(field.name, number), list(value) if isinstance(value, tuple) else value)
    active = describe(view.active_filter, choices)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chosen_filters"):
        with st.popover(f"Filters · {len(active)}" if active else "Filters", icon=":material/filter_list:"):
            _render_fields(view, choices, number)
        for names, label in active.items():
            without = replace(view.active_filter, **{name: getattr(ALL_CHANGES, name) for name in names})
            st.button(
                f"{text.escape_markdown(label)} :material/close:",
                key=f"lift_{names[0]}",
                on_click=apply,
                args=(UrlState(without, view.is_office),),
            )
        if active:
            everything = UrlState(ALL_CHANGES, view.is_office)
            st.button("Clear all", key="lift_all", type="tertiary", on_click=apply, args=(everything,))


def _render_fields(view: UrlState, choices: Choices, number: int) -> None:
    for name, label, options, labels in (
        ("people", "Person", list(choices.people), choices.people),
        ("records", "Package or promo code", list(choices.records), choices.records),
        (
            "actions",
            "Action",
            list(choices.actions),
            {action: sentences.get_action_label(action) for action in choices.actions},
        ),
    ):
        if options:
            st.multiselect(
                label,
                options,
                key=_key(name, number),
                format_func=lambda option, labels=labels: labels.get(option, str(option)),
                placeholder="Any",
                on_change=_on_change,
                args=(name, number, view),
            )
    with st.container(horizontal=True):
        for name, label in (("first_day", "From"), ("last_day", "To")):
            st.date_input(
                label,
                None,
                filters.MIN_DAY,
                filters.MAX_DAY,
                key=_key(name, number),
                format=text.get_date_input_format(),
                on_change=_on_change,
                args=(name, number, view),
            )


def describe(active_filter: AuditFilter, choices: Choices) -> dict[tuple[str, ...], str]:
    """Return the labels of the active filters by their fields."""
    labels_by_field = {
        "people": ([choices.people[person] for person in active_filter.people], "people"),
        "records": ([choices.records[record] for record in active_filter.records], "records"),
        "actions": ([sentences.get_action_label(action) for action in active_filter.actions], "actions"),
    }
    active: dict[tuple[str, ...], str] = {}
    for name, (labels, nouns) in labels_by_field.items():
        if labels:
            *first, last = labels
            any_of = f"{', '.join(first)} or {last}" if first else last
            active[name,] = any_of if len(any_of) <= filters.MAX_LABEL_LENGTH or not first else f"{len(labels)} {nouns}"
    if active_filter.first_day or active_filter.last_day:
        active["first_day", "last_day"] = filters.format_day_range(active_filter.first_day, active_filter.last_day)
    return active


def _on_change(name: str, number: int, rendered: UrlState) -> None:
    """Apply the values of all fields after one changed, starting at the first page."""
    values: dict[str, Any] = {}
    for field in fields(AuditFilter):
        value = st.session_state.get(_key(field.name, number), getattr(rendered.active_filter, field.name))
        values[field.name] = tuple(value) if isinstance(value, list) else value
    filters.put_days_in_order(values, name, number, _key)
    apply(UrlState(AuditFilter(**values), rendered.is_office))
    filters.keep_widgets()


def _key(name: str, number: int) -> str:
    return f"trail_{name}_{number}"

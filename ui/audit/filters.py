"""Filters of the audit log, carried in the page address like those of purchases (ui/purchases/filters.py)."""

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
    """What the address asks for: whose trail, what of it, and which page."""

    active_filter: AuditFilter
    is_office: bool = False
    page: int = 1


@dataclass(frozen=True)
class Choices:
    """What a trail offers to choose from: people and records by their ids, and kinds of change."""

    people: Mapping[uuid.UUID | str, str]
    records: Mapping[uuid.UUID, str]
    actions: tuple[str, ...]


def parse_query_params() -> UrlState:
    """The view that the address names. Raises InvalidInput with a sentence for each part that is not understood."""
    query = st.query_params.to_dict()
    problems: dict[str, str] = {}
    sought = ALL_CHANGES
    try:
        sought = audit_log.parse(query, ignored=NON_FILTER_PARAMETERS)
    except InvalidInput as wrong:
        problems |= wrong.fields
    page = filters.parse_page(query, problems)
    if query.get("trail", "event") not in ("event", "office"):
        problems["trail"] = "“trail” takes event or office."
    if problems:
        raise InvalidInput(problems)
    return UrlState(sought, query.get("trail") == "office", page)


def apply(view: UrlState) -> None:
    """For a callback: shows another view."""
    office = {"trail": "office"} if view.is_office else {}
    filters.set_query_params(office | audit_log.to_query(view.active_filter), view.page)


def render(view: UrlState, choices: Choices) -> None:
    """The filters, and those that are set with a way to lift each."""
    number = filters.generation()
    for each in fields(AuditFilter):
        value = getattr(view.active_filter, each.name)
        st.session_state.setdefault(_key(each.name, number), list(value) if isinstance(value, tuple) else value)
    told = describe(view.active_filter, choices)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chosen_filters"):
        with st.popover(f"Filters · {len(told)}" if told else "Filters", icon=":material/filter_list:"):
            _render_fields(view, choices, number)
        for names, words in told.items():
            without = replace(view.active_filter, **{name: getattr(ALL_CHANGES, name) for name in names})
            st.button(
                f"{text.escape_markdown(words)} :material/close:",
                key=f"lift_{names[0]}",
                on_click=apply,
                args=(UrlState(without, view.is_office),),
            )
        if told:
            everything = UrlState(ALL_CHANGES, view.is_office)
            st.button("Clear all", key="lift_all", type="tertiary", on_click=apply, args=(everything,))


def _render_fields(view: UrlState, choices: Choices, number: int) -> None:
    for name, label, options, words in (
        ("people", "Person", list(choices.people), choices.people),
        ("records", "Package or promo code", list(choices.records), choices.records),
        (
            "actions",
            "What was done",
            list(choices.actions),
            {each: sentences.get_action_label(each) for each in choices.actions},
        ),
    ):
        if options:
            st.multiselect(
                label,
                options,
                key=_key(name, number),
                format_func=lambda each, words=words: words.get(each, str(each)),
                placeholder="Any",
                on_change=_on_change,
                args=(name, number, view),
            )
    with st.container(horizontal=True):
        for name, label in (("first_day", "From"), ("last_day", "To, included")):
            st.date_input(
                label,
                None,
                filters.MIN_DAY,
                filters.MAX_DAY,
                key=_key(name, number),
                format="YYYY-MM-DD",
                on_change=_on_change,
                args=(name, number, view),
            )


def describe(active_filter: AuditFilter, choices: Choices) -> dict[tuple[str, ...], str]:
    """The filters that are set, each by its fields."""
    several = {
        "people": ([choices.people[each] for each in active_filter.people], "people"),
        "records": ([choices.records[each] for each in active_filter.records], "records"),
        "actions": ([sentences.get_action_label(each) for each in active_filter.actions], "kinds of change"),
    }
    told: dict[tuple[str, ...], str] = {}
    for name, (words, nouns) in several.items():
        if words:
            *first, last = words
            any_of = f"{', '.join(first)} or {last}" if first else last
            told[name,] = any_of if len(any_of) <= filters.MAX_LABEL_LENGTH or not first else f"{len(words)} {nouns}"
    if active_filter.first_day or active_filter.last_day:
        told["first_day", "last_day"] = filters.format_day_range(active_filter.first_day, active_filter.last_day)
    return told


def _on_change(name: str, number: int, drawn: UrlState) -> None:
    """One field was changed: what all of them hold now, or were drawn with, from its first page."""
    held: dict[str, Any] = {}
    for each in fields(AuditFilter):
        value = st.session_state.get(_key(each.name, number), getattr(drawn.active_filter, each.name))
        held[each.name] = tuple(value) if isinstance(value, list) else value
    filters.put_days_in_order(held, name, number, _key)
    apply(UrlState(AuditFilter(**held), drawn.is_office))
    filters.keep_widgets()


def _key(name: str, number: int) -> str:
    return f"trail_{name}_{number}"

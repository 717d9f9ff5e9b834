"""Filters of the audit log, carried in the page address like those of purchases (ui/purchases/filters.py)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import streamlit as st

from ticketing.errors import InvalidInput
from ticketing.reporting import audit_log
from ticketing.reporting.audit_log import EVERYTHING, Sought
from ui import text
from ui.audit import sentences
from ui.purchases import filters

BESIDES = ("event", "page", "trail")


@dataclass(frozen=True)
class View:
    """What the address asks for: whose trail, what of it, and which page."""

    sought: Sought
    is_office: bool = False
    page: int = 1


@dataclass(frozen=True)
class Choices:
    """What a trail offers to choose from: people and records by their ids, and kinds of change."""

    people: Mapping[uuid.UUID | str, str]
    records: Mapping[uuid.UUID, str]
    actions: tuple[str, ...]


def asked() -> View:
    """The view that the address names. Raises InvalidInput with a sentence for each part that is not understood."""
    query = st.query_params.to_dict()
    problems: dict[str, str] = {}
    sought = EVERYTHING
    try:
        sought = audit_log.parsed(query, besides=BESIDES)
    except InvalidInput as wrong:
        problems |= wrong.fields
    page = filters.page_of(query, problems)
    if query.get("trail", "event") not in ("event", "office"):
        problems["trail"] = "“trail” takes event or office."
    if problems:
        raise InvalidInput(problems)
    return View(sought, query.get("trail") == "office", page)


def go(view: View) -> None:
    """For a callback: shows another view."""
    office = {"trail": "office"} if view.is_office else {}
    filters.go_to(office | audit_log.to_query(view.sought), view.page)


def show(view: View, choices: Choices) -> None:
    """The filters, and those that are set with a way to lift each."""
    number = filters.generation()
    for each in fields(Sought):
        value = getattr(view.sought, each.name)
        st.session_state.setdefault(_key(each.name, number), list(value) if isinstance(value, tuple) else value)
    told = in_words(view.sought, choices)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chosen_filters"):
        with st.popover(f"Filters · {len(told)}" if told else "Filters", icon=":material/filter_list:"):
            _show_fields(view, choices, number)
        for names, words in told.items():
            without = replace(view.sought, **{name: getattr(EVERYTHING, name) for name in names})
            st.button(
                f"{text.md(words)} :material/close:",
                key=f"lift_{names[0]}",
                on_click=go,
                args=(View(without, view.is_office),),
            )
        if told:
            everything = View(EVERYTHING, view.is_office)
            st.button("Clear all", key="lift_all", type="tertiary", on_click=go, args=(everything,))


def _show_fields(view: View, choices: Choices, number: int) -> None:
    for name, label, options, words in (
        ("people", "Person", list(choices.people), choices.people),
        ("records", "Package or promo code", list(choices.records), choices.records),
        ("actions", "What was done", list(choices.actions), {each: sentences.label(each) for each in choices.actions}),
    ):
        if options:
            st.multiselect(
                label,
                options,
                key=_key(name, number),
                format_func=lambda each, words=words: words.get(each, str(each)),
                placeholder="Any",
                on_change=_change,
                args=(name, number, view),
            )
    with st.container(horizontal=True):
        for name, label in (("first_day", "From"), ("last_day", "To, included")):
            st.date_input(
                label,
                None,
                filters.FIRST_DAY,
                filters.LAST_DAY,
                key=_key(name, number),
                format="YYYY-MM-DD",
                on_change=_change,
                args=(name, number, view),
            )


def in_words(sought: Sought, choices: Choices) -> dict[tuple[str, ...], str]:
    """The filters that are set, each by its fields."""
    several = {
        "people": ([choices.people[each] for each in sought.people], "people"),
        "records": ([choices.records[each] for each in sought.records], "records"),
        "actions": ([sentences.label(each) for each in sought.actions], "kinds of change"),
    }
    told: dict[tuple[str, ...], str] = {}
    for name, (words, nouns) in several.items():
        if words:
            *first, last = words
            any_of = f"{', '.join(first)} or {last}" if first else last
            told[name,] = any_of if len(any_of) <= filters.LONGEST_LABEL or not first else f"{len(words)} {nouns}"
    if sought.first_day or sought.last_day:
        told["first_day", "last_day"] = filters.days_told(sought.first_day, sought.last_day)
    return told


def _change(name: str, number: int, drawn: View) -> None:
    """One field was changed: what all of them hold now, or were drawn with, from its first page."""
    held: dict[str, Any] = {}
    for each in fields(Sought):
        value = st.session_state.get(_key(each.name, number), getattr(drawn.sought, each.name))
        held[each.name] = tuple(value) if isinstance(value, list) else value
    filters.put_days_in_order(held, name, number, _key)
    go(View(Sought(**held), drawn.is_office))
    filters.stay()


def _key(name: str, number: int) -> str:
    return f"trail_{name}_{number}"

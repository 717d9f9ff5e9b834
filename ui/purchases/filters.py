"""Search and filters of purchases. The address carries them, so that a view can be sent, bookmarked and gone back to.

The address is what holds. Fields start from it and write to it, and are new ones whenever it changed by itself (a
link, Back): a browser may still be sending what stood in the fields of before.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import streamlit as st

from ticketing import purchase_filter
from ticketing.errors import InvalidInput
from ticketing.purchase_filter import EVERYTHING, NO_CODE, SORTS, Selection
from ui import text

BESIDES = ("event", "page", "purchase")
SORTED = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "name": "Name, A to Z",
    "total": "Largest total first",
    "unnamed": "Most seats unnamed",
}
ONLY = {
    "sponsorships_only": "Sponsorships only",
    "unnamed_only": "With seats without a guest",
    "discounted_only": "With a discount",
    "differing_only": "With an imported difference",
}
LONGEST_LABEL = 60
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
_KNOWN = "filters_known"


@dataclass(frozen=True)
class View:
    """What the address asks for: which purchases, which page of them, and the one that is open."""

    selection: Selection
    page: int = 1
    purchase_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Choices:
    """What an event offers to choose from: its packages by id, and its promo codes."""

    packages: Mapping[uuid.UUID, str]
    codes: tuple[str, ...]


def asked() -> View:
    """The view that the address names. Raises InvalidInput with a sentence for each part that is not understood."""
    query = st.query_params.to_dict()
    problems: dict[str, str] = {}
    chosen, purchase_id = EVERYTHING, None
    try:
        chosen = purchase_filter.parsed(query, besides=BESIDES)
    except InvalidInput as wrong:
        problems |= wrong.fields
    page = page_of(query, problems)
    if "purchase" in query:
        try:
            purchase_id = uuid.UUID(query["purchase"])
        except ValueError:
            problems["purchase"] = "“purchase” takes the id of a purchase."
    if problems:
        raise InvalidInput(problems)
    return View(chosen, page, purchase_id)


def page_of(query: Mapping[str, str], problems: dict[str, str]) -> int:
    """The page that an address asks for, the first by default; what it says wrongly goes into `problems`."""
    told = query.get("page", "1")
    page = int(told) if told.isdecimal() and len(told) < 8 else 0
    if page < 1:
        problems["page"] = "“page” takes a number from 1."
    return page


def judge(chosen: Selection, choices: Choices) -> None:
    """Raises InvalidInput for a package or code that the event does not have."""
    problems = {}
    if set(chosen.package_ids) - set(choices.packages):
        problems["package"] = "“package” names a package that this event does not have, or not any more."
    if unknown := [code for code in chosen.codes if code not in (*choices.codes, NO_CODE)]:
        problems["code"] = f"“code” names {', '.join(unknown)}, which this event does not have, or not any more."
    if problems:
        raise InvalidInput(problems)


def go(chosen: Selection, page: int = 1) -> None:
    """For a callback: shows another selection, or another page of it."""
    go_to(purchase_filter.to_query(chosen), page)


def go_to(query: dict[str, str], page: int) -> None:
    """Shows what `query` names of the event, and a page of it."""
    query = query | ({"page": str(page)} if page > 1 else {})
    if "event" in st.query_params:
        query = {"event": st.query_params["event"]} | query
    st.query_params.from_dict(query)  # at once: each change of the address is a step of the browser's Back


def generation() -> int:
    """Rises whenever the address changed otherwise than by the fields; a part of their keys."""
    now = _address()
    known, number = st.session_state.get(_KNOWN, (None, 0))
    if now != known:
        number += 1
        st.session_state[_KNOWN] = now, number
    return number


def stay() -> None:
    """For the callback of a field, after `go`: the fields that are there go on."""
    st.session_state[_KNOWN] = _address(), st.session_state[_KNOWN][1]


def _address() -> dict[str, str]:
    return {name: value for name, value in st.query_params.to_dict().items() if name not in ("event", "purchase")}


def show(chosen: Selection, choices: Choices) -> None:
    """The search, the order, the filters, and those that are set with a way to lift each."""
    number = generation()
    for name, value in _typed(chosen).items():
        st.session_state.setdefault(_key(name, number), value)
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        st.text_input(
            "Search",
            key=_key("search", number),
            type="search",
            max_chars=purchase_filter.LONGEST_SEARCH,
            placeholder="Name, e-mail, code or external id",
            autocomplete="off",
            on_change=_change,
            args=("search", number, chosen),
        )
        st.selectbox(
            "Sort",
            SORTS,
            key=_key("sort", number),
            format_func=SORTED.__getitem__,
            width=190,
            on_change=_change,
            args=("sort", number, chosen),
        )
        told = in_words(chosen, choices)
        with st.popover(f"Filters · {len(told)}" if told else "Filters", icon=":material/filter_list:"):
            _show_fields(chosen, choices, number)
    with st.container(horizontal=True, gap="small", key="chosen_filters"):
        for names, words in told.items():
            label = f"{text.md(words)} :material/close:"
            st.button(label, key=f"lift_{names[0]}", on_click=lift, args=(chosen, names))
        if told:
            st.button("Clear all", key="lift_all", type="tertiary", on_click=go, args=(Selection(sort=chosen.sort),))


def _show_fields(chosen: Selection, choices: Choices, number: int) -> None:
    """Any of several values, all of several filters."""
    for name, label, options, words in (
        ("package_ids", "Package", list(choices.packages), choices.packages),
        ("statuses", "Status", list(text.STATUSES), text.STATUSES),
        ("channels", "Channel", list(text.CHANNELS), text.CHANNELS),
        ("codes", "Promo code", [*choices.codes, NO_CODE], {NO_CODE: "Without a code"}),
    ):
        st.multiselect(
            label,
            options,
            key=_key(name, number),
            format_func=lambda each, words=words: words.get(each, each),
            placeholder="Any",
            on_change=_change,
            args=(name, number, chosen),
        )
    with st.container(horizontal=True):
        for name, label in (("first_day", "From"), ("last_day", "To, included")):
            st.date_input(
                label,
                None,
                FIRST_DAY,
                LAST_DAY,
                key=_key(name, number),
                format="YYYY-MM-DD",
                on_change=_change,
                args=(name, number, chosen),
            )
    for name, label in ONLY.items():
        st.toggle(label, key=_key(name, number), on_change=_change, args=(name, number, chosen))


def in_words(chosen: Selection, choices: Choices) -> dict[tuple[str, ...], str]:
    """The filters that are set, each by its fields; the search and the order say themselves."""
    several = {
        "package_ids": ([choices.packages[each] for each in chosen.package_ids], "packages"),
        "statuses": ([text.STATUSES[each] for each in chosen.statuses], "statuses"),
        "channels": ([text.CHANNELS[each] for each in chosen.channels], "channels"),
        "codes": (["Without a code" if each == NO_CODE else each for each in chosen.codes], "promo codes"),
    }
    told: dict[tuple[str, ...], str] = {}
    for name, (words, nouns) in several.items():
        if words:
            *first, last = words
            any_of = f"{', '.join(first)} or {last}" if first else last
            told[name,] = any_of if len(any_of) <= LONGEST_LABEL or not first else f"{len(words)} {nouns}"
    if chosen.first_day or chosen.last_day:
        told["first_day", "last_day"] = days_told(chosen.first_day, chosen.last_day)
    return told | {(name,): label for name, label in ONLY.items() if getattr(chosen, name)}


def days_told(first: date | None, last: date | None) -> str:
    """ "3 Oct 2026 to 5 Oct 2026", and what is open on one side."""

    def told(day: date) -> str:
        return f"{day.day} {day:%b} {day.year}"

    if first and last:
        return told(first) if first == last else f"{told(first)} to {told(last)}"
    return f"From {told(first)}" if first else f"Until {told(last)}" if last else ""


def lift(chosen: Selection, names: tuple[str, ...]) -> None:
    """For a callback: the same without one filter."""
    go(replace(chosen, **{name: getattr(EVERYTHING, name) for name in names}))


def put_days_in_order(held: dict[str, Any], changed: str, number: int, key: Callable[[str, int], str]) -> None:
    """Days that exclude each other select nothing: the one that was not touched goes along, in its field too."""
    if held["first_day"] and held["last_day"] and held["last_day"] < held["first_day"]:
        other = "last_day" if changed == "first_day" else "first_day"
        held[other] = st.session_state[key(other, number)] = held[changed]


def _change(name: str, number: int, drawn: Selection) -> None:
    """One field was changed: the selection that all of them hold now, from its first page.

    From the fields, not from the address: a fast second change is sent before the address has the first. A field that
    the server let go of, as when a run of another page came between, holds what it was drawn with.
    """
    held = {
        field: _read(field, st.session_state.get(_key(field, number), value)) for field, value in _typed(drawn).items()
    }
    put_days_in_order(held, name, number, _key)
    go(Selection(**held))
    stay()


def _typed(chosen: Selection) -> dict[str, Any]:
    """What each field holds for it."""
    values = {each.name: getattr(chosen, each.name) for each in fields(Selection)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _read(name: str, held: Any) -> Any:
    if name == "search":
        return " ".join("".join(each if each.isprintable() else " " for each in held or "").split())
    return tuple(held) if isinstance(held, list) else held


def _key(name: str, number: int) -> str:
    return f"filter_{name}_{number}"

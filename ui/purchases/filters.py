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
from ticketing.purchase_filter import ALL_PURCHASES, NO_PROMO_CODE, SORTS, PurchaseFilter
from ui import text

NON_FILTER_PARAMETERS = ("event", "page", "purchase")
SORT_LABELS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "name": "Name, A to Z",
    "total": "Largest total first",
    "unnamed": "Most seats unnamed",
}
TOGGLE_LABELS = {
    "sponsorships_only": "Sponsorships only",
    "unnamed_only": "With seats without a guest",
    "discounted_only": "With a discount",
    "differing_only": "With an imported difference",
}
MAX_LABEL_LENGTH = 60
MIN_DAY, MAX_DAY = date(2000, 1, 1), date(2099, 12, 31)
_STATE_KEY = "filters_known"


@dataclass(frozen=True)
class UrlState:
    """What the address asks for: which purchases, which page of them, and the one that is open."""

    active_filter: PurchaseFilter
    page: int = 1
    purchase_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Choices:
    """What an event offers to choose from: its packages by id, and its promo codes."""

    packages: Mapping[uuid.UUID, str]
    codes: tuple[str, ...]


def parse_query_params() -> UrlState:
    """The view that the address names. Raises InvalidInput with a sentence for each part that is not understood."""
    query = st.query_params.to_dict()
    problems: dict[str, str] = {}
    chosen, purchase_id = ALL_PURCHASES, None
    try:
        chosen = purchase_filter.parse(query, ignored=NON_FILTER_PARAMETERS)
    except InvalidInput as wrong:
        problems |= wrong.fields
    page = parse_page(query, problems)
    if "purchase" in query:
        try:
            purchase_id = uuid.UUID(query["purchase"])
        except ValueError:
            problems["purchase"] = "“purchase” takes the id of a purchase."
    if problems:
        raise InvalidInput(problems)
    return UrlState(chosen, page, purchase_id)


def parse_page(query: Mapping[str, str], problems: dict[str, str]) -> int:
    """The page that an address asks for, the first by default; what it says wrongly goes into `problems`."""
    told = query.get("page", "1")
    page = int(told) if told.isdecimal() and len(told) < 8 else 0
    if page < 1:
        problems["page"] = "“page” takes a number from 1."
    return page


def validate(active_filter: PurchaseFilter, choices: Choices) -> None:
    """Raises InvalidInput for a package or code that the event does not have."""
    problems = {}
    if set(active_filter.package_ids) - set(choices.packages):
        problems["package"] = "“package” names a package that this event does not have, or not any more."
    if unknown := [code for code in active_filter.codes if code not in (*choices.codes, NO_PROMO_CODE)]:
        problems["code"] = f"“code” names {', '.join(unknown)}, which this event does not have, or not any more."
    if problems:
        raise InvalidInput(problems)


def apply(new_filter: PurchaseFilter, page: int = 1) -> None:
    """For a callback: shows another selection, or another page of it."""
    set_query_params(purchase_filter.to_query(new_filter), page)


def set_query_params(query: dict[str, str], page: int) -> None:
    """Shows what `query` names of the event, and a page of it."""
    query = query | ({"page": str(page)} if page > 1 else {})
    if "event" in st.query_params:
        query = {"event": st.query_params["event"]} | query
    st.query_params.from_dict(query)  # at once: each change of the address is a step of the browser's Back


def generation() -> int:
    """Rises whenever the address changed otherwise than by the fields; a part of their keys."""
    now = _filter_query_params()
    known, number = st.session_state.get(_STATE_KEY, (None, 0))
    if now != known:
        number += 1
        st.session_state[_STATE_KEY] = now, number
    return number


def keep_widgets() -> None:
    """For the callback of a field, after `go`: the fields that are there go on."""
    st.session_state[_STATE_KEY] = _filter_query_params(), st.session_state[_STATE_KEY][1]


def _filter_query_params() -> dict[str, str]:
    return {name: value for name, value in st.query_params.to_dict().items() if name not in ("event", "purchase")}


def render(active_filter: PurchaseFilter, choices: Choices) -> None:
    """The search, the order, the filters, and those that are set with a way to lift each."""
    number = generation()
    for name, value in _widget_values(active_filter).items():
        st.session_state.setdefault(_key(name, number), value)
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        st.text_input(
            "Search",
            key=_key("search", number),
            type="search",
            max_chars=purchase_filter.MAX_SEARCH_LENGTH,
            placeholder="Name, e-mail, code or external id",
            autocomplete="off",
            on_change=_on_change,
            args=("search", number, active_filter),
        )
        st.selectbox(
            "Sort",
            SORTS,
            key=_key("sort", number),
            format_func=SORT_LABELS.__getitem__,
            width=190,
            on_change=_on_change,
            args=("sort", number, active_filter),
        )
        told = describe(active_filter, choices)
        with st.popover(f"Filters · {len(told)}" if told else "Filters", icon=":material/filter_list:"):
            _render_fields(active_filter, choices, number)
    with st.container(horizontal=True, gap="small", key="chosen_filters"):
        for names, words in told.items():
            label = f"{text.escape_markdown(words)} :material/close:"
            st.button(label, key=f"lift_{names[0]}", on_click=clear_filter, args=(active_filter, names))
        if told:
            st.button(
                "Clear all",
                key="lift_all",
                type="tertiary",
                on_click=apply,
                args=(PurchaseFilter(sort=active_filter.sort),),
            )


def _render_fields(chosen: PurchaseFilter, choices: Choices, number: int) -> None:
    """Any of several values, all of several filters."""
    for name, label, options, words in (
        ("package_ids", "Package", list(choices.packages), choices.packages),
        ("statuses", "Status", list(text.STATUS_LABELS), text.STATUS_LABELS),
        ("channels", "Channel", list(text.CHANNEL_LABELS), text.CHANNEL_LABELS),
        ("codes", "Promo code", [*choices.codes, NO_PROMO_CODE], {NO_PROMO_CODE: "Without a code"}),
    ):
        st.multiselect(
            label,
            options,
            key=_key(name, number),
            format_func=lambda each, words=words: words.get(each, each),
            placeholder="Any",
            on_change=_on_change,
            args=(name, number, chosen),
        )
    with st.container(horizontal=True):
        for name, label in (("first_day", "From"), ("last_day", "To, included")):
            st.date_input(
                label,
                None,
                MIN_DAY,
                MAX_DAY,
                key=_key(name, number),
                format="YYYY-MM-DD",
                on_change=_on_change,
                args=(name, number, chosen),
            )
    for name, label in TOGGLE_LABELS.items():
        st.toggle(label, key=_key(name, number), on_change=_on_change, args=(name, number, chosen))


def describe(active_filter: PurchaseFilter, choices: Choices) -> dict[tuple[str, ...], str]:
    """The filters that are set, each by its fields; the search and the order say themselves."""
    several = {
        "package_ids": ([choices.packages[each] for each in active_filter.package_ids], "packages"),
        "statuses": ([text.STATUS_LABELS[each] for each in active_filter.statuses], "statuses"),
        "channels": ([text.CHANNEL_LABELS[each] for each in active_filter.channels], "channels"),
        "codes": (["Without a code" if each == NO_PROMO_CODE else each for each in active_filter.codes], "promo codes"),
    }
    told: dict[tuple[str, ...], str] = {}
    for name, (words, nouns) in several.items():
        if words:
            *first, last = words
            any_of = f"{', '.join(first)} or {last}" if first else last
            told[name,] = any_of if len(any_of) <= MAX_LABEL_LENGTH or not first else f"{len(words)} {nouns}"
    if active_filter.first_day or active_filter.last_day:
        told["first_day", "last_day"] = format_day_range(active_filter.first_day, active_filter.last_day)
    return told | {(name,): label for name, label in TOGGLE_LABELS.items() if getattr(active_filter, name)}


def format_day_range(first: date | None, last: date | None) -> str:
    """ "3 Oct 2026 to 5 Oct 2026", and what is open on one side."""

    def told(day: date) -> str:
        return f"{day.day} {day:%b} {day.year}"

    if first and last:
        return told(first) if first == last else f"{told(first)} to {told(last)}"
    return f"From {told(first)}" if first else f"Until {told(last)}" if last else ""


def clear_filter(active_filter: PurchaseFilter, names: tuple[str, ...]) -> None:
    """For a callback: the same without one filter."""
    apply(replace(active_filter, **{name: getattr(ALL_PURCHASES, name) for name in names}))


def put_days_in_order(values: dict[str, Any], changed: str, number: int, key: Callable[[str, int], str]) -> None:
    """Days that exclude each other select nothing: the one that was not touched goes along, in its field too."""
    if values["first_day"] and values["last_day"] and values["last_day"] < values["first_day"]:
        other = "last_day" if changed == "first_day" else "first_day"
        values[other] = st.session_state[key(other, number)] = values[changed]


def _on_change(name: str, number: int, drawn: PurchaseFilter) -> None:
    """One field was changed: the selection that all of them hold now, from its first page.

    From the fields, not from the address: a fast second change is sent before the address has the first. A field that
    the server let go of, as when a run of another page came between, holds what it was drawn with.
    """
    held = {
        field: _parse_widget_value(field, st.session_state.get(_key(field, number), value))
        for field, value in _widget_values(drawn).items()
    }
    put_days_in_order(held, name, number, _key)
    apply(PurchaseFilter(**held))
    keep_widgets()


def _widget_values(chosen: PurchaseFilter) -> dict[str, Any]:
    """What each field holds for it."""
    values = {each.name: getattr(chosen, each.name) for each in fields(PurchaseFilter)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _parse_widget_value(name: str, held: Any) -> Any:
    if name == "search":
        return " ".join("".join(each if each.isprintable() else " " for each in held or "").split())
    return tuple(held) if isinstance(held, list) else held


def _key(name: str, number: int) -> str:
    return f"filter_{name}_{number}"

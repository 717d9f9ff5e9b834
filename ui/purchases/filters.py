"""Search and filters of purchases, kept in the URL so that a view can be sent, bookmarked and gone back to.

The URL is the source of truth. Widgets are initialized from it and write to it. When it changes by other means (a link,
Back), they get new keys, because the browser may still send values of the old widgets.
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
    "total": "Total: high to low",
    "unnamed": "Most seats to name",
}
TOGGLE_LABELS = {
    "sponsorships_only": "Sponsorships only",
    "unnamed_only": "Seats without a guest",
    "discounted_only": "With a discount",
    "differing_only": "With an imported difference",
}
MAX_LABEL_LENGTH = 60
MIN_DAY, MAX_DAY = date(2000, 1, 1), date(2099, 12, 31)
_STATE_KEY = "filters_known"


@dataclass(frozen=True)
class UrlState:
    """What the URL shows: the filter, the page of the list, and the open purchase."""

    active_filter: PurchaseFilter
    page: int = 1
    purchase_id: uuid.UUID | None = None


@dataclass(frozen=True)
class Choices:
    """The choices that an event offers: its package names by id, and its promo codes."""

    packages: Mapping[uuid.UUID, str]
    codes: tuple[str, ...]


def parse_query_params() -> UrlState:
    """Return what the URL shows. Raises InvalidInput with a sentence for each parameter that is wrong."""
    query = st.query_params.to_dict()
    problems: dict[str, str] = {}
    chosen, purchase_id = ALL_PURCHASES, None
    try:
        chosen = purchase_filter.parse(query, ignored=NON_FILTER_PARAMETERS)
    except InvalidInput as exc:
        problems |= exc.fields
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
    """Return the page number of a URL, 1 by default; add to `problems` when it is wrong."""
    value = query.get("page", "1")
    page = int(value) if value.isdecimal() and len(value) < 8 else 0
    if page < 1:
        problems["page"] = "“page” takes a number from 1."
    return page


def validate(active_filter: PurchaseFilter, choices: Choices) -> None:
    """Raise InvalidInput for a package or promo code that the event does not have."""
    problems = {}
    if set(active_filter.package_ids) - set(choices.packages):
        problems["package"] = "“package” names a package that this event does not have."
    if unknown := [code for code in active_filter.codes if code not in (*choices.codes, NO_PROMO_CODE)]:
        problems["code"] = f"“code” names {', '.join(unknown)}, which this event does not have."
    if problems:
        raise InvalidInput(problems)


def apply(new_filter: PurchaseFilter, page: int = 1) -> None:
    """For a callback: show another filter, or another page of it."""
    set_query_params(purchase_filter.to_query(new_filter), page)


def set_query_params(query: dict[str, str], page: int) -> None:
    """Replace the parameters of the URL, except the event."""
    query = query | ({"page": str(page)} if page > 1 else {})
    if "event" in st.query_params:
        query = {"event": st.query_params["event"]} | query
    st.query_params.from_dict(
        query
    )  # in one change, since each change of the URL is a step of the browser's Back button


def generation() -> int:
    """Return a number for the widgets' keys, which increases when the URL changed by other means than the widgets."""
    current = _filter_query_params()
    known: tuple[dict[str, str] | None, int] = st.session_state.get(_STATE_KEY, (None, 0))
    if current == known[0]:
        return known[1]
    st.session_state[_STATE_KEY] = current, known[1] + 1
    return known[1] + 1


def keep_widgets() -> None:
    """For a widget's callback, after `apply`: keep the present widgets although the URL changed."""
    st.session_state[_STATE_KEY] = _filter_query_params(), st.session_state[_STATE_KEY][1]


def _filter_query_params() -> dict[str, str]:
    return {name: value for name, value in st.query_params.to_dict().items() if name not in ("event", "purchase")}


def render(active_filter: PurchaseFilter, choices: Choices) -> None:
    """Render search, sort and filters, and a button to clear each filter that is set."""
    number = generation()
    for name, value in _widget_values(active_filter).items():
        st.session_state.setdefault(_key(name, number), value)
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        st.text_input(
            "Search",
            key=_key("search", number),
            type="search",
            live="300ms",
            max_chars=purchase_filter.MAX_SEARCH_LENGTH,
            placeholder="Name, e-mail, code, order number or external id",
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
        labels = describe(active_filter, choices)
        with st.popover(f"Filters · {len(labels)}" if labels else "Filters", icon=":material/filter_list:"):
            _render_fields(active_filter, choices, number)
    with st.container(horizontal=True, gap="small", key="chosen_filters"):
        for names, label in labels.items():
            st.button(
                f"{text.escape_markdown(label)} :material/close:",
                key=f"clear_{names[0]}",
                on_click=clear_filter,
                args=(active_filter, names),
            )
        if labels:
            st.button(
                "Clear all",
                key="clear_all",
                type="tertiary",
                on_click=apply,
                args=(PurchaseFilter(sort=active_filter.sort),),
            )


def _render_fields(chosen: PurchaseFilter, choices: Choices, number: int) -> None:
    for name, label, options, option_labels in (
        ("package_ids", "Package", list(choices.packages), choices.packages),
        ("statuses", "Status", list(text.STATUS_LABELS), text.STATUS_LABELS),
        ("channels", "Channel", list(text.CHANNEL_LABELS), text.CHANNEL_LABELS),
        ("codes", "Promo code", [*choices.codes, NO_PROMO_CODE], {NO_PROMO_CODE: "Without a code"}),
    ):
        st.multiselect(
            label,
            options,
            key=_key(name, number),
            format_func=lambda option, labels=option_labels: labels.get(option, option),
            placeholder="Any",
            on_change=_on_change,
            args=(name, number, chosen),
        )
    with st.container(horizontal=True):
        for name, label in (("first_day", "From"), ("last_day", "To")):
            st.date_input(
                label,
                None,
                MIN_DAY,
                MAX_DAY,
                key=_key(name, number),
                format=text.get_date_input_format(),
                on_change=_on_change,
                args=(name, number, chosen),
            )
    for name, label in TOGGLE_LABELS.items():
        st.toggle(label, key=_key(name, number), on_change=_on_change, args=(name, number, chosen))


def describe(active_filter: PurchaseFilter, choices: Choices) -> dict[tuple[str, ...], str]:
    """Return a label for each filter that is set, by its fields; search and sort are not among them."""
    multiple = {
        "package_ids": ([choices.packages[each] for each in active_filter.package_ids], "packages"),
        "statuses": ([text.STATUS_LABELS[each] for each in active_filter.statuses], "statuses"),
        "channels": ([text.CHANNEL_LABELS[each] for each in active_filter.channels], "channels"),
        "codes": (["Without a code" if each == NO_PROMO_CODE else each for each in active_filter.codes], "promo codes"),
    }
    labels: dict[tuple[str, ...], str] = {}
    for name, (values, nouns) in multiple.items():
        if values:
            *first, last = values
            any_of = f"{', '.join(first)} or {last}" if first else last
            labels[name,] = any_of if len(any_of) <= MAX_LABEL_LENGTH or not first else f"{len(values)} {nouns}"
    if active_filter.first_day or active_filter.last_day:
        labels["first_day", "last_day"] = format_day_range(active_filter.first_day, active_filter.last_day)
    return labels | {(name,): label for name, label in TOGGLE_LABELS.items() if getattr(active_filter, name)}


def format_day_range(first: date | None, last: date | None) -> str:
    """Return "Oct 3, 2026 to Oct 5, 2026", "From Oct 3, 2026", "Until Oct 5, 2026" or ""."""
    if first and last:
        return text.format_date(first) if first == last else f"{text.format_date(first)} to {text.format_date(last)}"
    return f"From {text.format_date(first)}" if first else f"Until {text.format_date(last)}" if last else ""


def clear_filter(active_filter: PurchaseFilter, names: tuple[str, ...]) -> None:
    """For a callback: clear one filter, keep the others."""
    apply(replace(active_filter, **{name: getattr(ALL_PURCHASES, name) for name in names}))


def put_days_in_order(values: dict[str, Any], changed: str, number: int, key: Callable[[str, int], str]) -> None:
    """When the last day is before the first, set the day that was not `changed` to the other, in its widget too."""
    if values["first_day"] and values["last_day"] and values["last_day"] < values["first_day"]:
        other = "last_day" if changed == "first_day" else "first_day"
        values[other] = st.session_state[key(other, number)] = values[changed]


def _on_change(name: str, number: int, rendered: PurchaseFilter) -> None:
    """Apply the filter that all widgets hold now, from its first page.

    The widgets are read, not the URL: a quick second change arrives before the URL has the first. A widget whose state
    Streamlit dropped, as when another page ran in between, has the value of the `rendered` filter.
    """
    values = {
        field: _parse_widget_value(field, st.session_state.get(_key(field, number), value))
        for field, value in _widget_values(rendered).items()
    }
    put_days_in_order(values, name, number, _key)
    apply(PurchaseFilter(**values))
    keep_widgets()


def _widget_values(chosen: PurchaseFilter) -> dict[str, Any]:
    """Return the value of each field's widget for this filter."""
    values = {field.name: getattr(chosen, field.name) for field in fields(PurchaseFilter)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _parse_widget_value(name: str, value: Any) -> Any:
    if name == "search":
        return " ".join("".join(each if each.isprintable() else " " for each in value or "").split())
    return tuple(value) if isinstance(value, list) else value


def _key(name: str, number: int) -> str:
    return f"filter_{name}_{number}"

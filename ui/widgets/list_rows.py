"""The pattern of all lists: dense rows on a desk, cards on a phone.

A row has a picture or icon, the name with its badges, a line about it, and figures at the right; its switch and menu
are the caller's, who renders them beside it. A handle at the left moves it where rows have an order. Pressing the row
opens it. One piece of HTML for each row, because the number of elements is what a list costs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from ui.widgets import tables

ENTRY_ICONS = {
    "Activate": "check_circle",
    "Answers": "bar_chart",
    "Archive": "archive",
    "Ask again": "unarchive",
    "Ask with more packages": "add",
    "Copy": "content_copy",
    "Deactivate": "block",
    "Delete": "delete",
    "Edit": "edit",
    "History": "history",
    "Move down": "arrow_downward",
    "Move up": "arrow_upward",
    "New link": "link",
    "Options": "help",
    "Purchases": "receipt_long",
    "Put on sale": "play_circle",
    "Restore": "unarchive",
    "Sessions": "devices",
    "Stop asking": "archive",
    "Switch off": "toggle_off",
    "Switch on": "toggle_on",
    "Take off sale": "pause_circle",
    "Try": "science",
}


@dataclass(frozen=True)
class Badge:
    """A word behind the name with its icon. `look` is a class of list_rows.css: `note`, `strong`, `good` or `ended`."""

    label: str
    icon: str
    look: str = ""


@dataclass(frozen=True)
class Figure:
    """A value under its column's title, with a quiet line below it. `share` draws a bar, from 0 to 1 when it is full.

    `url` makes the value a link. `unit` is a word behind the value where the column has no title, on a phone.
    """

    value: str
    below: str = ""
    share: float | None = None
    url: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Chip:
    """A name that belongs to a row, below it; one that is off is quieter and struck through."""

    label: str
    is_off: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a list; all text is shown as it is. `thumbnail` is HTML, for example that of `build_icon`."""

    id: uuid.UUID | str
    name: str
    thumbnail: str
    figures: tuple[Figure, ...]
    badges: tuple[Badge, ...] = ()
    about: str = ""
    is_off: bool = False
    chips: tuple[Chip, ...] = ()
    is_movable: bool = False


@contextmanager
def render_list(key: str, first_title: str, titles: Sequence[str], *, is_editable: bool) -> Iterator[None]:
    """Render the titles of the columns; the body renders the rows."""
    with st.container(key=f"{'rows' if is_editable else 'plain_rows'}_{key}", border=True, gap=None):
        cells = "".join(f"<span>{escape(title)}</span>" for title in titles)
        st.html(
            f'<div class="row titles" style="--figures:{len(titles)}" aria-hidden="true"><span></span>'
            f"<span>{escape(first_title)}</span>{cells}</div>"
        )
        yield


@contextmanager
def render_row(
    row: Row, titles: Sequence[str], open_label: str = "", on_open: Callable[..., Any] | None = None, *args: Any
) -> Iterator[None]:
    """Render a row that `on_open` opens, when there is one; the body renders its switch and its menu."""
    with st.container(key=f"card_{row.id}", horizontal=True, wrap=False, vertical_alignment="center", gap=None):
        if on_open is not None:
            st.button(open_label, key=f"open_{row.id}", type="tertiary", on_click=on_open, args=args)
        if row.is_movable:  # apart from what changes with each sale, which would take the focus away
            st.html(_build_handle(row.name), width="content")
        st.html(_build_article(row, titles), width="stretch")
        yield


def render_switch(
    label: str, row_id: uuid.UUID, version: int, on_change: Callable[..., Any], *args: Any, is_on: bool
) -> None:
    """Render the switch of a row; `on_change` gets `args` and the key of the new state.

    The key has the version, so that a change elsewhere is a switch of its own. `label` is Markdown.
    """
    key = f"switch_{row_id}_{version}"
    handle = partial(handle_switch, on_change, is_on=is_on)
    st.toggle(label, value=is_on, key=key, label_visibility="collapsed", on_change=handle, args=(*args, key))


def handle_switch(on_change: Callable[..., Any], *args: Any, is_on: bool) -> None:
    """Call `on_change` if the switch was pressed, whose key is the last of `args`.

    A message of the browser that crossed a change has the switch of the version before, whose state is dropped here, so
    Streamlit takes it for a press. It is one only if it differs from what this switch said last: the second of two.
    """
    key, said_last = args[-1], st.session_state.setdefault("switches", {})
    if st.session_state[key] is not said_last.get(key, is_on):
        said_last[key] = st.session_state[key]
        on_change(*args)


def render_menu(
    name: str,
    entries: Sequence[str],
    row_id: uuid.UUID,
    on_click: Callable[..., Any],
    *args: Any,
    reasons: Mapping[str, str] | None = None,
) -> None:
    """Render the menu of a row, at `menu_<id>` of the session state. `name` is Markdown.

    `reasons` are shown in brackets behind their entries. The styles set "Delete" apart.
    """

    def format_entry(entry: str) -> str:
        reason = f" ({reasons[entry]})" if reasons and entry in reasons else ""
        return f":material/{ENTRY_ICONS[entry]}: {entry}{reason}"

    st.menu_button(
        f"Actions for {name}",
        entries,
        key=f"menu_{row_id}",
        type="tertiary",
        icon=":material/more_horiz:",
        format_func=format_entry,
        on_click=on_click,
        args=args,
    )


def build_table(caption: str, first_title: str, titles: Sequence[str], rows: Sequence[Row]) -> str:
    """Return rows as a table for paper: without pictures, switches and menus."""
    return tables.build(
        caption,
        [tables.Column(first_title), *map(tables.number_column, titles)],
        [_list_cells(row) for row in rows],
    )


def _list_cells(row: Row) -> list[tables.Cell]:
    name = " · ".join([row.name, *(badge.label for badge in row.badges)])
    return [tables.TwoLineCell(name, row.about), *(tables.TwoLineCell(each.value, each.below) for each in row.figures)]


def build_icon(name: str) -> str:
    """Return the square of a row without a picture."""
    return f'<div class="shot">{_build_symbol(name)}</div>'


def _build_handle(name: str) -> str:
    """Return the button by which a row is dragged (ui/scripts/reorder.js)."""
    names = f'aria-label="{escape(f"Move {name}")}" title="Drag to move. With keys: Enter, then arrows, then Enter."'
    return f'<button type="button" class="handle" {names}>{_build_symbol("drag_indicator")}</button>'


def _build_article(row: Row, titles: Sequence[str]) -> str:
    figures = "".join(_build_figure(title, figure) for title, figure in zip(titles, row.figures, strict=True))
    named = f"<h2>{escape(row.name)}</h2>{''.join(map(_build_badge, row.badges))}"
    about = f"<p>{escape(row.about)}</p>" if row.about else ""
    if row.chips:
        about += f'<div class="chips">{" ".join(map(_build_chip, row.chips))}</div>'
    return (
        f'<article class="row{" off" if row.is_off else ""}" style="--figures:{len(titles)}">{row.thumbnail}'
        f'<div class="about"><div class="named">{named}</div>{about}</div><div class="amounts">{figures}</div>'
        "</article>"
    )


def _build_badge(badge: Badge) -> str:
    return f' <span class="badge {badge.look}">{_build_symbol(badge.icon)}{escape(badge.label)}</span>'


def _build_chip(chip: Chip) -> str:
    if not chip.is_off:
        return f'<bdi class="chip">{escape(chip.label)}</bdi>'
    return f'<bdi class="chip off"><s>{escape(chip.label)}</s></bdi>'


def _build_symbol(name: str) -> str:
    return f'<span class="icon" aria-hidden="true" translate="no">{name}</span>'


def _build_figure(title: str, figure: Figure) -> str:
    value = escape(figure.value)
    if figure.url:
        value = f'<a href="{escape(figure.url)}" target="_self">{value}</a>'
    if figure.unit:
        value += f'<span class="unit"> {escape(figure.unit)}</span>'
    below = f'<span class="below">{escape(figure.below)}</span>' if figure.below else ""
    bar = ""
    if figure.share is not None:
        full = " full" if figure.share >= 1 else ""
        bar = f'<span class="bar{full}"><span style="width:{min(figure.share, 1):.1%}"></span></span>'
    return f'<div class="figure"><span class="title">{escape(title)} </span>{value}{below}{bar}</div>'

"""HTML tables of figures, with right-aligned numbers, bars and links.

st.dataframe draws on a canvas: screen readers get raw values, and phones a second direction to scroll in. Text of
users is escaped here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from urllib.parse import urlencode

import streamlit as st

from ui.widgets import charts


@dataclass(frozen=True)
class Column:
    name: str
    is_number: bool = False


@dataclass(frozen=True)
class Link:
    """A link to a page of the menu, with its query parameters."""

    label: str
    page: str
    query: Mapping[str, str]


@dataclass(frozen=True)
class Bar:
    """A label with a bar below it for a share from 0 to 1; `is_full` makes the bar red."""

    label: str
    share: Decimal
    is_full: bool = False


@dataclass(frozen=True)
class TwoLineCell:
    """A label with a second, quieter line."""

    label: str
    below: str


Cell = str | Link | Bar | TwoLineCell


def number_column(name: str) -> Column:
    """Return a right-aligned column of numbers."""
    return Column(name, is_number=True)


def render(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    totals_row: Sequence[Cell] = (),
    *,
    is_header_visible: bool = True,
    is_scrollable: bool = False,
) -> None:
    """Render a table; `totals_row` is its footer. The caption is for screen readers only.

    Column names are too unless `is_header_visible`. A scrollable table keeps its header in place.
    """
    kind = "figures" + ("" if is_header_visible else " untitled") + (" long" if is_scrollable else "")
    # A scrollable region must be reachable by keyboard.
    focus = f' tabindex="0" role="region" aria-label="{escape(caption)}"' if is_scrollable else ""
    colors = charts.get_colors()
    style = ";".join(f"--{name}:{colors[name]}" for name in ("line", "full", "quiet", "grid", "ground"))
    head = "".join(f'<th scope="col"{_format_class_attribute(column)}>{escape(column.name)}</th>' for column in columns)
    body = "".join(_format_row_html(columns, row) for row in rows)
    foot = f"<tfoot>{_format_row_html(columns, totals_row)}</tfoot>" if totals_row else ""
    st.html(
        f'<div class="{kind}" style="{style}"{focus}><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"
    )


def _format_row_html(columns: Sequence[Column], cells: Sequence[Cell]) -> str:
    first, *others = (
        (_format_class_attribute(column), _format_cell_html(cell)) for column, cell in zip(columns, cells, strict=True)
    )
    header = f'<th scope="row"{first[0]}>{first[1]}</th>'
    return f"<tr>{header}{''.join(f'<td{attribute}>{html}</td>' for attribute, html in others)}</tr>"


def _format_class_attribute(column: Column) -> str:
    return ' class="number"' if column.is_number else ""


def _format_cell_html(cell: Cell) -> str:
    if isinstance(cell, Link):
        address = escape(f"/{cell.page}?{urlencode(cell.query)}")
        return f'<a href="{address}" target="_self">{escape(cell.label)}</a>'
    if isinstance(cell, Bar):
        width = f"{min(max(cell.share, Decimal(0)), Decimal(1)):.1%}"
        kind = "bar full" if cell.is_full else "bar"
        return f'{escape(cell.label)}<span class="{kind}"><span style="width:{width}"></span></span>'
    if isinstance(cell, TwoLineCell):
        return f'{escape(cell.label)}<span class="below">{escape(cell.below)}</span>'
    return escape(cell)

"""Figures as a real table: numbers at the right, bars that say their number too, rows that lead to what is behind them.

Drawn as HTML, because the grid of st.dataframe is a picture: a screen reader gets its raw values, and a phone a second
direction to scroll in. What users typed is escaped here.
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
    """Words that lead to a page of the menu, with the query that tells it what to show."""

    words: str
    page: str
    query: Mapping[str, str]


@dataclass(frozen=True)
class Bar:
    """Words over a share from 0 to 1 as a bar; `is_full` is the end of something, and red."""

    words: str
    share: Decimal
    is_full: bool = False


@dataclass(frozen=True)
class TwoLineCell:
    """Words with quieter ones below."""

    words: str
    below: str


Cell = str | Link | Bar | TwoLineCell


def number_column(name: str) -> Column:
    """A column of figures, at the right."""
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
    """Draws it, with `foot` as its line of sums. The caption is for who cannot see what stands above the table, and so
    are the columns' names where nobody else needs them (`is_titled`). A long table scrolls under its head."""
    kind = "figures" + ("" if is_header_visible else " untitled") + (" long" if is_scrollable else "")
    # What scrolls must be reachable without a mouse.
    reach = f' tabindex="0" role="region" aria-label="{escape(caption)}"' if is_scrollable else ""
    colours = charts.get_colors()
    paint = ";".join(f"--{name}:{colours[name]}" for name in ("line", "full", "quiet", "grid", "ground"))
    head = "".join(f'<th scope="col"{_format_class_attribute(column)}>{escape(column.name)}</th>' for column in columns)
    body = "".join(_format_row_html(columns, row) for row in rows)
    sums = f"<tfoot>{_format_row_html(columns, totals_row)}</tfoot>" if totals_row else ""
    st.html(
        f'<div class="{kind}" style="{paint}"{reach}><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>{sums}</table></div>"
    )


def _format_row_html(columns: Sequence[Column], cells: Sequence[Cell]) -> str:
    named, *others = zip(columns, cells, strict=True)
    first = f'<th scope="row"{_format_class_attribute(named[0])}>{_format_cell_html(named[1])}</th>'
    return f"<tr>{first}{''.join(f'<td{_format_class_attribute(column)}>{_format_cell_html(cell)}</td>' for column, cell in others)}</tr>"


def _format_class_attribute(column: Column) -> str:
    return ' class="number"' if column.is_number else ""


def _format_cell_html(cell: Cell) -> str:
    if isinstance(cell, Link):
        address = escape(f"/{cell.page}?{urlencode(cell.query)}")
        return f'<a href="{address}" target="_self">{escape(cell.words)}</a>'
    if isinstance(cell, Bar):
        width = f"{min(max(cell.share, Decimal(0)), Decimal(1)):.1%}"
        kind = "bar full" if cell.is_full else "bar"
        return f'{escape(cell.words)}<span class="{kind}"><span style="width:{width}"></span></span>'
    if isinstance(cell, TwoLineCell):
        return f'{escape(cell.words)}<span class="below">{escape(cell.below)}</span>'
    return escape(cell)

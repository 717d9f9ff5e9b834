"""HTML tables of figures, with right-aligned numbers, bars and links.

st.dataframe draws on a canvas: screen readers get raw values, and phones a second direction to scroll in. Text of
users is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from html import escape

import streamlit as st


@dataclass(frozen=True)
class Column:
    name: str
    is_number: bool = False


@dataclass(frozen=True)
class Link:
    """A link to a page of the menu; `address` has its path and query."""

    label: str
    address: str


@dataclass(frozen=True)
class Bar:
    """A label with a bar below it for a share from 0 to 1, which is dark when `is_full`, and a quieter line."""

    label: str
    share: Decimal
    is_full: bool = False
    below: str = ""


@dataclass(frozen=True)
class TwoLineCell:
    """A label with a second, quieter line, unless that is empty."""

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
    **looks: bool,
) -> None:
    """Render a table; see `build`."""
    st.html(build(caption, columns, rows, totals_row, **looks))


def build(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    totals_row: Sequence[Cell] = (),
    *,
    is_header_visible: bool = True,
    is_scrollable: bool = False,
    is_stacked: bool = False,
    is_short: bool = False,
) -> str:
    """Return a table as HTML; `totals_row` is its footer. The caption is for screen readers only.

    Column names are too unless `is_header_visible`. A scrollable table keeps its header in place. On a phone, a stacked
    one has each row as a card whose cells say their column. A short one shows its first ten rows, and all on paper.
    """
    looks = {" untitled": not is_header_visible, " long": is_scrollable, " stacked": is_stacked, " short": is_short}
    kind = "figures" + "".join(name for name, is_on in looks.items() if is_on)
    # A scrollable region must be reachable by keyboard.
    focus = f' tabindex="0" role="region" aria-label="{escape(caption)}"' if is_scrollable else ""
    head = "".join(f'<th scope="col"{_format_class_attribute(column)}>{escape(column.name)}</th>' for column in columns)
    names = tuple(columns)
    body = "".join(_format_row_html(names, tuple(row)) for row in rows)
    foot = f"<tfoot>{_format_row_html(names, tuple(totals_row))}</tfoot>" if totals_row else ""
    return (
        f'<div class="{kind}"{focus}><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table></div>"
    )


@lru_cache(maxsize=2048)  # most rows are the same after a sale
def _format_row_html(columns: tuple[Column, ...], cells: tuple[Cell, ...]) -> str:
    first, *others = (
        (f'{_format_class_attribute(column)} data-title="{escape(column.name)}"', _format_cell_html(cell))
        for column, cell in zip(columns, cells, strict=True)
    )
    header = f'<th scope="row"{first[0]}>{first[1]}</th>'
    return f"<tr>{header}{''.join(f'<td{attribute}>{html}</td>' for attribute, html in others)}</tr>"


def _format_class_attribute(column: Column) -> str:
    return ' class="number"' if column.is_number else ""


def _format_cell_html(cell: Cell) -> str:
    if isinstance(cell, Link):
        return f'<a data-page="" href="{escape(cell.address)}" target="_self">{escape(cell.label)}</a>'
    if isinstance(cell, Bar):
        width = f"{min(max(cell.share, Decimal(0)), Decimal(1)):.1%}"
        kind = "bar full" if cell.is_full else "bar"
        below = f'<span class="below">{escape(cell.below)}</span>' if cell.below else ""
        return f'{escape(cell.label)}<span class="{kind}"><span style="width:{width}"></span></span>{below}'
    if isinstance(cell, TwoLineCell):
        below = f'<span class="below">{escape(cell.below)}</span>' if cell.below else ""
        return escape(cell.label) + below
    return escape(cell)

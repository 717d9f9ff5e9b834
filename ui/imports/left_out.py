"""Every column of a file, and the choice of a meaning for those that are left out and should not be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import streamlit as st

from ticketing.file_reader.columns import COLUMNS
from ticketing.imports import left_out_columns
from ticketing.imports.left_out_columns import FIELD_OF, SUBJECTS, LeftOutColumn, Meaning
from ticketing.imports.table import ColumnUse
from ui import text
from ui.imports.draft import ImportDraft
from ui.imports.labels import LABELS
from ui.widgets import forms

MEANING_LABELS: dict[Meaning, str] = {
    "refunded": "These sales were refunded",
    "failed": "These sales were canceled",
    "status": "Refunded or canceled, as the row says",
    "refund_rows": "These rows are refunds of other rows",
    "ignore": "Leave it out",
    "currency": "The currency of the amounts",
    "time_zone": "The time zone of the sale",
    "total_amount": "What was paid: take it as the total",
    "add_to_total": "Add it to the total",
}
IGNORE_LABELS = {"tax": "Included in the total: leave it out", "price": "Not what was paid: leave it out"}
USE_LABELS: dict[ColumnUse, str] = {
    "refunded": "Refunds",
    "failed": "Cancellations",
    "status": "Refunds and cancellations",
    "refund_rows": "Rows of refunds",
    "ignore": "Left out",
}
MAX_COLUMNS_SHOWN = 60


def find(draft: ImportDraft) -> tuple[LeftOutColumn, ...]:
    """Return the columns that need a decision under the fields as they are now."""
    columns = {column: draft.get_titles(column) for column in COLUMNS}
    if draft.left_out is None or draft.left_out[0] != columns:
        draft.left_out = columns, left_out_columns.find(draft.get_table(), columns)
    return draft.left_out[1]


def get_uses(draft: ImportDraft) -> dict[str, ColumnUse]:
    """Return what was chosen for the columns that no field takes."""
    return {column.title: use for column in find(draft) if (use := st.session_state.get(_get_key(draft, column.title)))}


def describe_missing(draft: ImportDraft) -> list[str]:
    """Return in words how many columns have no meaning yet, as an item of a list."""
    count = len(find(draft)) - len(get_uses(draft))
    return [f"the meaning of {text.format_count(count, 'left-out column')}"] if count else []


def render_questions(draft: ImportDraft) -> None:
    """Render a choice for each left-out column that speaks of refunds, other prices and the like."""
    found = find(draft)
    if not found:
        return
    saved = draft.mapping.uses if draft.mapping is not None else {}
    for column in found:
        st.session_state.setdefault(_get_key(draft, column.title), saved.get(column.title))
    with st.container(key="left_out_columns"):
        _render_columns(draft, found)


def _render_columns(draft: ImportDraft, found: Sequence[LeftOutColumn]) -> None:
    st.header("Left out, and perhaps important", anchor=False)
    columns = text.format_count(len(found), "column speaks", "columns speak")
    st.markdown(f"{columns} of refunds, taxes, other prices or the like, and no field takes them. Say what they mean.")
    if any("refunded" in column.meanings for column in found):
        forms.render_hint("A sale that was refunded only in part is imported as paid, with a warning.")
    for start in range(0, len(found), 2):
        for place, column in zip(st.columns(2, gap="medium"), found[start : start + 2], strict=False):
            with place.container(gap="xsmall"):
                _render_question(draft, column)
    open_columns = [column for column in found if not st.session_state.get(_get_key(draft, column.title))]
    if len(open_columns) > 1:
        st.button(
            f"Take the proposals for {text.format_count(len(open_columns), 'column')}",
            icon=":material/done_all:",
            on_click=_take_proposals,
            args=(draft, open_columns),
        )


def render_all_columns(draft: ImportDraft) -> None:
    """Render every column of the file with what it is taken as."""
    titles = draft.summary.titles
    taken: dict[str, list[str]] = {}
    for column in COLUMNS:
        for title in draft.get_titles(column):
            taken.setdefault(title, []).append(LABELS[column].partition(" (")[0])
    uses = get_uses(draft)
    rows = [
        {
            "Column of the file": text.escape_markdown(title),
            "Taken as": _format_place(taken.get(title, ()), uses.get(title)),
            "First values": " · ".join(map(text.escape_markdown, draft.summary.examples.get(title, ()))) or "Empty",
        }
        for title in titles
        if title in taken or title in draft.summary.examples
    ]
    empty = [title for title in titles if title not in taken and title not in draft.summary.examples]
    left_out = sum(title not in taken and uses.get(title, "ignore") == "ignore" for title in titles)
    st.header("Every column of the file", anchor=False)
    st.markdown(f"{text.format_count(len(titles), 'column')} · {left_out:,} left out")
    height: Literal["content"] | int = 1200 if len(rows) > MAX_COLUMNS_SHOWN else "content"
    with st.container(key=f"sentences_columns_{draft.id}", height=height, border=False):
        st.table(rows, border="horizontal", hide_index=True, alt="Every column of the file, and what it is taken as")
    if empty:
        forms.render_hint(f"Left out, and empty in all rows: {', '.join(map(text.escape_markdown, empty))}.")


def _format_place(labels: Sequence[str], use: ColumnUse | None) -> str:
    if labels:
        return ", ".join(labels)
    return f":gray[{USE_LABELS[use or 'ignore']}]" if use in (None, "ignore") else USE_LABELS[use]


def _render_question(draft: ImportDraft, column: LeftOutColumn) -> None:
    # The label is collapsed: screen readers read it as written, with the escapes that Markdown needs.
    examples = ", ".join(map(text.escape_markdown, column.examples))
    st.markdown(f"**{text.escape_markdown(column.title)}** :gray[· {SUBJECTS[column.kind]}]")
    rows = text.format_count(column.rows, "row")
    forms.render_hint(f"{examples} · {rows} · proposed: {_format_meaning(column, column.proposed).lower()}")
    key = _get_key(draft, column.title)
    st.selectbox(
        f"What {column.title} means",
        column.meanings,
        None,
        key=key,
        format_func=lambda meaning: _format_meaning(column, meaning),
        placeholder="Choose what it means",
        persist_state="session",
        label_visibility="collapsed",
        on_change=_take_field,
        args=(draft, column),
    )


def _format_meaning(column: LeftOutColumn, meaning: Meaning) -> str:
    label = IGNORE_LABELS.get(column.kind) if meaning == "ignore" else None
    return label or MEANING_LABELS[meaning]


def _take_proposals(draft: ImportDraft, columns: Sequence[LeftOutColumn]) -> None:
    for column in columns:
        st.session_state[_get_key(draft, column.title)] = column.proposed
        _take_field(draft, column)


def _take_field(draft: ImportDraft, column: LeftOutColumn) -> None:
    """Move a column to the field that was chosen for it; it is then no longer left out."""
    key = _get_key(draft, column.title)
    meaning: Meaning | None = st.session_state.get(key)
    if meaning is None or meaning not in FIELD_OF:
        return
    st.session_state[key] = None
    field = draft.get_key(f"columns_{FIELD_OF[meaning]}")
    others = st.session_state.get(field, []) if meaning == "add_to_total" else []
    st.session_state[field] = [*others, column.title]


def _get_key(draft: ImportDraft, title: str) -> str:
    return draft.get_key(f"use_{hashlib.sha256(title.encode()).hexdigest()[:16]}")

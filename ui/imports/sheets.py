"""The sheets of a workbook: which are imported, and what was read of a file in a way that may surprise."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ticketing.imports.table import Sheet
from ui import text
from ui.imports.draft import ImportDraft
from ui.widgets import forms


def format_file(draft: ImportDraft) -> str:
    """Return name, sheets and rows of a file as Markdown. Sheets are named when the workbook has others."""
    sheets = draft.table.sheets if draft.table is not None else ()
    read = [text.escape_markdown(sheet.name) for sheet in sheets if sheet.is_read]
    label = "sheet" if len(read) == 1 else "sheets"
    names = f" · {label} {', '.join(read)}" if len(sheets) > 1 else ""
    return f"**{text.escape_markdown(draft.file_name)}**{names} · {text.format_count(draft.summary.rows, 'row')}"


def render_notices(draft: ImportDraft) -> None:
    """Render what was left out of a file, or read in a way that may surprise.

    Sheets that are not read are named unless they can be chosen in this step.
    """
    table = draft.get_table()
    unread = [sheet for sheet in table.sheets if not sheet.is_read and draft.step != "file"]
    sentences = [*table.notices, *([_describe_unread(unread)] if unread else [])]
    if len(sentences) == 1:
        st.info(text.escape_markdown(sentences[0]), icon=":material/info:")
    elif sentences:
        st.info("\n".join(f"- {text.escape_markdown(each)}" for each in sentences), icon=":material/info:")


def render_sheet_choice(draft: ImportDraft) -> tuple[str, ...]:
    """Render a choice among the sheets with rows, and return those that can be imported together as chosen."""
    sheets = {sheet.name: sheet for sheet in draft.get_table().sheets}
    if len(sheets) < 2:
        return tuple(sheets)
    names = st.pills(
        "Sheets to import",
        list(sheets),
        selection_mode="multi",
        default=[sheet.name for sheet in sheets.values() if sheet.is_read],
        key=draft.get_key("sheets"),
        format_func=lambda name: _format_sheet(sheets[name]),
    )
    chosen = [sheet for name, sheet in sheets.items() if name in names]
    different = next((sheet for sheet in chosen if sheet.header_number != chosen[0].header_number), None)
    problem = ""
    if not chosen:
        problem = "Choose a sheet."
    elif different is not None:
        problem = f"{chosen[0].name} and {different.name} have different columns. Import them one after the other."
    forms.render_problem({"sheets": problem}, "sheets")
    return () if problem else tuple(sheet.name for sheet in chosen)


def _format_sheet(sheet: Sheet) -> str:
    hidden = " · hidden" if sheet.is_hidden else ""
    return f"{text.escape_markdown(sheet.name)} · {text.format_count(sheet.rows, 'row')}{hidden}"


def _describe_unread(sheets: Sequence[Sheet]) -> str:
    names = ", ".join(
        f"{sheet.name} ({text.format_count(sheet.rows, 'row')}{', hidden' if sheet.is_hidden else ''})"
        for sheet in sheets
    )
    return f"Not read: {'sheet' if len(sheets) == 1 else 'sheets'} {names}."

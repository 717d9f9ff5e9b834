"""The question whose an amount is: the row's, the whole order's, or that of one seat or item."""

from __future__ import annotations

import streamlit as st

from ticketing.file_reader.columns import AMOUNT_COLUMNS
from ticketing.imports import choices
from ticketing.imports.table import AmountScope
from ui import text
from ui.imports.draft import ImportDraft
from ui.widgets import forms

LABELS: dict[AmountScope, str] = {
    "row": "The amount of each row",
    "order": "The amount of the whole order, split over its rows",
    "unit": "The price of one, multiplied by the quantity",
}


def render_scope(draft: ImportDraft, column: str) -> None:
    """Render the choice where the column does not show whose its amounts are, by an amount from the file."""
    readings = draft.get_amount_readings(column)
    if len(readings.scopes) < 2:
        return
    where = "in all rows of an order" if "order" in readings.scopes else "in a row with a quantity"
    st.radio(
        f"What is {text.escape_markdown(readings.example)}, which is {where}?",
        readings.scopes,
        None,
        key=draft.get_key(f"amount_scope_{column}"),
        persist_state="session",
        format_func=lambda scope: LABELS.get(scope, ""),
    )
    if is_missing(draft, column):
        forms.render_problem({"scope": choices.MESSAGES["amount_scopes"]}, "scope")


def is_missing(draft: ImportDraft, column: str) -> bool:
    """Return whether staff have to choose whose the amounts of one of our columns are, and have not."""
    if column not in AMOUNT_COLUMNS or len(draft.get_amount_readings(column).scopes) < 2:
        return False
    return draft.get_amount_scope(column) is None

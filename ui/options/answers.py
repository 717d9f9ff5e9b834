"""The answers dialog of the options page: how often each answer was given, by package."""

from __future__ import annotations

import uuid

import streamlit as st

from ticketing import db
from ticketing.catalog import questions
from ticketing.catalog.events import Event
from ui import text
from ui.options.rows import format_answer
from ui.session import PageContext
from ui.widgets import forms, tables

_KIND = "option_answers"


def open_dialog(option_id: uuid.UUID) -> None:
    """Open the answers to the question of an option; for use as a callback."""
    forms.open_form(_KIND, option_id, 0, {})


def render(context: PageContext, event: Event) -> None:
    """Render the dialog while it is open."""
    forms.render_dialog(
        _KIND, "", "Answers", lambda form: _render_answers(context, event, form), event.time_zone, width="medium"
    )


def _render_answers(context: PageContext, event: Event, form: forms.FormState) -> None:
    assert form.id is not None
    with db.read_session() as s:
        question = questions.find(s, context.actor, event.id, form.id)
    if question is None:
        forms.render_close(form, "This option was deleted in the meantime.")
        return
    counts = text.format_count(question.answered, "purchase has", "purchases have")
    st.markdown(f"**{text.escape_markdown(question.first.label)}** · {counts} answered")
    answers = list(question.by_answer)
    columns = [
        tables.number_column(name) for name in ("Answered", *(format_answer(question, each) for each in answers))
    ]
    tables.render(
        f"Answers to {question.first.label}, by package",
        [tables.Column("Package"), *columns],
        [
            (
                tally.package_name if tally.is_active else tables.TwoLineCell(tally.package_name, "No longer asked"),
                f"{tally.answered:,}",
                *(f"{tally.by_answer.get(answer, 0):,}" for answer in answers),
            )
            for tally in question.tallies
        ],
        ("Total", f"{question.answered:,}", *(f"{times:,}" for times in question.by_answer.values())),
        is_scrollable=True,
    )
    forms.render_hint("Paid and pending purchases. Each answer is in its purchase and in the downloaded file.")
    forms.render_close(form)

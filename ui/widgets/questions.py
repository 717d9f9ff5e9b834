"""The field in which a question of a package is answered: at the box office, and when an answer is corrected."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ticketing.catalog import options
from ticketing.catalog.options import Option
from ui import text

EMPTY_ANSWERS: dict[str, Any] = {"boolean": None, "single_select": None, "multi_select": [], "text_input": ""}


def render(option: Option, key: str, *, stored: Any = None, initial: Any = None, **kept: Any) -> None:
    """Show the question with the answer that the session state has at `key`, as the API takes it, else with `initial`.

    `stored` is the answer before: a choice that was removed meanwhile is still offered, and text of several lines has
    room for them. `kept` is passed to the widget.
    """
    note = " (no longer asked)" if option.retired_at else "" if option.is_required else " (optional)"
    label = text.escape_markdown(option.label) + note
    given = stored if isinstance(stored, list) else [stored] if isinstance(stored, str) else []
    choices = list(dict.fromkeys([*(option.choices or []), *given]))
    match option.option_type:
        case "boolean":
            st.segmented_control(label, [True, False], default=initial, key=key, format_func=_format_yes_no, **kept)
        case "single_select":
            # A radio button cannot be cleared, so an optional question offers that as its last choice.
            skip = [] if option.is_required else [None]
            at = choices.index(initial) if initial in choices else None
            st.radio(label, [*choices, *skip], at, key=key, format_func=_format_choice, horizontal=True, **kept)
        case "multi_select":
            chosen = [choice for choice in initial or () if choice in choices] or None
            kept |= {"selection_mode": "multi", "default": chosen, "format_func": text.escape_markdown}
            st.pills(label, choices, key=key, **kept)
        case _:
            field = st.text_area if "\n" in (stored or "") else st.text_input
            field(label, initial or "", key=key, max_chars=options.MAX_ANSWER_LENGTH, **kept)


def _format_yes_no(answer: bool) -> str:
    return "Yes" if answer else "No"


def _format_choice(choice: str | None) -> str:
    return "No answer" if choice is None else text.escape_markdown(choice)

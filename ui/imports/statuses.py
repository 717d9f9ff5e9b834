"""The choice of our status for each word that a file uses."""

from __future__ import annotations

import streamlit as st

from ticketing.imports import status_names
from ui import text
from ui.imports.draft import ImportDraft

MAX_WORDS = 100


def render_statuses(draft: ImportDraft) -> None:
    """Render a choice of our status for each word of the file; those that are known are chosen already."""
    words = draft.count_status_words()
    if not words:
        return
    st.header("Match the statuses", anchor=False)
    if len(words) > MAX_WORDS:
        titles = " and ".join(map(text.escape_markdown, draft.get_titles("payment_status")))
        st.warning(
            f"These are {len(words):,} words, and only the first {MAX_WORDS} are shown. "
            f"Is {titles} the right column for statuses?"
        )
    shown = list(words.items())[:MAX_WORDS]
    for start in range(0, len(shown), 2):
        for place, (word, (written, rows)) in zip(st.columns(2, gap="medium"), shown[start : start + 2], strict=False):
            with place.container(gap="xsmall"):
                _render_choice(draft, word, written, rows)


def _render_choice(draft: ImportDraft, word: str, written: str, rows: int) -> None:
    # The label is collapsed: screen readers read it as written, with the escapes that Markdown needs.
    st.markdown(f"{text.escape_markdown(written)} :gray[· {text.format_count(rows, 'row')}]")
    key = draft.get_status_key(word)
    st.session_state.setdefault(key, draft.get_status(word))
    st.selectbox(
        f"Our status for {written}",
        status_names.CHOICES,
        None,
        key=key,
        format_func=_format_status,
        placeholder="Choose a status",
        persist_state="session",
        label_visibility="collapsed",
    )


def _format_status(status: str) -> str:
    return "Left out" if status == status_names.LEFT_OUT else text.STATUS_LABELS.get(status, "")

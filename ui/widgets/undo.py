"""A line that takes the last change back: there until the next thing that is done, and where the change is seen."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from ticketing import db
from ticketing.catalog import bulk_edit
from ticketing.catalog.bulk_edit import BulkEditRefused, EditEffect, PackageEdit
from ticketing.errors import TicketingError
from ui import text
from ui.session import PageContext
from ui.widgets import forms

_STATE_KEY = "undo"


@dataclass(frozen=True)
class Offer:
    """What was done to packages of an event, and the edits that would take it back."""

    event_id: uuid.UUID
    sentence: str
    edits: tuple[PackageEdit, ...]


def offer(event_id: uuid.UUID, sentence: str, edits: Sequence[PackageEdit]) -> None:
    """For a callback: the page says this once, with a way back."""
    st.session_state[_STATE_KEY] = Offer(event_id, sentence, tuple(edits))


def invert_effects(effects: Sequence[EditEffect], versions: Mapping[uuid.UUID, int]) -> list[PackageEdit]:
    """The edits that restore what these changed, as long as nobody changes the packages again."""
    return [
        PackageEdit(
            effect.package_id, versions[effect.package_id], {change.field: change.old for change in effect.changes}
        )
        for effect in effects
    ]


def render(context: PageContext, event_id: uuid.UUID) -> None:
    """The line, in the one run after the change; any other thing that is done draws the page without it."""
    offered: Offer | None = st.session_state.pop(_STATE_KEY, None)
    if offered is None or offered.event_id != event_id:
        return
    with st.container(border=True, horizontal=True, wrap=False, vertical_alignment="center", key="undo"):
        st.markdown(f":material/check_circle: {text.escape_markdown(offered.sentence)}", width="stretch")
        st.button("Undo", key="take_back", icon=":material/undo:", on_click=_undo, args=(context, offered))


def _undo(context: PageContext, offered_undo: Offer) -> None:
    try:
        db.write(lambda session: bulk_edit.update(session, context.actor, offered_undo.event_id, offered_undo.edits))
    except BulkEditRefused as refused:
        why = " ".join(dict.fromkeys(effect.problem for effect in refused.effects if effect.problem))
        forms.add_message(f"Not undone. {why}", icon=":material/error:")
    except TicketingError as refused:
        forms.add_message(f"Not undone. {refused}", icon=":material/error:")
    else:
        forms.add_message("Undone. It is as it was before.")

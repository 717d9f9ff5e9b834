"""Offer to undo the last bulk change of packages, until the next interaction."""

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
    """What was done to packages of an event, and the edits that undo it."""

    event_id: uuid.UUID
    sentence: str
    edits: tuple[PackageEdit, ...]


def offer(event_id: uuid.UUID, sentence: str, edits: Sequence[PackageEdit]) -> None:
    """Show `sentence` with an undo button in the next run. For callbacks."""
    st.session_state[_STATE_KEY] = Offer(event_id, sentence, tuple(edits))


def invert_effects(effects: Sequence[EditEffect], versions: Mapping[uuid.UUID, int]) -> list[PackageEdit]:
    """Return the edits that undo these effects. They are refused if a package changes again before."""
    return [
        PackageEdit(
            effect.package_id, versions[effect.package_id], {change.field: change.old for change in effect.changes}
        )
        for effect in effects
    ]


def render(context: PageContext, event_id: uuid.UUID) -> None:
    """Render the offer, only in the run after the change."""
    pending: Offer | None = st.session_state.pop(_STATE_KEY, None)
    if pending is None or pending.event_id != event_id:
        return
    with st.container(border=True, horizontal=True, wrap=False, vertical_alignment="center", key="undo"):
        st.markdown(f":material/check_circle: {text.escape_markdown(pending.sentence)}", width="stretch")
        st.button("Undo", key="take_back", icon=":material/undo:", on_click=_undo, args=(context, pending))


def _undo(context: PageContext, undo: Offer) -> None:
    try:
        db.write(lambda session: bulk_edit.update(session, context.actor, undo.event_id, undo.edits))
    except BulkEditRefused as error:
        reasons = " ".join(dict.fromkeys(effect.problem for effect in error.effects if effect.problem))
        forms.add_message(f"Not undone. {reasons}", icon=":material/error:")
    except TicketingError as error:
        forms.add_message(f"Not undone. {error}", icon=":material/error:")
    else:
        forms.add_message("Change undone.")

"""Offer to undo the last change, in a bar at the foot of the page, until the next change or for 10 minutes.

Undoing is a change of its own, which names the version that the undone one made: when somebody changed the same thing
since, it is refused with who that was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import streamlit as st

from ticketing import db
from ticketing.catalog import questions
from ticketing.catalog.bulk_edit import BulkEditRefused
from ticketing.catalog.questions import OptionsRefused
from ticketing.errors import StaleVersion, TicketingError
from ticketing.sales.corrections import UNDO_WINDOW
from ui import text
from ui.widgets import forms

T = TypeVar("T")
_DRAWER = "purchase"  # the form of ui/purchases/details.py


@dataclass(frozen=True)
class Offer:
    """What was done, and the work of one transaction that undoes it. `page` is where the offer is shown."""

    sentence: str
    work: Callable[[db.Session], object]
    page: str = ""
    expires_at: datetime = field(default_factory=lambda: datetime.now(UTC) + UNDO_WINDOW)


def offer(sentence: str, work: Callable[[db.Session], object]) -> None:
    """Show `sentence` with an undo button from the next run on. For callbacks. `sentence` is plain text."""
    st.session_state[forms.UNDO_KEY] = Offer(sentence, work)


def withdraw() -> None:
    """End the offer, as each further change does."""
    st.session_state.pop(forms.UNDO_KEY, None)


def take_snapshot(row: object, fields: Iterable[str]) -> dict[str, Any]:
    """Return the stored values of a record before it is changed, which would change the record in place."""
    return {name: getattr(row, name) for name in fields}


def list_old_values(before: Mapping[str, Any], row: object) -> dict[str, Any]:
    """Return the values of a snapshot that the record has no more: those that undo the change."""
    return {name: value for name, value in before.items() if value != getattr(row, name)}


def offer_edit(sentence: str, old: dict[str, Any], work: Callable[[db.Session, dict[str, Any]], object]) -> None:
    """Offer to give a record the values `old` again; say that nothing was changed when there are none."""
    if old:
        offer(sentence, lambda s: work(s, old))
    else:
        forms.add_message("Nothing was changed.")


def run(sentence: str, work: Callable[[db.Session], T], undo: Callable[[T, db.Session], object]) -> None:
    """Do the work of a button or menu, and offer to undo it; `undo` gets what `work` returned. For callbacks."""
    try:
        done = db.write(work)
    except TicketingError as refusal:
        forms.add_message(str(refusal), icon=":material/error:")
    else:
        offer(sentence, lambda s: undo(done, s))


def render(page: str) -> None:
    """Render the bar at the foot of the page where the change was made, unless a dialog that shows it is open.

    `page` names the page and its event.
    """
    pending = _find_offer()
    if pending is None or forms.find_form(_DRAWER) is not None:
        return
    if not pending.page:
        pending = st.session_state[forms.UNDO_KEY] = replace(pending, page=page)
    if pending.page != page:
        st.session_state.pop(forms.UNDO_KEY)
        return
    _render_bar(pending, "undo")


def render_inside() -> None:
    """Render the bar in the drawer of a purchase, for a change that was made there and leaves it open."""
    pending = _find_offer()
    if pending is not None and not pending.page:
        _render_bar(pending, "undo_inside")


def _find_offer() -> Offer | None:
    pending: Offer | None = st.session_state.get(forms.UNDO_KEY)
    if pending is not None and datetime.now(UTC) >= pending.expires_at:
        st.session_state.pop(forms.UNDO_KEY)
        return None
    return pending


def _render_bar(pending: Offer, key: str) -> None:
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key=key):
        st.markdown(f":material/check_circle: {text.escape_markdown(pending.sentence)}", width="stretch")
        st.button("Undo", key=f"{key}_button", icon=":material/undo:", on_click=_undo, args=(pending,))


def _undo(pending: Offer) -> None:
    """Undo the change if it is still the offered one: the second of two quick clicks finds none."""
    current: Offer | None = st.session_state.get(forms.UNDO_KEY)
    if current is None or current.work is not pending.work:
        return
    try:
        db.write(pending.work)
    except TicketingError as refusal:
        forms.add_message(f"Not undone. {_explain(refusal)}", icon=":material/error:")
    else:
        forms.add_message("Change undone.")


def _explain(refusal: TicketingError) -> str:
    """Return why nothing was undone; a conflict names who changed the same thing since."""
    if isinstance(refusal, StaleVersion):
        return f"{_join_people([change.by for change in refusal.changes])} changed it since."
    if isinstance(refusal, BulkEditRefused):
        return " ".join(dict.fromkeys(effect.problem for effect in refusal.effects if effect.problem))
    if isinstance(refusal, OptionsRefused):
        return questions.format_reasons(refusal.packages, _explain)
    return str(refusal)


def _join_people(names: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(names)) or "Somebody"

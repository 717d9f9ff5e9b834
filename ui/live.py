"""Notices sales made elsewhere: one cheap query per second and a half and server, however many pages are open."""

from __future__ import annotations

import threading
import time
import uuid

import streamlit as st

from ticketing import db, metrics, sales
from ticketing.errors import Unavailable
from ui.forms import hint

SECONDS_BETWEEN_LOOKS = 1.4
SECONDS_OF_INTEREST = 10

_lock = threading.Lock()
_looked_at = 0.0
_watched: dict[uuid.UUID, float] = {}
_states: dict[uuid.UUID, tuple[int, ...]] = {}


def state(event_id: uuid.UUID) -> tuple[int, ...] | None:
    """The event's mark (see sales.state), at most 1.5 seconds old; asked once for all pages of this server."""
    global _looked_at
    now = time.monotonic()
    with _lock:
        is_new = event_id not in _watched
        _watched[event_id] = now
        if is_new or now - _looked_at >= SECONDS_BETWEEN_LOOKS:
            for forgotten in [e for e, asked in _watched.items() if now - asked > SECONDS_OF_INTEREST]:
                del _watched[forgotten]
            metrics.WATCH_LOOKS.inc()
            with metrics.WATCH_FAILURES.count_exceptions(), db.reading() as session:
                _states.clear()
                _states.update(sales.state(session, set(_watched)))
            metrics.WATCH_LAST_LOOK.set_to_current_time()
            _looked_at = now
        return _states.get(event_id)


def rerun_on_change(event_id: uuid.UUID, *, paused: bool = False) -> None:
    """Call at the top of a page, before it reads: draws the page again within 3 seconds of a change elsewhere.

    The mark is taken before the page's own reading, so a sale between the two is shown twice rather than missed.
    `paused` while somebody fills in a form; what follows keeps its place on the page, and with it the focus.
    """
    with st.container(key="watch"):
        if not paused:
            _watch(event_id, state(event_id))


@st.fragment(run_every=1)
def _watch(event_id: uuid.UUID, shown: tuple[int, ...] | None) -> None:
    try:
        if state(event_id) != shown:
            st.rerun()
    except Unavailable:
        hint("The database does not answer; figures may be old.")

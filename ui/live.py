"""Notices sales made elsewhere: one cheap query per second and a half and server, however many pages are open."""

from __future__ import annotations

import threading
import time
import uuid

import streamlit as st

from ticketing import db, metrics, sales
from ticketing.errors import Unavailable
from ui import trouble, turns

SECONDS_BETWEEN_LOOKS = 1.4
SECONDS_OF_INTEREST = 10

_lock = threading.Lock()
_looked_at = 0.0
_watched: dict[uuid.UUID, float] = {}
_states: dict[uuid.UUID, tuple[int, ...]] = {}
_failed: Unavailable | None = None


def state(event_id: uuid.UUID) -> tuple[int, ...] | None:
    """The event's mark (see sales.state), at most 1.5 seconds old; asked once for all pages of this server.

    Raises Unavailable. While the database is away one page looks at a time; the others hear how the last look ended.
    """
    if not _lock.acquire(blocking=_failed is None):
        raise type(_failed or Unavailable())
    try:
        is_new = event_id not in _watched
        is_due = time.monotonic() - _looked_at >= SECONDS_BETWEEN_LOOKS
        _watched[event_id] = time.monotonic()
        if is_due or (is_new and _failed is None):
            _look()
        if _failed is not None:
            raise type(_failed)
        return _states.get(event_id)
    finally:
        _lock.release()


def _look() -> None:
    global _looked_at, _failed
    now = time.monotonic()
    for forgotten in [e for e, asked in _watched.items() if now - asked > SECONDS_OF_INTEREST]:
        del _watched[forgotten]
    metrics.WATCH_LOOKS.inc()
    try:
        with metrics.WATCH_FAILURES.count_exceptions(), db.reading() as session:
            found = sales.state(session, set(_watched))
    except Unavailable as away:
        _failed = away
    else:
        _states.clear()
        _states.update(found)
        _failed = None
        metrics.WATCH_LAST_LOOK.set_to_current_time()
    _looked_at = time.monotonic() if _failed else now


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
        is_another = state(event_id) != shown
    except Unavailable as away:
        if not trouble.is_told():
            trouble.keep_page(away)
    else:
        if (is_another or trouble.is_told()) and turns.wait():
            st.rerun()

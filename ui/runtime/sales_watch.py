"""Notices sales made elsewhere: one cheap query per second and a half and server, however many pages are open."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from ticketing import db, metrics
from ticketing.errors import Unavailable
from ticketing.reporting import figures
from ui.runtime import outage, redraw_queue, script_run

SECONDS_BETWEEN_LOOKS = 1.4
SECONDS_BETWEEN_TICKS = 1.0
SECONDS_OF_INTEREST = 10
NOTHING: tuple[int, ...] = ()


@dataclass
class Watch:
    """A page that follows an event, by the timer that has it drawn anew. What shows NOTHING has news at any time."""

    fragment_id: str
    event_id: uuid.UUID
    shown: tuple[int, ...] | None
    rang_at: float


_lock = threading.Lock()
_looked_at = 0.0
_watches: dict[str, Watch] = {}  # by Streamlit's session
_watched: dict[uuid.UUID, float] = {}  # by event, when it was last asked for
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
        _watched[event_id] = time.monotonic()
        if _is_due() or (is_new and _failed is None):
            _look()
        if _failed is not None:
            raise type(_failed)
        return _states.get(event_id)
    finally:
        _lock.release()


def ring(session: str, fragment_id: str) -> Literal["news", "nothing", "look"]:
    """Notes that a timer of this session rang, and answers what for: its page shows an older mark than the last look
    found; it has nothing to do; or it is to look. Timers that follow no event, and all while the database is away, are
    to look. Asks memory alone, since it is asked on the event loop.
    """
    watch = _watches.get(session)
    if watch is None or watch.fragment_id != fragment_id:
        return "look"
    watch.rang_at = _watched[watch.event_id] = time.monotonic()
    if _failed is not None:
        return "look"
    if _states.get(watch.event_id) != watch.shown:
        return "news"
    return "look" if _is_due() else "nothing"


def _is_due() -> bool:
    return time.monotonic() - _looked_at >= SECONDS_BETWEEN_LOOKS


def _look() -> None:
    global _looked_at, _failed, _states
    now = time.monotonic()
    # Copies, because pages come and ring meanwhile.
    for forgotten in [e for e, asked in list(_watched.items()) if now - asked > SECONDS_OF_INTEREST]:
        del _watched[forgotten]
    for closed in [tab for tab, watch in list(_watches.items()) if now - watch.rang_at > SECONDS_OF_INTEREST]:
        del _watches[closed]
    metrics.WATCH_LOOKS.inc()
    try:
        with metrics.WATCH_FAILURES.count_exceptions(), db.reading() as session:
            found = figures.state(session, set(_watched))
    except Unavailable as away:
        _failed = away
    else:
        _states, _failed = found, None
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


@st.fragment(run_every=SECONDS_BETWEEN_TICKS)
def _watch(event_id: uuid.UUID, shown: tuple[int, ...] | None) -> None:
    watch = _watches[script_run.session_id()] = Watch(
        script_run.fragment_id(), event_id, shown, rang_at=time.monotonic()
    )
    try:
        is_another = state(event_id) != shown
    except Unavailable as away:
        watch.shown = NOTHING
        if not outage.is_told():
            outage.keep_page(away)
        return
    if is_another or outage.is_told():
        st.rerun()
    elif script_run.is_of_fragments():
        redraw_queue.end(script_run.session_id())

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

POLL_SECONDS = 1.4
TICK_SECONDS = 1.0
WATCH_EXPIRY_SECONDS = 10
NO_STATE: tuple[int, ...] = ()


@dataclass
class Watch:
    """A page that follows an event, by the timer that has it drawn anew. What shows NOTHING has news at any time."""

    fragment_id: str
    event_id: uuid.UUID
    shown_state: tuple[int, ...] | None
    last_tick_at: float


_lock = threading.Lock()
_last_poll_at = 0.0
_watches: dict[str, Watch] = {}  # by Streamlit's session
_last_requested_at: dict[uuid.UUID, float] = {}  # by event, when it was last asked for
_states: dict[uuid.UUID, tuple[int, ...]] = {}
_poll_error: Unavailable | None = None


def find_state(event_id: uuid.UUID) -> tuple[int, ...] | None:
    """The event's mark (see sales.state), at most 1.5 seconds old; asked once for all pages of this server.

    Raises Unavailable. While the database is away one page looks at a time; the others hear how the last look ended.
    """
    if not _lock.acquire(blocking=_poll_error is None):
        raise type(_poll_error or Unavailable())
    try:
        is_new = event_id not in _last_requested_at
        _last_requested_at[event_id] = time.monotonic()
        if _is_poll_due() or (is_new and _poll_error is None):
            _poll()
        if _poll_error is not None:
            raise type(_poll_error)
        return _states.get(event_id)
    finally:
        _lock.release()


def on_tick(session_id: str, fragment_id: str) -> Literal["news", "nothing", "look"]:
    """Notes that a timer of this session rang, and answers what for: its page shows an older mark than the last look
    found; it has nothing to do; or it is to look. Timers that follow no event, and all while the database is away, are
    to look. Asks memory alone, since it is asked on the event loop.
    """
    watch = _watches.get(session_id)
    if watch is None or watch.fragment_id != fragment_id:
        return "look"
    watch.last_tick_at = _last_requested_at[watch.event_id] = time.monotonic()
    if _poll_error is not None:
        return "look"
    if _states.get(watch.event_id) != watch.shown_state:
        return "news"
    return "look" if _is_poll_due() else "nothing"


def _is_poll_due() -> bool:
    return time.monotonic() - _last_poll_at >= POLL_SECONDS


def _poll() -> None:
    global _last_poll_at, _poll_error, _states
    now = time.monotonic()
    # Copies, because pages come and ring meanwhile.
    for forgotten in [e for e, asked in list(_last_requested_at.items()) if now - asked > WATCH_EXPIRY_SECONDS]:
        del _last_requested_at[forgotten]
    for closed in [tab for tab, watch in list(_watches.items()) if now - watch.last_tick_at > WATCH_EXPIRY_SECONDS]:
        del _watches[closed]
    metrics.WATCH_POLLS.inc()
    try:
        with metrics.WATCH_FAILURES.count_exceptions(), db.read_session() as session:
            found = figures.compute_fingerprints(session, set(_last_requested_at))
    except Unavailable as away:
        _poll_error = away
    else:
        _states, _poll_error = found, None
        metrics.WATCH_LAST_POLL.set_to_current_time()
    _last_poll_at = time.monotonic() if _poll_error else now


def rerun_on_change(event_id: uuid.UUID, *, paused: bool = False) -> None:
    """Call at the top of a page, before it reads: draws the page again within 3 seconds of a change elsewhere.

    The mark is taken before the page's own reading, so a sale between the two is shown twice rather than missed.
    `paused` while somebody fills in a form; what follows keeps its place on the page, and with it the focus.
    """
    with st.container(key="watch"):
        if not paused:
            _watch_event(event_id, find_state(event_id))


@st.fragment(run_every=TICK_SECONDS)
def _watch_event(event_id: uuid.UUID, shown_state: tuple[int, ...] | None) -> None:
    watch = _watches[script_run.session_id()] = Watch(
        script_run.fragment_id(), event_id, shown_state, last_tick_at=time.monotonic()
    )
    try:
        is_another = find_state(event_id) != shown_state
    except Unavailable as away:
        watch.shown_state = NO_STATE
        if not outage.is_banner_shown():
            outage.stop_with_banner(away)
        return
    if is_another or outage.is_banner_shown():
        st.rerun()
    elif script_run.is_fragment_run():
        redraw_queue.finish(script_run.session_id())

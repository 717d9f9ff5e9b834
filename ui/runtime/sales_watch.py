"""Notice sales made elsewhere: one cheap query per server every 1.5 seconds, however many pages are open."""

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
    """A page that follows an event, and the fragment whose timer redraws it.

    `shown_state` is the state of the event that the page shows; NO_STATE differs from every state.
    """

    fragment_id: str
    event_id: uuid.UUID
    shown_state: tuple[int, ...] | None
    last_tick_at: float


_lock = threading.Lock()
_last_poll_at = 0.0
_watches: dict[str, Watch] = {}  # by session id
_last_requested_at: dict[uuid.UUID, float] = {}  # by event id
_states: dict[uuid.UUID, tuple[int, ...]] = {}  # by event id, as of the last poll
_poll_error: Unavailable | None = None


def find_state(event_id: uuid.UUID) -> tuple[int, ...] | None:
    """Return the event's state (see figures.compute_fingerprints), at most 1.5 seconds old.

    Polls for all pages of this server if a poll is due. Raises Unavailable; during an outage one page polls at a time,
    and the others raise the error of the last poll.
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


def on_tick(session_id: str, fragment_id: str) -> Literal["changed", "unchanged", "poll_due"]:
    """Record a tick of this session, and return what its page has to do.

    "changed": redraw, because the last poll found another state than the page shows. "unchanged": nothing.
    "poll_due": run the fragment; also for timers that follow no event, and for all during an outage.
    Reads memory only, because it runs on the event loop.
    """
    watch = _watches.get(session_id)
    if watch is None or watch.fragment_id != fragment_id:
        return "poll_due"
    watch.last_tick_at = _last_requested_at[watch.event_id] = time.monotonic()
    if _poll_error is not None:
        return "poll_due"
    if _states.get(watch.event_id) != watch.shown_state:
        return "changed"
    return "poll_due" if _is_poll_due() else "unchanged"


def _is_poll_due() -> bool:
    return time.monotonic() - _last_poll_at >= POLL_SECONDS


def _poll() -> None:
    global _last_poll_at, _poll_error, _states
    now = time.monotonic()
    # Iterate over copies, because other threads add pages and ticks meanwhile.
    for event_id in [key for key, at in list(_last_requested_at.items()) if now - at > WATCH_EXPIRY_SECONDS]:
        del _last_requested_at[event_id]
    for session_id in [key for key, watch in list(_watches.items()) if now - watch.last_tick_at > WATCH_EXPIRY_SECONDS]:
        del _watches[session_id]
    metrics.WATCH_POLLS.inc()
    try:
        with metrics.WATCH_FAILURES.count_exceptions(), db.read_session() as session:
            states = figures.compute_fingerprints(session, set(_last_requested_at))
    except Unavailable as error:
        _poll_error = error
    else:
        _states, _poll_error = states, None
        metrics.WATCH_LAST_POLL.set_to_current_time()
    _last_poll_at = time.monotonic() if _poll_error else now


def rerun_on_change(event_id: uuid.UUID, *, paused: bool = False) -> None:
    """Redraw this page within 3 seconds of a change elsewhere. Call at the top of a page, before it reads.

    The state is taken before the page reads, so a sale in between is shown twice, never missed. `paused` is for pages
    with an open form; the container stays, so that the elements below keep their place and the focus.
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
        is_changed = find_state(event_id) != shown_state
    except Unavailable as error:
        watch.shown_state = NO_STATE
        if not outage.is_banner_shown():
            outage.stop_with_banner(error)
        return
    if is_changed or outage.is_banner_shown():
        st.rerun()
    elif script_run.is_fragment_run():
        redraw_queue.finish(script_run.session_id())

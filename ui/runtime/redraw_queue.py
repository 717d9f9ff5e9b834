"""Queue background redraws so that user interactions keep priority (docs/decisions/0019).

Pages that a sale elsewhere changes are redrawn one at a time. All at once, each would take as long as all of them, and
so would every click. Everything here runs on the event loop, except `track_run` and `finish`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ui.runtime import script_run

MAX_REDRAW_SECONDS = 2.0
MAX_WAIT_SECONDS = 10.0

_loop: asyncio.AbstractEventLoop | None = None
_queue: dict[str, tuple[float, Callable[[], None]]] = {}  # (queued at, redraw) by session id, the next one first
_current_session: str | None = None  # the session whose redraw is running
_timeout_handle: asyncio.TimerHandle | None = None
_running_since: dict[str, float] = {}  # by session id, for redraws and clicks


def enqueue(session_id: str, redraw: Callable[[], None]) -> None:
    """Call `redraw` when it is this session's turn, at once if no script runs.

    A session that is already queued keeps its place, with the newer `redraw`.
    """
    global _loop
    _loop = asyncio.get_running_loop()
    if session_id != _current_session:
        queued_at, _ = _queue.get(session_id, (time.monotonic(), None))
        _queue[session_id] = queued_at, redraw
        _start_next()


def discard(session_id: str) -> None:
    """Remove the session from the queue, because its page is redrawn anyway."""
    _queue.pop(session_id, None)


@contextmanager
def track_run() -> Iterator[None]:
    """Mark a run of the frame script, for a redraw or a click. The next redraw starts when it ends."""
    session = script_run.session_id()
    _running_since[session] = time.monotonic()
    try:
        yield
    finally:
        _running_since.pop(session, None)
        finish(session)


def finish(session_id: str) -> None:
    """End this session's redraw, if it has one, and start the next. Thread-safe."""
    if _loop is not None and not _loop.is_closed():  # it is closed when the server stops
        _loop.call_soon_threadsafe(_finish, session_id)


def _finish(session_id: str) -> None:
    global _current_session
    if _current_session == session_id and _timeout_handle is not None:
        _timeout_handle.cancel()
        _current_session = None
    _start_next()


def _start_next() -> None:
    global _current_session, _timeout_handle
    if _current_session is None and _queue and (not _is_any_run_active() or _is_next_overdue()):
        _current_session = next(iter(_queue))
        _, redraw = _queue.pop(_current_session)
        # A redraw that hangs, as on a slow database, must not block the queue.
        _timeout_handle = asyncio.get_running_loop().call_later(MAX_REDRAW_SECONDS, _finish, _current_session)
        redraw()


def _is_any_run_active() -> bool:
    """Runs that take longer than any page does are not counted: they wait for something."""
    return any(since > time.monotonic() - MAX_REDRAW_SECONDS for since in list(_running_since.values()))


def _is_next_overdue() -> bool:
    """Whether the next redraw waited so long that it starts even while scripts run."""
    queued_at, _ = next(iter(_queue.values()))
    return time.monotonic() - queued_at > MAX_WAIT_SECONDS

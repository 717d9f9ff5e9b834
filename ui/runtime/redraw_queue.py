"""Pages that are drawn anew because of a sale elsewhere take turns, and let those go first who are at work.

Drawn all at once, each would take as long as all of them, and so would somebody's click (docs/decisions/0019).
The line is kept on the event loop: nobody else calls what is here, but for `drawing` and `end`.
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
_queue: dict[str, tuple[float, Callable[[], None]]] = {}  # by Streamlit's session, with since when; the first is next
_current_session: str | None = None
_timeout_handle: asyncio.TimerHandle | None = None
_running_since: dict[str, float] = {}  # since when, by session: whose turn it is, and who clicked


def enqueue(session_id: str, redraw: Callable[[], None]) -> None:
    """Calls `draw` when it is this session's turn, at once when nobody draws.

    Who stands there already keeps the place and has the newer `draw` called.
    """
    global _loop
    _loop = asyncio.get_running_loop()
    if session_id != _current_session:
        since, _ = _queue.get(session_id, (time.monotonic(), None))
        _queue[session_id] = since, redraw
        _start_next()


def discard(session_id: str) -> None:
    """For a page that is drawn anyway."""
    _queue.pop(session_id, None)


@contextmanager
def track_run() -> Iterator[None]:
    """Around a run of the frame, for a turn or for a click: the next turn begins when it is over."""
    session = script_run.session_id()
    _running_since[session] = time.monotonic()
    try:
        yield
    finally:
        _running_since.pop(session, None)
        finish(session)


def finish(session_id: str) -> None:
    """Ends this session's turn, if it has one, and lets the next begin. For any thread."""
    if _loop is not None and not _loop.is_closed():  # as when the server stops
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
        _, draw = _queue.pop(_current_session)
        # As with a database that hangs: who holds a turn for too long has lost it.
        _timeout_handle = asyncio.get_running_loop().call_later(MAX_REDRAW_SECONDS, _finish, _current_session)
        draw()


def _is_any_run_active() -> bool:
    """Who takes as long as no page does is not counted: that one waits for something."""
    return any(since > time.monotonic() - MAX_REDRAW_SECONDS for since in list(_running_since.values()))


def _is_next_overdue() -> bool:
    """Where clicks leave no time, figures must still come, however late."""
    since, _ = next(iter(_queue.values()))
    return time.monotonic() - since > MAX_WAIT_SECONDS

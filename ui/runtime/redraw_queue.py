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

LONGEST_TURN = 2.0
LONGEST_WAIT = 10.0

_loop: asyncio.AbstractEventLoop | None = None
_line: dict[str, tuple[float, Callable[[], None]]] = {}  # by Streamlit's session, with since when; the first is next
_turn: str | None = None
_takes_too_long: asyncio.TimerHandle | None = None
_drawing: dict[str, float] = {}  # since when, by session: whose turn it is, and who clicked


def stand_in_line(session: str, draw: Callable[[], None]) -> None:
    """Calls `draw` when it is this session's turn, at once when nobody draws.

    Who stands there already keeps the place and has the newer `draw` called.
    """
    global _loop
    _loop = asyncio.get_running_loop()
    if session != _turn:
        since, _ = _line.get(session, (time.monotonic(), None))
        _line[session] = since, draw
        _begin()


def leave(session: str) -> None:
    """For a page that is drawn anyway."""
    _line.pop(session, None)


@contextmanager
def drawing() -> Iterator[None]:
    """Around a run of the frame, for a turn or for a click: the next turn begins when it is over."""
    session = script_run.session_id()
    _drawing[session] = time.monotonic()
    try:
        yield
    finally:
        _drawing.pop(session, None)
        end(session)


def end(session: str) -> None:
    """Ends this session's turn, if it has one, and lets the next begin. For any thread."""
    if _loop is not None and not _loop.is_closed():  # as when the server stops
        _loop.call_soon_threadsafe(_end, session)


def _end(session: str) -> None:
    global _turn
    if _turn == session and _takes_too_long is not None:
        _takes_too_long.cancel()
        _turn = None
    _begin()


def _begin() -> None:
    global _turn, _takes_too_long
    if _turn is None and _line and (not _is_anybody_drawing() or _has_waited_too_long()):
        _turn = next(iter(_line))
        _, draw = _line.pop(_turn)
        # As with a database that hangs: who holds a turn for too long has lost it.
        _takes_too_long = asyncio.get_running_loop().call_later(LONGEST_TURN, _end, _turn)
        draw()


def _is_anybody_drawing() -> bool:
    """Who takes as long as no page does is not counted: that one waits for something."""
    return any(since > time.monotonic() - LONGEST_TURN for since in list(_drawing.values()))


def _has_waited_too_long() -> bool:
    """Where clicks leave no time, figures must still come, however late."""
    since, _ = next(iter(_line.values()))
    return time.monotonic() - since > LONGEST_WAIT

"""Pages that are drawn anew because of a sale elsewhere take turns.

Drawn all at once, each would take as long as all of them, and so would the click of somebody who is at work
(docs/decisions/0019).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from ui import runs

PAUSE = 0.03  # of what drawing took, for each page that waits; it belongs to who is at work
LONGEST_TURN = 2.0
LONGEST_WAIT = 10.0
SECONDS_BETWEEN_CHECKS = 0.25

_changing = threading.Condition()
# Whose it is, by Streamlit's session. Not kept in its state: to ask that may end the run, and the turn would be lost.
_turn: str | None = None
_next_begins = 0.0
_waiting = 0


def wait() -> bool:
    """For a fragment that wants the whole page drawn anew: True when it may, False when it has to ask again later.

    Who clicks while the page waits goes first: asking the session's state is where Streamlit ends a run for that.
    """
    global _waiting
    session, until = runs.session_id(), time.monotonic() + LONGEST_WAIT
    with _changing:
        _waiting += 1
    try:
        while not take(session):
            if time.monotonic() > until:
                return False
            st.session_state.get("turn")
        return True
    finally:
        with _changing:
            _waiting -= 1


@contextmanager
def ended() -> Iterator[None]:
    """Around a run of the frame: when it is over, the next page may be drawn."""
    began = time.monotonic()
    try:
        yield
    finally:
        end(runs.session_id(), time.monotonic() - began)


def take(session: str) -> bool:
    """Waits a moment for it. Who holds one for too long, as with a database that hangs, has lost it."""
    global _turn, _next_begins
    with _changing:
        if (left := _next_begins - time.monotonic()) > 0:
            _changing.wait(min(left, SECONDS_BETWEEN_CHECKS))
        if _next_begins > time.monotonic():
            return False
        _turn, _next_begins = session, time.monotonic() + LONGEST_TURN
        return True


def end(session: str, seconds: float) -> None:
    """Ends a turn in which drawing took so many seconds; one that was lost has ended before.

    The longer the line, the longer the pause: where not all can be drawn in time, clicks come first.
    """
    global _turn, _next_begins
    with _changing:
        if _turn == session:
            _turn, _next_begins = None, time.monotonic() + PAUSE * _waiting * seconds
            _changing.notify()

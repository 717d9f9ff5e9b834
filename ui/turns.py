"""Pages that are drawn anew because of a sale elsewhere take turns.

Drawn all at once, each would take as long as all of them, and so would the click of somebody who is at work: with 40
people and a sale a second a click took up to 7 seconds, and takes half of one with turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

PAUSE = 0.25  # of what drawing took; it belongs to who is at work alone
LONGEST_TURN = 2.0
LONGEST_WAIT = 3.0
SECONDS_BETWEEN_CHECKS = 0.25
_TURN = "turn"

_changing = threading.Condition()
_turn: object | None = None
_next_begins = 0.0


def wait() -> bool:
    """For a fragment that wants the whole page drawn anew: True when it may, False when it has to ask again later.

    Who clicks while the page waits goes first: asking the session's state is where Streamlit ends a run for that.
    """
    turn, until = object(), time.monotonic() + LONGEST_WAIT
    while not take(turn):
        if time.monotonic() > until:
            return False
        st.session_state.get(_TURN)
    st.session_state[_TURN] = turn
    return True


@contextmanager
def ended() -> Iterator[None]:
    """Around a run of the frame: when it is over, the next page may be drawn."""
    began = time.monotonic()
    try:
        yield
    finally:
        if turn := st.session_state.pop(_TURN, None):
            end(turn, time.monotonic() - began)


def take(turn: object) -> bool:
    """Waits a moment for it. Who holds one for too long, as with a database that hangs, has lost it."""
    global _turn, _next_begins
    with _changing:
        if (left := _next_begins - time.monotonic()) > 0:
            _changing.wait(min(left, SECONDS_BETWEEN_CHECKS))
        if _next_begins > time.monotonic():
            return False
        _turn, _next_begins = turn, time.monotonic() + LONGEST_TURN
        return True


def end(turn: object, seconds: float) -> None:
    """Ends a turn in which drawing took so many seconds; one that was lost has ended before."""
    global _turn, _next_begins
    with _changing:
        if _turn is turn:
            _turn, _next_begins = None, time.monotonic() + PAUSE * seconds
            _changing.notify()

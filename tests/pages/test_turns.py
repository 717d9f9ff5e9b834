"""Pages that a sale elsewhere draws anew wait for each other and for clicks, but not for one that hangs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ui import runs, turns


@pytest.fixture(autouse=True)
def nobody_draws(monkeypatch):
    for name, value in {"_turn": None, "_takes_too_long": None, "_line": {}, "_drawing": {}, "_loop": None}.items():
        monkeypatch.setattr(turns, name, value)


@pytest.fixture
def drawn():
    """Whose turn it was, the last one last; who stands in line by `queue` is noted when called."""
    return []


def queue(drawn: list[str], *sessions: str) -> None:
    for session in sessions:
        turns.stand_in_line(session, lambda session=session: drawn.append(session))


def on_the_loop(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


async def seen(what: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not what():
            await asyncio.sleep(0.005)


def click(session: str, until: threading.Event, began: threading.Event) -> threading.Thread:
    """A run of a page in a thread, as Streamlit's are, that draws until it may end."""

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs, "session_id", lambda: session)
            with turns.drawing():
                began.set()
                until.wait(30)

    thread = threading.Thread(target=run)
    thread.start()
    began.wait(30)
    return thread


def test_one_page_is_drawn_at_a_time_in_the_order_in_which_they_came(drawn):
    async def work():
        queue(drawn, "first", "second", "third")
        for there, over in ((["first"], "first"), (["first", "second"], "second")):
            await asyncio.sleep(0)
            assert drawn == there
            turns.end(over)
            await seen(lambda there=there: len(drawn) > len(there))
        assert drawn == ["first", "second", "third"]

    on_the_loop(work)


def test_who_asks_again_keeps_the_place_and_is_drawn_once_with_what_was_asked_last(drawn):
    async def work():
        queue(drawn, "first", "second", "third")
        turns.stand_in_line("second", lambda: drawn.append("second, as of now"))
        turns.stand_in_line("first", lambda: drawn.append("first, though it is being drawn"))
        turns.end("first")
        await seen(lambda: len(drawn) == 2)
        turns.end("second")
        await seen(lambda: len(drawn) == 3)
        assert drawn == ["first", "second, as of now", "third"]

    on_the_loop(work)


def test_who_was_drawn_for_a_click_stands_in_line_no_more(drawn):
    async def work():
        queue(drawn, "first", "second", "third")
        turns.leave("second")
        turns.end("first")
        await seen(lambda: len(drawn) == 2)
        assert drawn == ["first", "third"]

    on_the_loop(work)


def test_no_turn_begins_while_a_click_is_drawn(drawn):
    async def work():
        may_end = threading.Event()
        at_work = click("at work", may_end, threading.Event())
        queue(drawn, "first")
        await asyncio.sleep(0)
        assert drawn == []
        may_end.set()
        await seen(lambda: drawn == ["first"])
        at_work.join()

    on_the_loop(work)


def test_a_click_that_hangs_holds_nobody_up(drawn, monkeypatch):
    async def work():
        may_end = threading.Event()
        hanging = click("hanging", may_end, threading.Event())
        monkeypatch.setattr(turns, "LONGEST_TURN", 0.0)
        queue(drawn, "first")
        assert drawn == ["first"]
        may_end.set()
        hanging.join()

    on_the_loop(work)


def test_who_waited_too_long_is_drawn_whatever_others_do(drawn, monkeypatch):
    async def work():
        may_end = threading.Event()
        at_work = click("at work", may_end, threading.Event())
        queue(drawn, "first")
        assert drawn == []
        monkeypatch.setattr(turns, "LONGEST_WAIT", 0.0)
        queue(drawn, "first")
        assert drawn == ["first"]
        may_end.set()
        at_work.join()

    on_the_loop(work)


def test_a_page_that_hangs_loses_its_turn_and_ends_nobody_elses(drawn, monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_TURN", 0.05)

    async def work():
        queue(drawn, "hanging", "second", "third")
        await seen(lambda: drawn == ["hanging", "second"])
        monkeypatch.setattr(turns, "LONGEST_TURN", 60)
        await seen(lambda: drawn == ["hanging", "second", "third"])
        turns.end("hanging")
        turns.end("second")
        queue(drawn, "fourth")
        await asyncio.sleep(0)
        assert drawn[-1] == "third", "the turn is the third's"
        turns.end("third")
        await seen(lambda: drawn[-1] == "fourth")

    on_the_loop(work)


def test_the_end_of_a_run_ends_its_turn_whatever_ended_it(drawn, monkeypatch):
    monkeypatch.setattr(runs, "session_id", lambda: "first")

    async def work():
        queue(drawn, "first", "second")
        with pytest.raises(ZeroDivisionError), turns.drawing():
            raise ZeroDivisionError
        await seen(lambda: drawn == ["first", "second"])

    on_the_loop(work)


def test_twenty_pages_are_drawn_one_after_the_other_by_threads_of_their_own():
    drawing, most = [], []

    async def work():
        def draw(session: str) -> None:
            def run() -> None:
                drawing.append(session)
                most.append(len(drawing))
                time.sleep(0.001)  # so that two at a time would meet
                drawing.remove(session)
                turns.end(session)

            threading.Thread(target=run).start()

        for session in map(str, range(20)):
            turns.stand_in_line(session, lambda session=session: draw(session))
        await seen(lambda: len(most) == 20)

    on_the_loop(work)
    assert set(most) == {1}

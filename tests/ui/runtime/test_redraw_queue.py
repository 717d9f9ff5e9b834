"""Pages that a sale elsewhere draws anew wait for each other and for clicks, but not for one that hangs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from ui.runtime import redraw_queue, script_run


@pytest.fixture(autouse=True)
def nobody_draws(monkeypatch):
    for name, value in {"_turn": None, "_takes_too_long": None, "_line": {}, "_drawing": {}, "_loop": None}.items():
        monkeypatch.setattr(redraw_queue, name, value)


@pytest.fixture
def drawn():
    """Whose turn it was, the last one last; who stands in line by `queue` is noted when called."""
    return []


def queue(drawn: list[str], *sessions: str) -> None:
    for session in sessions:
        redraw_queue.enqueue(session, lambda session=session: drawn.append(session))


async def seen(what: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not what():
            await asyncio.sleep(0.005)


def test_one_page_is_drawn_at_a_time_in_the_order_in_which_they_came(drawn):
    async def work():
        queue(drawn, "first", "second", "third")
        for there, over in ((["first"], "first"), (["first", "second"], "second")):
            await asyncio.sleep(0)
            assert drawn == there
            redraw_queue.finish(over)
            await seen(lambda there=there: len(drawn) > len(there))
        assert drawn == ["first", "second", "third"]

    asyncio.run(work())


def test_who_asks_again_keeps_the_place_and_is_drawn_once_with_what_was_asked_last(drawn):
    async def work():
        queue(drawn, "first", "second", "third")
        redraw_queue.enqueue("second", lambda: drawn.append("second, as of now"))
        redraw_queue.enqueue("first", lambda: drawn.append("first, though it is being drawn"))
        redraw_queue.finish("first")
        await seen(lambda: len(drawn) == 2)
        redraw_queue.finish("second")
        await seen(lambda: len(drawn) == 3)
        assert drawn == ["first", "second, as of now", "third"]

    asyncio.run(work())


def test_who_was_drawn_for_a_click_stands_in_line_no_more(drawn):
    async def work():
        queue(drawn, "first", "second", "third")
        redraw_queue.discard("second")
        redraw_queue.finish("first")
        await seen(lambda: len(drawn) == 2)
        assert drawn == ["first", "third"]

    asyncio.run(work())


def test_no_turn_begins_while_a_click_is_drawn(drawn):
    async def work():
        with redraw_queue.track_run():
            queue(drawn, "first")
            await asyncio.sleep(0)
            assert drawn == []
        await seen(lambda: drawn == ["first"])

    asyncio.run(work())


def test_a_click_that_hangs_holds_nobody_up(drawn, monkeypatch):
    async def work():
        with redraw_queue.track_run():
            monkeypatch.setattr(redraw_queue, "MAX_REDRAW_SECONDS", 0.0)
            queue(drawn, "first")
            assert drawn == ["first"]

    asyncio.run(work())


def test_who_waited_too_long_is_drawn_whatever_others_do(drawn, monkeypatch):
    async def work():
        with redraw_queue.track_run():
            queue(drawn, "first")
            assert drawn == []
            monkeypatch.setattr(redraw_queue, "MAX_WAIT_SECONDS", 0.0)
            queue(drawn, "first")
            assert drawn == ["first"]

    asyncio.run(work())


def test_a_page_that_hangs_loses_its_turn_and_ends_nobody_elses(drawn, monkeypatch):
    monkeypatch.setattr(redraw_queue, "MAX_REDRAW_SECONDS", 0.05)

    async def work():
        queue(drawn, "hanging", "second", "third")
        await seen(lambda: drawn == ["hanging", "second"])
        monkeypatch.setattr(redraw_queue, "MAX_REDRAW_SECONDS", 60)
        await seen(lambda: drawn == ["hanging", "second", "third"])
        redraw_queue.finish("hanging")
        redraw_queue.finish("second")
        queue(drawn, "fourth")
        await asyncio.sleep(0)
        assert drawn[-1] == "third", "the turn is the third's"
        redraw_queue.finish("third")
        await seen(lambda: drawn[-1] == "fourth")

    asyncio.run(work())


def test_the_end_of_a_run_ends_its_turn_whatever_ended_it(drawn, monkeypatch):
    monkeypatch.setattr(script_run, "session_id", lambda: "first")

    async def work():
        queue(drawn, "first", "second")
        with pytest.raises(ZeroDivisionError), redraw_queue.track_run():
            raise ZeroDivisionError
        await seen(lambda: drawn == ["first", "second"])

    asyncio.run(work())


def test_twenty_pages_are_drawn_one_after_the_other_by_threads_of_their_own():
    drawing, most, threads = [], [], []

    def draw(session: str) -> None:
        drawing.append(session)
        most.append(len(drawing))
        time.sleep(0.001)  # so that two at a time would meet
        drawing.remove(session)
        redraw_queue.finish(session)

    def begin(session: str) -> None:
        threads.append(threading.Thread(target=draw, args=[session]))
        threads[-1].start()

    async def work():
        for session in map(str, range(20)):
            redraw_queue.enqueue(session, lambda session=session: begin(session))
        await seen(lambda: len(most) == 20)
        for thread in threads:
            thread.join()

    asyncio.run(work())
    assert set(most) == {1}


def test_a_page_that_is_drawn_to_the_end_when_the_server_has_stopped_is_no_fault(drawn):
    async def work():
        queue(drawn, "first")

    asyncio.run(work())
    redraw_queue.finish("first")

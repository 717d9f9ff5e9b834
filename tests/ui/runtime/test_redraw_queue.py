"""Background redraws wait for each other and for clicks, but not for a run that hangs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from ui.runtime import redraw_queue, script_run


@pytest.fixture(autouse=True)
def empty_queue(monkeypatch):
    names = {"_current_session": None, "_timeout_handle": None, "_queue": {}, "_running_since": {}, "_loop": None}
    for name, value in names.items():
        monkeypatch.setattr(redraw_queue, name, value)


@pytest.fixture
def redrawn():
    """The sessions whose redraw was started, in order."""
    return []


def enqueue(redrawn: list[str], *sessions: str) -> None:
    for session in sessions:
        redraw_queue.enqueue(session, lambda session=session: redrawn.append(session))


async def wait_until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def test_pages_are_redrawn_one_at_a_time_in_order(redrawn):
    async def scenario():
        enqueue(redrawn, "first", "second", "third")
        for expected, session in ((["first"], "first"), (["first", "second"], "second")):
            await asyncio.sleep(0)
            assert redrawn == expected
            redraw_queue.finish(session)
            await wait_until(lambda expected=expected: len(redrawn) > len(expected))
        assert redrawn == ["first", "second", "third"]

    asyncio.run(scenario())


def test_queued_page_keeps_its_place_and_is_redrawn_once_with_latest_request(redrawn):
    async def scenario():
        enqueue(redrawn, "first", "second", "third")
        redraw_queue.enqueue("second", lambda: redrawn.append("second, latest request"))
        redraw_queue.enqueue("first", lambda: redrawn.append("first, during its redraw"))
        redraw_queue.finish("first")
        await wait_until(lambda: len(redrawn) == 2)
        redraw_queue.finish("second")
        await wait_until(lambda: len(redrawn) == 3)
        assert redrawn == ["first", "second, latest request", "third"]

    asyncio.run(scenario())


def test_click_removes_page_from_queue(redrawn):
    async def scenario():
        enqueue(redrawn, "first", "second", "third")
        redraw_queue.discard("second")
        redraw_queue.finish("first")
        await wait_until(lambda: len(redrawn) == 2)
        assert redrawn == ["first", "third"]

    asyncio.run(scenario())


def test_no_redraw_starts_during_a_click(redrawn):
    async def scenario():
        with redraw_queue.track_run():
            enqueue(redrawn, "first")
            await asyncio.sleep(0)
            assert redrawn == []
        await wait_until(lambda: redrawn == ["first"])

    asyncio.run(scenario())


def test_hanging_click_does_not_block_queue(redrawn, monkeypatch):
    async def scenario():
        with redraw_queue.track_run():
            monkeypatch.setattr(redraw_queue, "MAX_REDRAW_SECONDS", 0.0)
            enqueue(redrawn, "first")
            assert redrawn == ["first"]

    asyncio.run(scenario())


def test_overdue_redraw_starts_during_a_click(redrawn, monkeypatch):
    async def scenario():
        with redraw_queue.track_run():
            enqueue(redrawn, "first")
            assert redrawn == []
            monkeypatch.setattr(redraw_queue, "MAX_WAIT_SECONDS", 0.0)
            enqueue(redrawn, "first")
            assert redrawn == ["first"]

    asyncio.run(scenario())


def test_hanging_redraw_times_out_and_ends_no_other_redraw(redrawn, monkeypatch):
    monkeypatch.setattr(redraw_queue, "MAX_REDRAW_SECONDS", 0.05)

    async def scenario():
        enqueue(redrawn, "hanging", "second", "third")
        await wait_until(lambda: redrawn == ["hanging", "second"])
        monkeypatch.setattr(redraw_queue, "MAX_REDRAW_SECONDS", 60)
        await wait_until(lambda: redrawn == ["hanging", "second", "third"])
        redraw_queue.finish("hanging")
        redraw_queue.finish("second")
        enqueue(redrawn, "fourth")
        await asyncio.sleep(0)
        assert redrawn[-1] == "third", "the redraw of the third page is running"
        redraw_queue.finish("third")
        await wait_until(lambda: redrawn[-1] == "fourth")

    asyncio.run(scenario())


def test_run_that_raises_ends_its_redraw(redrawn, monkeypatch):
    monkeypatch.setattr(script_run, "session_id", lambda: "first")

    async def scenario():
        enqueue(redrawn, "first", "second")
        with pytest.raises(ZeroDivisionError), redraw_queue.track_run():
            raise ZeroDivisionError
        await wait_until(lambda: redrawn == ["first", "second"])

    asyncio.run(scenario())


def test_twenty_pages_in_threads_are_redrawn_one_at_a_time():
    running, counts, threads = [], [], []

    def redraw(session: str) -> None:
        running.append(session)
        counts.append(len(running))
        time.sleep(0.001)  # so that two at a time would overlap
        running.remove(session)
        redraw_queue.finish(session)

    def start(session: str) -> None:
        threads.append(threading.Thread(target=redraw, args=[session]))
        threads[-1].start()

    async def scenario():
        for session in map(str, range(20)):
            redraw_queue.enqueue(session, lambda session=session: start(session))
        await wait_until(lambda: len(counts) == 20)
        for thread in threads:
            thread.join()

    asyncio.run(scenario())
    assert set(counts) == {1}


def test_redraw_may_finish_after_server_stopped(redrawn):
    async def scenario():
        enqueue(redrawn, "first")

    asyncio.run(scenario())
    redraw_queue.finish("first")

"""Work that one thread does at a time: a few wait, and the others are refused at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.waiting import wait_until
from ticketing.errors import QueueFull
from ticketing.work_queue import MAX_WAITING, WorkQueue

pytestmark = pytest.mark.unit


class LeftThePage(Exception):
    """What Streamlit raises in the script of a page that its visitor leaves."""


@pytest.fixture
def queue():
    return WorkQueue("picture", retry_after=5)


def test_one_works_at_a_time_and_all_get_their_turn(queue):
    working, most = 0, 0

    def work(_: int) -> None:
        nonlocal working, most
        with queue.slot():
            working += 1
            most = max(most, working)
            working -= 1

    with ThreadPoolExecutor(1 + MAX_WAITING) as threads:
        list(threads.map(work, range(200)))
    assert (working, most) == (0, 1)


def test_four_wait_and_the_next_is_refused_at_once(queue):
    release, waiting = threading.Event(), []

    def work(number: int) -> None:
        with queue.slot(lambda: waiting.append(number)):
            release.wait(10)

    with ThreadPoolExecutor(1 + MAX_WAITING) as threads:
        threads.submit(work, 0)
        wait_until(lambda: queue._turn.locked())
        for number in range(1, 1 + MAX_WAITING):
            queue.check()
            threads.submit(work, number)
            wait_until(lambda number=number: number in waiting)
        with pytest.raises(QueueFull) as refusal:
            queue.check()
        with pytest.raises(QueueFull), queue.slot():
            pass
        release.set()
    assert refusal.value.retry_after == 5
    assert str(refusal.value) == (
        "Other pictures are waiting to be processed, so this picture was not taken. Try again in 5 seconds."
    )
    assert set(waiting) == {1, 2, 3, 4}
    with queue.slot():
        pass


def test_one_who_stops_waiting_or_fails_leaves_the_queue(queue):
    def leave() -> None:
        raise LeftThePage

    with queue.slot():
        for _ in range(2 * MAX_WAITING):
            with pytest.raises(LeftThePage), queue.slot(leave):
                pass
        queue.check()
    with pytest.raises(ZeroDivisionError), queue.slot():
        1 / 0  # noqa: B018
    with queue.slot():
        pass

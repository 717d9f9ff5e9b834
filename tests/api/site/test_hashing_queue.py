"""The queue of forms whose password is hashed: its bound, whose turn it is, and who is refused."""

from __future__ import annotations

import asyncio
import threading

import pytest

from api.site.hashing_queue import MAX_WAITING, HashingQueue, Lane, get_lane
from ticketing.access.passwords import MAX_CONCURRENT_HASHES
from ticketing.access.sign_in import Browser
from ticketing.errors import TooManySignIns

OFFICE, HOME, KNOWN = Lane("198.51.100.0/24", False), Lane("203.0.113.0/24", False), Lane("laptop", True)


class Crowd:
    """Work that waits in a queue whose threads are all taken until release()."""

    def __init__(self) -> None:
        self.queue = HashingQueue()
        self.order: list[str] = []
        self.refused: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._released = threading.Event()

    async def take_threads(self) -> None:
        for _ in range(MAX_CONCURRENT_HASHES):
            self.tasks.append(asyncio.create_task(self.queue.run(OFFICE, self._released.wait, 30)))
        await asyncio.sleep(0)

    async def add(self, lane: Lane, name: str) -> asyncio.Task[None]:
        async def enter() -> None:
            try:
                await self.queue.run(lane, self.order.append, name)
            except TooManySignIns:
                self.refused.append(name)

        task = asyncio.create_task(enter())
        self.tasks.append(task)
        for _ in range(3):
            await asyncio.sleep(0)
        return task

    async def release(self) -> None:
        self._released.set()
        await asyncio.wait_for(asyncio.gather(*self.tasks, return_exceptions=True), 30)


def run(scenario) -> Crowd:
    async def work() -> Crowd:
        crowd = Crowd()
        await crowd.take_threads()
        await scenario(crowd)
        await crowd.release()
        return crowd

    return asyncio.run(work())


def test_a_crowd_of_one_network_is_refused_beyond_the_bound():
    async def scenario(crowd):
        for number in range(60):
            await crowd.add(OFFICE, f"office {number}")

    crowd = run(scenario)
    assert crowd.order == [f"office {number}" for number in range(MAX_WAITING)]
    assert crowd.refused == [f"office {number}" for number in range(MAX_WAITING, 60)]


@pytest.mark.parametrize("lane", [HOME, KNOWN])
def test_another_network_takes_a_place_in_the_full_queue_and_the_second_turn(lane):
    async def scenario(crowd):
        for number in range(MAX_WAITING):
            await crowd.add(OFFICE, f"office {number}")
        await crowd.add(lane, "me")

    crowd = run(scenario)
    assert "me" in crowd.order[:3]
    assert len(crowd.order) == MAX_WAITING
    assert crowd.refused == [f"office {MAX_WAITING - 1}"]


def test_known_browser_takes_the_place_of_a_stranger_when_every_place_has_its_own_network():
    async def scenario(crowd):
        for number in range(MAX_WAITING):
            await crowd.add(Lane(f"10.0.{number}.0/24", False), str(number))
        await crowd.add(HOME, "stranger")
        await crowd.add(KNOWN, "known")

    crowd = run(scenario)
    assert "stranger" in crowd.refused
    assert "known" in crowd.order
    assert len(crowd.refused) == 2


def test_canceled_work_leaves_its_place():
    async def scenario(crowd):
        await crowd.add(OFFICE, "first")
        gone = await crowd.add(OFFICE, "gone")
        await crowd.add(OFFICE, "last")
        gone.cancel()

    crowd = run(scenario)
    assert sorted(crowd.order) == ["first", "last"]


def test_failed_work_frees_its_thread():
    async def work() -> list[bool]:
        queue = HashingQueue()

        def fail() -> None:
            raise ValueError("wrong")

        for _ in range(3 * MAX_CONCURRENT_HASHES):
            with pytest.raises(ValueError, match="wrong"):
                await queue.run(OFFICE, fail)
        return [await queue.run(OFFICE, bool, 1) for _ in range(3)]

    assert asyncio.run(work()) == [True] * 3


def test_lane_is_the_browser_if_known_and_else_its_network():
    assert get_lane(Browser("198.51.100.7")) == OFFICE
    assert get_lane(Browser("198.51.100.7", "laptop")) == KNOWN

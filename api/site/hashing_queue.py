"""The queue of forms whose password is hashed: bounded, and fair between the networks that send them.

A hash takes 64 MB and 0.2 s of two cores. A crowd waits here and not in the threads that all requests share.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeVar, TypeVarTuple, Unpack

from anyio import CapacityLimiter, to_thread

from ticketing.access.passwords import MAX_CONCURRENT_HASHES
from ticketing.access.sign_in import Browser
from ticketing.errors import TooManySignIns

MAX_WAITING = 24  # about 4 s


class Lane(NamedTuple):
    """Whose work waits together: a browser that signed in before, or all others of a network."""

    name: str
    is_known: bool


def get_lane(browser: Browser) -> Lane:
    return Lane(browser.id, True) if browser.id else Lane(browser.network, False)


Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class HashingQueue:
    """Run work in MAX_CONCURRENT_HASHES threads. Lanes take turns, so a lane with many waits for itself.

    For one event loop: no locks.
    """

    def __init__(self) -> None:
        self._threads = CapacityLimiter(MAX_CONCURRENT_HASHES)
        self._running = 0
        self._lanes: dict[Lane, deque[asyncio.Future[None]]] = {}  # none is empty; the next turn is the first one's

    async def run(self, lane: Lane, work: Callable[[Unpack[Arguments]], Result], *arguments: *Arguments) -> Result:
        """Return work(*arguments), run in a thread when it is this lane's turn. Raises TooManySignIns when it is full.

        When it is full, a lane with less waiting than another, or a known browser, takes the place of the last one of
        the longest lane.
        """
        await self._enter(lane)
        try:
            return await to_thread.run_sync(work, *arguments, limiter=self._threads)
        finally:
            self._leave()

    async def _enter(self, lane: Lane) -> None:
        if self._running < MAX_CONCURRENT_HASHES:
            self._running += 1
            return
        if sum(map(len, self._lanes.values())) >= MAX_WAITING:
            self._make_room(lane)
        turn = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(lane, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:
                self._leave()  # the turn came together with the cancellation
            elif turn in self._lanes.get(lane, ()):
                self._remove(lane, turn)
            raise

    def _leave(self) -> None:
        """Give the turn to the next lane, which then goes to the end."""
        self._running -= 1
        if not self._lanes:
            return
        lane, waiting = next(iter(self._lanes.items()))
        turn = waiting[0]
        self._remove(lane, turn)
        if waiting:
            self._lanes[lane] = self._lanes.pop(lane)
        self._running += 1
        turn.set_result(None)

    def _make_room(self, lane: Lane) -> None:
        """Refuse the last one of the longest lane if `lane` has less waiting, else raise TooManySignIns."""

        def weigh(other: Lane) -> int:
            """Return how many wait in a lane. Those of strangers count 2 more to a known browser."""
            return len(self._lanes[other]) + (2 if lane.is_known and not other.is_known else 0)

        longest = max(self._lanes, key=weigh, default=None)
        if longest is None or weigh(longest) <= len(self._lanes.get(lane, ())) + 1:
            raise TooManySignIns
        last = self._lanes[longest][-1]
        self._remove(longest, last)
        last.set_exception(TooManySignIns())

    def _remove(self, lane: Lane, turn: asyncio.Future[None]) -> None:
        self._lanes[lane].remove(turn)
        if not self._lanes[lane]:
            del self._lanes[lane]

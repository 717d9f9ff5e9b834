"""Queues for work that takes much memory or processor time: one caller works, a few wait, the others are refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from ticketing.errors import QueueFull

MAX_WAITING = 4
POLL_SECONDS = 0.25


class WorkQueue:
    """Lets one caller of this server work at a time. `noun` and `retry_after` (seconds) are for those it refuses."""

    def __init__(self, noun: str, *, retry_after: int) -> None:
        self._refusal = (noun, retry_after)
        self._turn = threading.Lock()
        self._count_lock = threading.Lock()
        self._waiting = 0

    def check(self) -> None:
        """Raise QueueFull when MAX_WAITING wait already, for a caller that has something to read first."""
        if self._waiting >= MAX_WAITING:
            raise QueueFull(*self._refusal)

    @contextmanager
    def slot(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Work alone inside this block. Raises QueueFull at once when MAX_WAITING wait already.

        `on_wait` is called a few times per second while the caller waits; an exception from it ends the wait.
        """
        if not self._turn.acquire(blocking=False):
            self._wait(on_wait)
        try:
            yield
        finally:
            self._turn.release()

    @asynccontextmanager
    async def async_slot(self) -> AsyncIterator[None]:
        """Work alone inside this block, like `slot`, and let the event loop go on while waiting."""
        if not self._turn.acquire(blocking=False):
            with self._count_waiting():
                while not self._turn.acquire(blocking=False):
                    await asyncio.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            self._turn.release()

    def count_callers(self) -> int:
        """Return how many work or wait now."""
        return self._waiting + self._turn.locked()

    def _wait(self, on_wait: Callable[[], None]) -> None:
        with self._count_waiting():
            on_wait()
            while not self._turn.acquire(timeout=POLL_SECONDS):
                on_wait()

    @contextmanager
    def _count_waiting(self) -> Iterator[None]:
        with self._count_lock:
            self.check()
            self._waiting += 1
        try:
            yield
        finally:
            with self._count_lock:
                self._waiting -= 1

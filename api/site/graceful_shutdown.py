"""SIGTERM: /healthz says so at once, and the server goes on for as long as a load balancer needs to notice."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from api.site import health
from ticketing import settings

log = logging.getLogger("ticketing.stopping")


@contextmanager
def delay_sigterm() -> Iterator[None]:
    """Inside, a first SIGTERM is passed on after TICKETDESK_DRAIN_SECONDS, a second one at once.

    For the main thread, which alone may say what a signal does; elsewhere (tests) it changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seconds = settings.load().drain_seconds
    loop, stop = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
    was_told = False

    def drain(number: int, frame: FrameType | None) -> None:
        nonlocal was_told
        wait = 0 if was_told else seconds
        was_told = True
        log.info("told to stop, and will in %s seconds", wait)
        assert callable(stop)
        loop.call_later(wait, stop, number, frame)

    def told(number: int, frame: FrameType | None) -> None:
        """May come in the middle of anything, so it leaves the work to the loop."""
        health.set_stopping(True)
        loop.call_soon_threadsafe(drain, number, frame)

    signal.signal(signal.SIGTERM, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, stop)
        health.set_stopping(False)

"""Graceful shutdown: after SIGTERM, /healthz fails at once while requests are served until the drain time is over."""

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
    """Pass a first SIGTERM on after TICKETDESK_DRAIN_SECONDS, and a second one at once.

    Changes nothing outside the main thread (tests), since only that may set signal handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seconds = settings.load().drain_seconds
    loop, stop = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
    is_draining = False

    def drain(number: int, frame: FrameType | None) -> None:
        nonlocal is_draining
        wait = 0 if is_draining else seconds
        is_draining = True
        log.info("received SIGTERM, stopping in %s seconds", wait)
        assert callable(stop)
        loop.call_later(wait, stop, number, frame)

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        """Leave the work to the event loop, since a signal interrupts any statement."""
        health.set_stopping(True)
        loop.call_soon_threadsafe(drain, number, frame)

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, stop)
        health.set_stopping(False)

"""The response of a download: limited in number, and begun only when the database delivers."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ticketing import metrics
from ticketing.access import rate_limits
from ticketing.actors import Actor
from ticketing.errors import RateLimited, TooManyDownloads
from ticketing.reporting import downloads
from ticketing.reporting.downloads import Download

# Each download holds a connection of its own to the database until its reader has everything.
MAX_DOWNLOADS = 8
MAX_DOWNLOADS_PER_PERSON = 2
# A client that reads a few bytes now and then never stalls (ui/runtime/stalled_readers.py), and PostgreSQL does not
# cancel a statement that waits for its client.
MAX_DOWNLOAD_SECONDS = 600
RETRY_AFTER_SECONDS = 5
TOO_MANY_OF_PERSON = (
    f"{MAX_DOWNLOADS_PER_PERSON} of your downloads are still running. Wait until one has ended, or cancel one."
)

log = logging.getLogger("ticketing.downloads")
_running: Counter[str | None] = Counter()

for kind in ("purchases", "guests", "audit-log", "purchases workbook", "guests workbook"):
    for outcome in ("complete", "canceled", "refused", "failed"):
        metrics.DOWNLOADS.labels(kind, outcome)


class StreamedCsv(StreamingResponse):
    """A CSV that is sent as the database delivers it, with the status 503 when the database does not."""

    def __init__(self, download: Download, kind: str, headers: Mapping[str, str]) -> None:
        super().__init__(iter(()), media_type="text/csv; charset=utf-8", headers=headers)
        self._kind = kind
        self._download = download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the CSV. Raises RateLimited, TooManyDownloads and Unavailable before anything is sent."""
        if scope["method"] == "HEAD":
            await self.stream_response(send)
            return
        await run(self._download.actor, self._kind, receive, partial(self._send_chunks, send))

    async def _send_chunks(self, send: Send) -> None:
        async with aclosing(downloads.stream(self._download)) as chunks:
            # The headers wait for the first chunk: once they are sent, a failure could only cut the file off.
            first = await anext(chunks)
            self.body_iterator = _prepend(first, chunks)
            await self.stream_response(send)


async def run(actor: Actor, kind: str, receive: Receive, send: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Send a download until it ends, the client disconnects, or MAX_DOWNLOAD_SECONDS are over.

    Raises RateLimited and TooManyDownloads before anything is sent.
    """
    with log_outcome(kind) as download:
        with hold_slot(actor):
            sending = asyncio.create_task(send())
            waiting = asyncio.create_task(_wait_until_disconnected(receive))
            try:
                ended, _ = await asyncio.wait(
                    (sending, waiting), timeout=MAX_DOWNLOAD_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                # The slot is free again only when the connection to the database is closed.
                is_sent = sending.done()
                for task in (sending, waiting):
                    task.cancel()
                await asyncio.gather(sending, waiting, return_exceptions=True)
        if not ended:  # the server closes the connection, since the response has no end
            log.warning("a client took more than %d seconds for a download and is disconnected", MAX_DOWNLOAD_SECONDS)
            return
        download.is_complete = is_sent
        await (sending if is_sent else waiting)


async def _wait_until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@dataclass
class Outcome:
    """Whether a download reached its end; otherwise the client left, or read nothing for too long."""

    is_complete: bool = False


@contextmanager
def log_outcome(kind: str) -> Iterator[Outcome]:
    """Log and count how a download ended: complete, canceled, refused by a limit, or failed."""
    download, outcome = Outcome(), "failed"
    try:
        yield download
        outcome = "complete" if download.is_complete else "canceled"
    except (RateLimited, TooManyDownloads):
        outcome = "refused"
        raise
    except asyncio.CancelledError:
        outcome = "canceled"
        raise
    finally:
        metrics.DOWNLOADS.labels(kind, outcome).inc()
        log.info("download of %s %s", kind, outcome, extra={"kind": kind, "outcome": outcome})


@contextmanager
def hold_slot(actor: Actor) -> Iterator[None]:
    """Count a download of this person while it runs. Raises RateLimited and TooManyDownloads.

    Counted in this process, since what the limits protect are its own connections. Only the event loop calls this.
    """
    person = rate_limits.caller_key(actor)
    with metrics.count_refusals():
        if person is not None and _running[person] >= MAX_DOWNLOADS_PER_PERSON:
            raise RateLimited(TOO_MANY_OF_PERSON, retry_after=RETRY_AFTER_SECONDS)
        if _running.total() >= MAX_DOWNLOADS:
            raise TooManyDownloads
    _running[person] += 1
    metrics.DOWNLOADS_RUNNING.inc()
    try:
        yield
    finally:
        metrics.DOWNLOADS_RUNNING.dec()
        _running[person] -= 1
        if not _running[person]:
            del _running[person]


async def _prepend(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk

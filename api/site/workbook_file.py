"""The response of a workbook: written in its turn, and sent as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.site import streamed_csv
from ticketing.reporting import workbooks
from ticketing.reporting.workbooks import WorkbookPlan

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHUNK_BYTES = 256 * 1024


class WorkbookFile(StreamingResponse):
    """An Excel workbook, refused when too many wait already, with the status 503 when the database does not deliver."""

    def __init__(self, plan: WorkbookPlan, kind: str, headers: Mapping[str, str]) -> None:
        super().__init__(iter(()), media_type=MEDIA_TYPE, headers=headers)
        self._plan = plan
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the workbook. Raises RateLimited, TooManyDownloads, QueueFull and Unavailable before that."""
        if scope["method"] == "HEAD":
            await self.stream_response(send)
            return
        kind = f"{self._kind} workbook"
        await streamed_csv.run(self._plan.download.actor, kind, receive, partial(self._send_file, send))

    async def _send_file(self, send: Send) -> None:
        async with workbooks.write(self._plan) as file:
            self.headers["content-length"] = str(file.stat().st_size)
            self.body_iterator = iterate_in_threadpool(_read(file))
            await self.stream_response(send)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk

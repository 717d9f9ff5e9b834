"""The response of a workbook: written in its turn, and sent as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from api.site import streamed_csv
from ticketing.reporting import workbooks
from ticketing.reporting.workbooks import WorkbookPlan

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class WorkbookFile(Response):
    """An Excel workbook, with the status 429 when too many wait already and 503 when the database does not deliver."""

    def __init__(self, plan: WorkbookPlan, kind: str, headers: Mapping[str, str]) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers=headers)
        self._plan = plan
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the workbook. Raises RateLimited, TooManyDownloads, QueueFull and Unavailable before that."""
        if scope["method"] == "HEAD":
            await super().__call__(scope, receive, send)
            return
        await streamed_csv.run(
            self._plan.download.actor, f"{self._kind} workbook", receive, partial(self._send_file, scope, receive, send)
        )

    async def _send_file(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with workbooks.write(self._plan) as path:
            headers = {name: value for name, value in self.headers.items() if name != "content-length"}
            await FileResponse(path, headers=headers, media_type=MEDIA_TYPE)(scope, receive, send)

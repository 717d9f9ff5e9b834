"""Limits on the size of request bodies and the time they take, checked as the body streams in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors


@dataclass(frozen=True)
class BodyLimit:
    """At most `max_bytes` within `seconds`. None: the code that reads the body has a limit of its own."""

    max_bytes: int | None
    seconds: float


FORM_LIMIT = BodyLimit(64 * 1024, 30)
JSON_LIMIT = BodyLimit(1024 * 1024, 30)
PICTURE_LIMIT = BodyLimit(None, 120)  # api/v1/images.py: 5 MB plus the multipart framing
UPLOAD_LIMIT = BodyLimit(None, 600)  # Streamlit: server.maxUploadSize
IMPORT_SECONDS = 600
IMPORT_PATHS = ("/tickets/imports", "/tickets/imports/check")
MAX_IMPORT_FRAMING_BYTES = 1024 * 1024  # beside the file: its mapping, the token, the multipart boundaries
# The rest of a refused body must not be read as the next request of the connection.
CLOSE_CONNECTION = {"Connection": "close"}


def get_limit(scope: Scope, upload_path: str, max_upload_bytes: int) -> BodyLimit:
    """Return the limit of a path. The content type does not count, since the caller chooses it."""
    path = scope["path"]
    if path.startswith(upload_path):
        return UPLOAD_LIMIT
    if not errors.is_api_path(path):
        return FORM_LIMIT
    if path.endswith(IMPORT_PATHS):
        return BodyLimit(max_upload_bytes + MAX_IMPORT_FRAMING_BYTES, IMPORT_SECONDS)
    return PICTURE_LIMIT if path.endswith("/image") else JSON_LIMIT


class BodyLimitMiddleware:
    """Answer 413 to a body that is too large, by Content-Length or as it arrives, and 408 to a slow one.

    A file of sales may have `max_upload_bytes`, as on the page.
    """

    def __init__(self, app: ASGIApp, upload_path: str, max_upload_bytes: int) -> None:
        self.app = app
        self._upload_path = upload_path
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = get_limit(scope, self._upload_path, self._max_upload_bytes)
        content_length = Headers(scope=scope).get("content-length", "")
        if limit.max_bytes is not None and content_length.isdecimal() and int(content_length) > limit.max_bytes:
            message = _too_large_message(limit.max_bytes)
            response = errors.error_response(scope, 413, "too_large", message, CLOSE_CONNECTION)
            await response(scope, receive, send)
        else:
            await self.app(scope, _LimitedBody(receive, limit).receive, send)


class _LimitedBody:
    """A body that raises HTTPException, which Starlette and FastAPI answer, when it exceeds its limit."""

    def __init__(self, receive: Receive, limit: BodyLimit) -> None:
        self._receive = receive
        self._limit = limit
        self._deadline = asyncio.get_running_loop().time() + limit.seconds
        self._received = 0
        self._is_complete = False

    async def receive(self) -> Message:
        if self._is_complete:
            return await self._receive()  # waits until the caller disconnects
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, _too_slow_message(self._limit.seconds), CLOSE_CONNECTION) from None
        self._received += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._limit.max_bytes is not None and self._received > self._limit.max_bytes:
            raise HTTPException(413, _too_large_message(self._limit.max_bytes), CLOSE_CONNECTION)
        return message


def _too_large_message(max_bytes: int) -> str:
    size = f"{max_bytes // (1024 * 1024)} MB" if max_bytes >= 1024 * 1024 else f"{max_bytes // 1024} kB"
    return f"This request is larger than {size}, so it was not read. Send less at a time."


def _too_slow_message(seconds: float) -> str:
    return f"The request did not arrive within {seconds:.0f} seconds, so nothing was changed. Send it again."

"""How large the body of a request may be and how long it may take, judged while it arrives and never collected."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors


@dataclass(frozen=True)
class BodyLimit:
    """`most` bytes within `seconds`; None where whoever reads the body counts it against a limit of its own."""

    most: int | None
    seconds: float


FORM_LIMIT = BodyLimit(64 * 1024, 30)
JSON_LIMIT = BodyLimit(1024 * 1024, 30)
PICTURE_LIMIT = BodyLimit(None, 120)  # api/pictures: 5 MB and what multipart puts around them
UPLOAD_LIMIT = BodyLimit(None, 600)  # Streamlit: server.maxUploadSize
# What is still on its way of a refused body is nobody's next request.
CLOSE_CONNECTION = {"Connection": "close"}


def get_limit(scope: Scope, upload_path: str) -> BodyLimit:
    """By the address, since what kind of body it is says only the caller."""
    path = scope["path"]
    if path.startswith(upload_path):
        return UPLOAD_LIMIT
    if errors.is_api_path(path):
        return PICTURE_LIMIT if path.endswith("/image") else JSON_LIMIT
    return FORM_LIMIT


class BodyLimitMiddleware:
    """ASGI middleware: too large is 413, before or while it arrives; too slow is 408."""

    def __init__(self, app: ASGIApp, upload_path: str) -> None:
        self.app = app
        self._upload_path = upload_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        bound = get_limit(scope, self._upload_path)
        announced = Headers(scope=scope).get("content-length", "")
        if bound.most is not None and announced.isdecimal() and int(announced) > bound.most:
            refused = errors.error_response(scope, 413, "too_large", _too_large_message(bound.most), CLOSE_CONNECTION)
            await refused(scope, receive, send)
        else:
            await self.app(scope, _LimitedBody(receive, bound).receive, send)


class _LimitedBody:
    """The body as it arrives. What goes too far ends in an HTTPException, which every part of the server answers."""

    def __init__(self, receive: Receive, bound: BodyLimit) -> None:
        self._receive = receive
        self._limit = bound
        self._deadline = asyncio.get_running_loop().time() + bound.seconds
        self._received = 0
        self._is_complete = False

    async def receive(self) -> Message:
        if self._is_complete:
            return await self._receive()  # waits for the caller to go away
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, _too_slow_message(self._limit.seconds), CLOSE_CONNECTION) from None
        self._received += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._limit.most is not None and self._received > self._limit.most:
            raise HTTPException(413, _too_large_message(self._limit.most), CLOSE_CONNECTION)
        return message


def _too_large_message(most: int) -> str:
    size = f"{most // (1024 * 1024)} MB" if most >= 1024 * 1024 else f"{most // 1024} kB"
    return f"This request is larger than {size}, so it was not read. Send less at once."


def _too_slow_message(seconds: float) -> str:
    return f"The request did not arrive within {seconds:.0f} seconds, so nothing was done. Send it again."

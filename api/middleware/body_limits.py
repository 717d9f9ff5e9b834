"""How large the body of a request may be and how long it may take, judged while it arrives and never collected."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors


@dataclass(frozen=True)
class Bound:
    """`most` bytes within `seconds`; None where whoever reads the body counts it against a limit of its own."""

    most: int | None
    seconds: float


FORM = Bound(64 * 1024, 30)
JSON = Bound(1024 * 1024, 30)
PICTURE = Bound(None, 120)  # api/pictures: 5 MB and what multipart puts around them
UPLOAD = Bound(None, 600)  # Streamlit: server.maxUploadSize
# What is still on its way of a refused body is nobody's next request.
CLOSE = {"Connection": "close"}


def bound_of(scope: Scope) -> Bound:
    """By the address, since what kind of body it is says only the caller."""
    path = scope["path"]
    if path.startswith("/_stcore/upload_file/"):
        return UPLOAD
    if errors.is_for_programs(path):
        return PICTURE if path.endswith("/image") else JSON
    return FORM


class Bounds:
    """ASGI middleware: too large is 413, before or while it arrives; too slow is 408."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        bound = bound_of(scope)
        announced = Headers(scope=scope).get("content-length", "")
        if bound.most is not None and announced.isdecimal() and int(announced) > bound.most:
            refused = errors.tell(scope, 413, "too_large", _too_large(bound.most), CLOSE)
            await refused(scope, receive, send)
        else:
            await self.app(scope, _Body(receive, bound).receive, send)


class _Body:
    """The body as it arrives. What goes too far ends in an HTTPException, which every part of the server answers."""

    def __init__(self, receive: Receive, bound: Bound) -> None:
        self._receive = receive
        self._bound = bound
        self._deadline = asyncio.get_running_loop().time() + bound.seconds
        self._received = 0
        self._is_whole = False

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()  # waits for the caller to go away
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, _too_slow(self._bound.seconds), CLOSE) from None
        self._received += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._bound.most is not None and self._received > self._bound.most:
            raise HTTPException(413, _too_large(self._bound.most), CLOSE)
        return message


def _too_large(most: int) -> str:
    size = f"{most // (1024 * 1024)} MB" if most >= 1024 * 1024 else f"{most // 1024} kB"
    return f"This request is larger than {size}, so it was not read. Send less at once."


def _too_slow(seconds: float) -> str:
    return f"The request did not arrive within {seconds:.0f} seconds, so nothing was done. Send it again."

"""Forged requests: what a cookie could authorise and changes something is taken from our own pages only."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from api.middleware import authentication

FOREIGN_ORIGIN_MESSAGE = "This was sent from another site, so nothing was done. Open Ticket Desk and try again."
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class CsrfMiddleware:
    """ASGI middleware for forms, Streamlit's uploads and its websocket.

    Streamlit itself lets pages of any port of localhost, and of any address of this machine, open its websocket, asks
    a service on the internet for one of those addresses, and refuses the name that a proxy did not pass on. So it is
    decided here, and Streamlit sees no origin.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_fine = not _needs_origin_check(scope) or authentication.is_same_origin(HTTPConnection(scope))
        if scope["type"] == "websocket":
            await (self._forward_websocket if is_fine else _close_websocket)(scope, receive, send)
        elif is_fine:
            await self.app(scope, receive, send)
        else:
            await errors.error_response(scope, 403, "foreign_origin", FOREIGN_ORIGIN_MESSAGE)(scope, receive, send)

    async def _forward_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        # In place, so that the log of the request sees where it goes (api/middleware/request_log.py).
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() != b"origin"]
        await self.app(scope, receive, send)


async def _close_websocket(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 4403})


def _needs_origin_check(scope: Scope) -> bool:
    """The HTTP interface below /api/v1 takes tokens and no cookie: another site has none to send."""
    if scope["type"] == "websocket":
        return True
    return scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not errors.is_api_path(scope["path"])

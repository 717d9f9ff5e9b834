"""CSRF protection: requests that a cookie authorizes and that change something must come from our own pages."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from api.middleware import authentication

FOREIGN_ORIGIN_MESSAGE = "This was sent from another site, so nothing was changed. Open Ticket Desk and try again."
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class CsrfMiddleware:
    """ASGI middleware that checks the origin of forms, Streamlit's uploads and its websocket.

    Streamlit's own check accepts every port of localhost and every address of this machine (one of which it asks a
    service on the internet for), and refuses the host name if a proxy does not pass it on. So the check is made here,
    and the Origin header is removed before Streamlit sees it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_allowed = not _needs_origin_check(scope) or authentication.is_same_origin(HTTPConnection(scope))
        if scope["type"] == "websocket":
            await (self._forward_websocket if is_allowed else _close_websocket)(scope, receive, send)
        elif is_allowed:
            await self.app(scope, receive, send)
        else:
            await errors.error_response(scope, 403, "foreign_origin", FOREIGN_ORIGIN_MESSAGE)(scope, receive, send)

    async def _forward_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Change the scope in place: the request log reads the route from it (api/middleware/request_log.py).
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() != b"origin"]
        await self.app(scope, receive, send)


async def _close_websocket(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 4403})


def _needs_origin_check(scope: Scope) -> bool:
    """Return whether a request could be forged. The API could not: it takes tokens, which other sites do not have."""
    if scope["type"] == "websocket":
        return True
    return scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not errors.is_api_path(scope["path"])

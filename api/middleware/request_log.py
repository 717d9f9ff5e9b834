"""Each request: its id, its line in the log, its place in the figures."""

from __future__ import annotations

import logging
import re
import time
import uuid

from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketing import logs, metrics

log = logging.getLogger("ticketing.requests")

REQUEST_ID_HEADER = "X-Request-Id"
REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{8,64}")
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
CLIENT_CLOSED_REQUEST = 499
# Asked every few seconds by machines, or some sixty times for one page.
UNLOGGED_PATHS = (
    "/healthz",
    "/livez",
    "/metrics",
    "/session/style.css",
    "/session/icon.svg",
)


class RequestLogMiddleware:
    """ASGI middleware, the outermost: everything that is logged inside carries what is known of the request."""

    def __init__(self, app: ASGIApp, unlogged_paths: tuple[str, ...]) -> None:
        self.app = app
        self._unlogged_paths = UNLOGGED_PATHS + unlogged_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = get_request_id(scope)
        seen = _ResponseObserver(request_id, send)
        with logs.log_context(lambda: _build_log_context(scope, request_id)):
            try:
                await self.app(scope, receive, seen.send)
            except BaseException:
                seen.status = seen.status or 500
                raise
            finally:
                seen.record(scope, is_logged=not scope["path"].startswith(self._unlogged_paths))


class _ResponseObserver:
    """What goes out for one request. A websocket counts while it is open; its status is 101 once it is accepted."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.status = 0
        self._request_id = request_id
        self._send = send
        self._started_at = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            MutableHeaders(scope=message)[REQUEST_ID_HEADER] = self._request_id
        elif message["type"] == "websocket.accept":
            self.status = 101
            metrics.WEBSOCKETS.inc()
        elif message["type"] == "websocket.close" and not self.status:
            self.status = 403  # what the server makes of a websocket that is closed before it was accepted
        await self._send(message)

    def record(self, scope: Scope, *, is_logged: bool) -> None:
        seconds = time.perf_counter() - self._started_at
        status, route = self.status or CLIENT_CLOSED_REQUEST, get_route(scope)
        method = scope["method"] if scope.get("method") in KNOWN_METHODS else "other"
        if scope["type"] == "websocket":
            method = "websocket"
        metrics.REQUESTS.labels(route, method, f"{status // 100}xx").inc()
        if status == 101:
            metrics.WEBSOCKETS.dec()
        else:
            metrics.REQUEST_SECONDS.labels(route).observe(seconds)
        if is_logged:
            milliseconds = round(seconds * 1000)
            told = {"method": method, "status": status, "milliseconds": milliseconds}
            log.info("%s %s %s in %s ms", method, route, status, milliseconds, extra=told)


def get_request_id(scope: Scope) -> str:
    """The caller's own id for the request where it is well formed, else a new one."""
    given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
    return given if REQUEST_ID_PATTERN.fullmatch(given) else uuid.uuid4().hex


def get_route(scope: Scope) -> str:
    """The address as it is declared, `/export/{event_id}/purchases.csv`: never what was typed in its place.

    What matched nothing of ours is Streamlit's, `/*`; what was turned away before it came to a route is `(refused)`.
    """
    route: BaseRoute | None = scope.get("route")
    if route is None:
        return "(refused)"
    declared = str(getattr(route, "path", ""))
    prefix = "/api/v1" if isinstance(route, APIRoute) else ""
    return prefix + declared.replace(":path}", "}") if declared else "/*"


def _build_log_context(scope: Scope, request_id: str) -> dict[str, str]:
    """Ids only. The guard and the router write into the scope whom they let in and where it went."""
    known = {"request": request_id, "route": get_route(scope)}
    if actor := scope.get("state", {}).get("actor"):
        known["actor"] = str(actor.staff_id)
    if event := _parse_event_id(str(scope.get("path_params", {}).get("event_id", ""))):
        known["event"] = event
    return known


def _parse_event_id(typed: str) -> str:
    try:
        return str(uuid.UUID(typed))
    except ValueError:
        return ""

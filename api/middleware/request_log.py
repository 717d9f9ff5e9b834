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

HEADER = "X-Request-Id"
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
CALLER_LEFT = 499
# Asked every few seconds by machines, or some sixty times for one page.
WITHOUT_A_LINE = (
    "/healthz",
    "/livez",
    "/metrics",
    "/static/",
    "/media/",
    "/component/",
    "/_stcore/health",
    "/_stcore/host-config",
    "/session/style.css",
    "/session/icon.svg",
)


class Requests:
    """ASGI middleware, the outermost: everything that is logged inside carries what is known of the request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = id_of(scope)
        seen = _Seen(request_id, send)
        with logs.about(lambda: _known(scope, request_id)):
            try:
                await self.app(scope, receive, seen.send)
            except BaseException:
                seen.status = seen.status or 500
                raise
            finally:
                seen.note(scope)


class _Seen:
    """What goes out for one request. A websocket counts while it is open; its status is 101 once it is accepted."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.status = 0
        self._request_id = request_id
        self._send = send
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            MutableHeaders(scope=message)[HEADER] = self._request_id
        elif message["type"] == "websocket.accept":
            self.status = 101
            metrics.WEBSOCKETS.inc()
        elif message["type"] == "websocket.close" and not self.status:
            self.status = 403  # what the server makes of a websocket that is closed before it was accepted
        await self._send(message)

    def note(self, scope: Scope) -> None:
        seconds = time.perf_counter() - self._began
        status, route = self.status or CALLER_LEFT, route_of(scope)
        method = scope["method"] if scope.get("method") in METHODS else "other"
        if scope["type"] == "websocket":
            method = "websocket"
        metrics.REQUESTS.labels(route, method, f"{status // 100}xx").inc()
        if status == 101:
            metrics.WEBSOCKETS.dec()
        else:
            metrics.REQUEST_SECONDS.labels(route).observe(seconds)
        if not scope["path"].startswith(WITHOUT_A_LINE):
            milliseconds = round(seconds * 1000)
            told = {"method": method, "status": status, "milliseconds": milliseconds}
            log.info("%s %s %s in %s ms", method, route, status, milliseconds, extra=told)


def id_of(scope: Scope) -> str:
    """The caller's own id for the request where it is well formed, else a new one."""
    given = Headers(scope=scope).get(HEADER, "")
    return given if WELL_FORMED.fullmatch(given) else uuid.uuid4().hex


def route_of(scope: Scope) -> str:
    """The address as it is declared, `/export/{event_id}/purchases.csv`: never what was typed in its place.

    What matched nothing of ours is Streamlit's, `/*`; what was turned away before it came to a route is `(refused)`.
    """
    route: BaseRoute | None = scope.get("route")
    if route is None:
        return "(refused)"
    declared = str(getattr(route, "path", ""))
    prefix = "/api/v1" if isinstance(route, APIRoute) else ""
    return prefix + declared.replace(":path}", "}") if declared else "/*"


def _known(scope: Scope, request_id: str) -> dict[str, str]:
    """Ids only. The guard and the router write into the scope whom they let in and where it went."""
    known = {"request": request_id, "route": route_of(scope)}
    if actor := scope.get("state", {}).get("actor"):
        known["actor"] = str(actor.staff_id)
    if event := _event_id(str(scope.get("path_params", {}).get("event_id", ""))):
        known["event"] = event
    return known


def _event_id(typed: str) -> str:
    try:
        return str(uuid.UUID(typed))
    except ValueError:
        return ""

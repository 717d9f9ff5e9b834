"""Request ids, one log line for each request, and the request metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid

from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.middleware.client_address import find_client_address
from ticketing import logs, metrics

log = logging.getLogger("ticketing.requests")

REQUEST_ID_HEADER = "X-Request-Id"
REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{8,64}")
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
CLIENT_CLOSED_REQUEST = 499
# Requested every few seconds by machines, or with every page.
UNLOGGED_PATHS = (
    "/healthz",
    "/livez",
    "/metrics",
    "/session/style.css",
    "/session/icon.svg",
)


class RequestLogMiddleware:
    """ASGI middleware: adds the request to the context of every log line that is written inside."""

    def __init__(self, app: ASGIApp, unlogged_paths: tuple[str, ...]) -> None:
        self.app = app
        self._unlogged_paths = UNLOGGED_PATHS + unlogged_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = get_request_id(scope)
        observer = _ResponseObserver(request_id, send)
        with logs.log_context(lambda: _build_log_context(scope, request_id)):
            try:
                await self.app(scope, receive, observer.send)
            except BaseException:
                observer.status = observer.status or 500
                raise
            finally:
                observer.record(scope, is_logged=not scope["path"].startswith(self._unlogged_paths))


class _ResponseObserver:
    """Watches what is sent for one request. The status of a websocket is 101 once it is accepted."""

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
            self.status = 403  # what uvicorn answers when a websocket is closed before it is accepted
        await self._send(message)

    def record(self, scope: Scope, *, is_logged: bool) -> None:
        """Count and log the request when it has ended."""
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
            fields = {"method": method, "status": status, "milliseconds": milliseconds}
            log.info("%s %s %s in %s ms", method, route, status, milliseconds, extra=fields)


def get_request_id(scope: Scope) -> str:
    """Return the X-Request-Id that the caller sent if it is well formed, else a new id."""
    sent_id = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
    return sent_id if REQUEST_ID_PATTERN.fullmatch(sent_id) else uuid.uuid4().hex


def get_route(scope: Scope) -> str:
    """Return the path as the route declares it, `/export/{event_id}/purchases.csv`, never as it was typed.

    Streamlit's paths are `/*`; a request that was refused before it reached a route is `(refused)`.
    """
    route: BaseRoute | None = scope.get("route")
    if route is None:
        return "(refused)"
    path = str(getattr(route, "path", ""))
    prefix = "/api/v1" if isinstance(route, APIRoute) else ""
    return prefix + path.replace(":path}", "}") if path else "/*"


def _build_log_context(scope: Scope, request_id: str) -> dict[str, str]:
    """Return the ids for log lines. Authentication and router write actor and event into the scope."""
    fields = {"request": request_id, "route": get_route(scope)}
    if client := find_client_address(scope):
        fields["client"] = client
    if actor := scope.get("state", {}).get("actor"):
        fields["actor"] = str(actor.staff_id)
    if event := _parse_event_id(str(scope.get("path_params", {}).get("event_id", ""))):
        fields["event"] = event
    return fields


def _parse_event_id(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return ""

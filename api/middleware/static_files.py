"""Scripts, styles and fonts of the pages: compressed once, instead of by Streamlit, which sends them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.compression import IMMUTABLE, REVALIDATED, CompressedBody

MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".woff2": "font/woff2",
}


class StaticFilesMiddleware:
    """ASGI middleware that answers the paths in `files`, and passes on all others.

    A middleware, because Streamlit reserves the path. No path of a request is joined to a folder: what is not in
    `files` is not served here. Paths in `replaced` have the name, and so the hash, of a file that ours replaces.
    """

    def __init__(self, app: ASGIApp, path: str, files: Mapping[str, Path], replaced: Mapping[str, Path]) -> None:
        self.app = app
        self._bodies = {url: _build_body(file, IMMUTABLE) for url, file in files.items()}
        self._bodies |= {url: _build_body(file, REVALIDATED) for url, file in replaced.items()}
        self._route = Route(f"{path}{{path:path}}", self._respond)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope["path"] not in self._bodies:
            await self.app(scope, receive, send)
            return
        scope["route"] = self._route  # the request metrics name it
        response = await self._respond(Request(scope))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        return await self._bodies[request.scope["path"]].respond(request.scope)


def _build_body(file: Path, cache_control: str) -> CompressedBody:
    return CompressedBody(file.read_bytes, MEDIA_TYPES[file.suffix], cache_control)

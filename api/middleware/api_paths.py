"""API addresses that never reach the API: Streamlit would answer them, with text or with its page."""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors


class ApiPathMiddleware:
    """ASGI middleware that answers problem details where `..`, NUL or a line break keeps a request from `mount`."""

    def __init__(self, app: ASGIApp, mount: Mount, is_refused: Callable[[str], bool]) -> None:
        self.app = app
        self._mount = mount
        self._is_refused = is_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_unreachable(scope):
            await errors.problem_response(404, "not_found", errors.UNKNOWN_ADDRESS_MESSAGE)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _is_unreachable(self, scope: Scope) -> bool:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{self._mount.path}/"):
            return False
        return self._is_refused(scope["path"]) or self._mount.matches(scope)[0] is Match.NONE

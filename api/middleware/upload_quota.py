"""A quota for files that pages upload, since Streamlit takes any number of them and keeps them in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from api.middleware.body_limits import CLOSE_CONNECTION
from ticketing.access import permissions

MEGABYTE = 1024 * 1024
MAX_FILES_PER_PAGE = 2
MAX_BYTES_PER_PAGE = 30 * MEGABYTE
MAX_BYTES_IN_ALL = 200 * MEGABYTE
RETRY_AFTER_SECONDS = 30  # files of closed tabs are freed by then (ui/runtime/uploads.py)
NOT_ALLOWED_MESSAGE = "This page takes no files from you. Open the page that does, and choose the file there."
TOO_MANY_FILES_MESSAGE = (
    f"An open page holds {MAX_FILES_PER_PAGE} files at most. Remove one, or reload the page and choose the file again."
)
TOO_LARGE_MESSAGE = (
    f"The files of an open page have {MAX_BYTES_PER_PAGE // MEGABYTE} MB at most. Remove one, or choose a smaller file."
)
SERVER_FULL_MESSAGE = "Too many files are being uploaded to this server. Try again in half a minute."


class UploadStore(Protocol):
    """What the pages know of uploads; ui/runtime/uploads.py."""

    def find_uploader(self, session_id: str) -> str | None: ...

    def list_sizes(self) -> dict[str, list[int]]: ...


@dataclass(frozen=True, eq=False)
class _ArrivingFile:
    session_id: str
    size: int


class UploadQuotaMiddleware:
    """ASGI middleware that refuses uploads of callers whose page has no uploader, and those over the quota.

    A file counts from the start of its request, with the length that it announces, or `max_upload_bytes` without one.
    """

    def __init__(self, app: ASGIApp, upload_path: str, max_upload_bytes: int, store: UploadStore) -> None:
        self.app = app
        self._pattern, _, _ = compile_path(f"{upload_path}{{session_id}}/{{file_id}}")
        self._max_upload_bytes = max_upload_bytes
        self._store = store
        self._arriving: set[_ArrivingFile] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = self._pattern.match(scope["path"]) if scope["type"] == "http" else None
        if match is None or scope["method"] not in ("PUT", "DELETE"):
            await self.app(scope, receive, send)
            return
        is_upload = scope["method"] == "PUT"
        file = _ArrivingFile(match["session_id"], self._get_size(scope) if is_upload else 0)
        response = self._find_refusal(scope, file, is_upload=is_upload)
        if response is not None:
            await response(scope, receive, send)
            return
        if is_upload:
            self._arriving.add(file)
        try:
            await self.app(scope, receive, send)
        finally:
            self._arriving.discard(file)

    def _get_size(self, scope: Scope) -> int:
        length = Headers(scope=scope).get("content-length", "")
        return int(length) if length.isdecimal() else self._max_upload_bytes

    def _find_refusal(self, scope: Scope, file: _ArrivingFile, *, is_upload: bool) -> Response | None:
        actor = scope["state"]["actor"]
        is_own = actor.session_id is not None and self._store.find_uploader(file.session_id) == str(actor.session_id)
        if not is_own or not permissions.is_allowed(actor, "change"):
            return errors.error_response(scope, 403, "not_allowed", NOT_ALLOWED_MESSAGE, CLOSE_CONNECTION)
        if not is_upload:
            return None
        kept = self._store.list_sizes()
        of_page = [
            *kept.get(file.session_id, []),
            *(each.size for each in self._arriving if each.session_id == file.session_id),
        ]
        if len(of_page) >= MAX_FILES_PER_PAGE:
            return errors.error_response(scope, 413, "too_many_files", TOO_MANY_FILES_MESSAGE, CLOSE_CONNECTION)
        if sum(of_page) + file.size > MAX_BYTES_PER_PAGE:
            return errors.error_response(scope, 413, "too_large", TOO_LARGE_MESSAGE, CLOSE_CONNECTION)
        in_all = sum(map(sum, kept.values())) + sum(each.size for each in self._arriving)
        if in_all + file.size > MAX_BYTES_IN_ALL:
            headers = CLOSE_CONNECTION | {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return errors.error_response(scope, 503, "uploads_full", SERVER_FULL_MESSAGE, headers)
        return None

"""A quota for files that pages upload, since Streamlit takes any number of them and keeps them in memory."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from api.middleware.body_limits import CLOSE_CONNECTION
from ticketing.access import permissions
from ticketing.actors import Actor

MEGABYTE = 1024 * 1024
MAX_FILES_PER_PAGE = 2
MAX_BYTES_PER_PAGE = 30 * MEGABYTE
MAX_BYTES_PER_PERSON = 40 * MEGABYTE
MAX_BYTES_IN_ALL = 75 * MEGABYTE
RETRY_AFTER_SECONDS = 30  # files of closed tabs are freed by then (ui/runtime/uploads.py)
NOT_ALLOWED_MESSAGE = "This page takes no files from you. Open the page that does, and choose the file there."
TOO_MANY_FILES_MESSAGE = (
    f"An open page holds {MAX_FILES_PER_PAGE} files at most. Remove one, or reload the page and choose the file again."
)
TOO_LARGE_MESSAGE = (
    f"The files of an open page have {MAX_BYTES_PER_PAGE // MEGABYTE} MB at most. Remove one, or choose a smaller file."
)
PERSON_FULL_MESSAGE = (
    f"Your open pages hold {MAX_BYTES_PER_PERSON // MEGABYTE} MB of files at most. Close other tabs with files, and "
    "choose the file again in half a minute."
)
SERVER_FULL_MESSAGE = "Too many files are being uploaded to this server. Try again in half a minute."


class UploadStore(Protocol):
    """What the pages know of uploads; ui/runtime/uploads.py."""

    def find_uploader(self, session_id: str) -> str | None: ...

    def list_sizes(self) -> dict[str, list[int]]: ...

    def report_refusal(self, session_id: str, sentence: str) -> None: ...


@dataclass(frozen=True, eq=False)
class _ArrivingFile:
    session_id: str
    staff_id: uuid.UUID | None
    size: int


@dataclass(frozen=True)
class _Refusal:
    """Why an upload is refused. `is_shown`: the page that sent it has an uploader, beside which it says so."""

    status: int
    code: str
    sentence: str
    is_shown: bool = True


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
        self._people: dict[str, uuid.UUID | None] = {}  # who uploaded, by the session of the tab

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = self._pattern.match(scope["path"]) if scope["type"] == "http" else None
        if match is None or scope["method"] not in ("PUT", "DELETE"):
            await self.app(scope, receive, send)
            return
        is_upload = scope["method"] == "PUT"
        actor = scope["state"]["actor"]
        file = _ArrivingFile(match["session_id"], actor.staff_id, self._get_size(scope) if is_upload else 0)
        refusal = self._find_refusal(actor, file, is_upload=is_upload)
        if refusal is not None:
            await _build_response(scope, refusal)(scope, receive, send)
            if refusal.is_shown:
                self._store.report_refusal(file.session_id, refusal.sentence)
            return
        if is_upload:
            self._arriving.add(file)
            self._people[file.session_id] = file.staff_id
        try:
            await self.app(scope, receive, send)
        finally:
            self._arriving.discard(file)

    def _get_size(self, scope: Scope) -> int:
        length = Headers(scope=scope).get("content-length", "")
        return int(length) if length.isdecimal() else self._max_upload_bytes

    def _find_refusal(self, actor: Actor, file: _ArrivingFile, *, is_upload: bool) -> _Refusal | None:
        is_own = actor.session_id is not None and self._store.find_uploader(file.session_id) == str(actor.session_id)
        if not is_own or not permissions.is_allowed(actor, "change"):
            return _Refusal(403, "not_allowed", NOT_ALLOWED_MESSAGE, is_shown=False)
        if not is_upload:
            return None
        sizes = self._list_sizes()
        of_page = sizes.get(file.session_id, [])
        if len(of_page) >= MAX_FILES_PER_PAGE:
            return _Refusal(413, "too_many_files", TOO_MANY_FILES_MESSAGE)
        if sum(of_page) + file.size > MAX_BYTES_PER_PAGE:
            return _Refusal(413, "too_large", TOO_LARGE_MESSAGE)
        of_person = sum(sum(sizes[tab]) for tab, staff_id in self._people.items() if staff_id == file.staff_id)
        if of_person + file.size > MAX_BYTES_PER_PERSON:
            return _Refusal(413, "too_large", PERSON_FULL_MESSAGE)
        if sum(map(sum, sizes.values())) + file.size > MAX_BYTES_IN_ALL:
            return _Refusal(503, "uploads_full", SERVER_FULL_MESSAGE)
        return None

    def _list_sizes(self) -> dict[str, list[int]]:
        """Return the bytes of each file that is kept or arriving, by tab, and forget who used tabs that have none."""
        sizes = {tab: list(kept) for tab, kept in self._store.list_sizes().items()}
        for file in self._arriving:
            sizes.setdefault(file.session_id, []).append(file.size)
        self._people = {tab: staff_id for tab, staff_id in self._people.items() if tab in sizes}
        return sizes


def _build_response(scope: Scope, refusal: _Refusal) -> Response:
    retry_after = {"Retry-After": str(RETRY_AFTER_SECONDS)} if refusal.status == 503 else {}
    return errors.error_response(scope, refusal.status, refusal.code, refusal.sentence, CLOSE_CONNECTION | retry_after)

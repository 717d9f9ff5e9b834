"""Attacks by signed-in people at the import page: many uploads, and files that are expensive to read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import httpx
from streamlit.proto.Alert_pb2 import Alert
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from bench.load.attacks import EXPENSIVE_FILES, GOOD_FILE, TIMEOUT_SECONDS, Attack, Target
from bench.load.run import sign_in
from bench.load.staff import shows_sales
from bench.load.tab import PageElement, Tab
from ui.runtime import paths

FLOOD_FILES, FLOOD_FILE_BYTES = 3, 12 * 1024 * 1024
# The server answers and closes before it has read the file, so the answer may be lost.
DISCONNECTED = "disconnected"
FAULT = "Something went wrong"


@dataclass
class ImportAttacks:
    """Each attack has a person of its own, so that their pages do not share a quota."""

    target: Target
    http: httpx.AsyncClient
    _cookies: dict[str, str] = field(default_factory=dict)
    _sign_in_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def list_attacks(self) -> list[Attack]:
        flooder, stranger, reader, seller = self.target.staff
        stored_or_full = frozenset({"204", "413", "503", DISCONNECTED})
        refused = frozenset({"refused", "503", DISCONNECTED})
        not_allowed = frozenset({"403", DISCONNECTED})
        return [
            Attack("3 uploads of 12 MB from a page", partial(self.flood_page, flooder), stored_or_full, 4, parallel=2),
            Attack("upload without a page", partial(self.upload_without_page, stranger), not_allowed, 2),
            *(
                Attack(f"import of {name}", partial(self.read_file, reader, name), refused, 10)
                for name in EXPENSIVE_FILES
            ),
            Attack(
                f"import of {GOOD_FILE}", partial(self.read_file, seller, GOOD_FILE), frozenset({"read", "503"}), 10
            ),
        ]

    async def flood_page(self, email: str) -> AsyncGenerator[str, None]:
        """Upload more than a page may keep, and close it."""
        async with self.open_import_page(email) as tab:
            for _ in range(FLOOD_FILES):
                yield await self.upload(email, tab.session_id, str(uuid4()), bytes(FLOOD_FILE_BYTES))

    async def upload_without_page(self, email: str) -> AsyncGenerator[str, None]:
        yield await self.upload(email, str(uuid4()), str(uuid4()), bytes(FLOOD_FILE_BYTES))

    async def read_file(self, email: str, name: str) -> AsyncGenerator[str, None]:
        """Upload a file and let the page read it, like a person who chooses it there."""
        content = self.target.files[name]
        async with self.open_import_page(email) as tab:
            file_id = str(uuid4())
            status = await self.upload(email, tab.session_id, file_id, content)
            if status != "204":
                yield status
                return
            state = tab.attach(tab.get("file_uploader", "Sales file"), file_id, name, len(content))
            await tab.act(state, lambda tab: _find_error(tab) is not None or _is_checked(tab))
            error = _find_error(tab)
            yield "read" if error is None else error.text if error.text.startswith(FAULT) else "refused"

    @asynccontextmanager
    async def open_import_page(self, email: str) -> AsyncIterator[Tab]:
        cookie = await self.get_cookie(email)
        # What the page says is the answer of the attack, and no error of the run.
        tab = Tab(self.target.url, cookie, on_error=lambda _: None, timeout_seconds=TIMEOUT_SECONDS)
        try:
            await tab.open({"event": str(self.target.event.id)}, shows_sales)
            link = tab.get("page_link", "Import")
            await tab.act(tab.follow(link), lambda tab: tab.find("file_uploader", "Sales file") is not None)
            yield tab
        finally:
            await tab.close()

    async def upload(self, email: str, session_id: str, file_id: str, content: bytes) -> str:
        """Send a file as Streamlit's uploader does, and return the status."""
        cookie = await self.get_cookie(email)
        try:
            response = await self.http.put(
                f"{paths.UPLOAD}{session_id}/{file_id}",
                headers={"Cookie": cookie, "X-Xsrftoken": cookie.rpartition(f"{XSRF_COOKIE_NAME}=")[2]},
                files={"file": ("sales.csv", content)},
            )
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            return DISCONNECTED
        return str(response.status_code)

    async def get_cookie(self, email: str) -> str:
        """Sign in once, and return the Cookie header of a browser that has Streamlit's cookie for uploads too."""
        async with self._sign_in_lock:
            if email not in self._cookies:
                cookie = await sign_in(self.http, email)
                response = await self.http.get(paths.HEALTH, headers={"Cookie": cookie})
                self._cookies[email] = f"{cookie}; {XSRF_COOKIE_NAME}={response.cookies[XSRF_COOKIE_NAME]}"
            return self._cookies[email]


def _find_error(tab: Tab) -> PageElement | None:
    return next((each for each in tab.find_all("alert") if each.element.format == Alert.ERROR), None)


def _is_checked(tab: Tab) -> bool:
    return tab.find("button", "Import 1 sale") is not None

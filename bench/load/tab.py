"""An open page as the server sees it: the websocket, its messages, widgets answered by their ids, and timers.

Nothing is drawn, and no script or style is fetched. Of what the server sends only that is kept which a person could
act on or trip over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode

import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

SECONDS_OF_PATIENCE = 30
KEPT = {
    "alert", "button", "button_group", "checkbox", "exception", "menu_button", "page_link", "selectbox", "text_area",
    "text_input", "toast",
}  # fmt: skip


class Broken(Exception):
    """What a person did had not the outcome it must have; says which and what was there in its place."""


@dataclass(frozen=True)
class Shown:
    """An element on the page: what drew it decides when it is gone."""

    kind: str
    element: Any
    fragment_id: str
    script_hash: str
    run_id: str

    @property
    def words(self) -> str:
        """Its label or text, with what was escaped for Markdown as people read it."""
        named = (getattr(self.element, name, "") for name in ("label", "body", "message"))
        markdown = next(filter(None, named), "")
        return unescape(markdown).replace("\\", "")


class Tab:
    """`told` gets a sentence for everything on the page that must not be there, and for a connection that is lost.

    `settled` is called after each run of the whole page, also of one that nobody here asked for.
    """

    def __init__(
        self,
        url: str,
        cookie: str,
        *,
        told: Callable[[str], None],
        settled: Callable[[Tab], None] = lambda _tab: None,
        patience: float = SECONDS_OF_PATIENCE,
    ) -> None:
        self._url, self._cookie, self._patience = url, cookie, patience
        self._told, self._on_settled = told, settled
        self._shown: dict[tuple[int, ...], Shown] = {}
        self._typed: dict[str, WidgetState] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._finished = asyncio.Event()
        self._socket: websockets.ClientConnection | None = None
        self._main = self._run_id = ""
        self._fragments_of_run: list[str] = []
        self._is_closing = False
        self.page = self.query = ""

    async def open(self, query: dict[str, str], until: Callable[[Tab], bool]) -> float:
        """Connects as a browser does that was sent to the first page, and answers as `act` does."""
        self.query = urlencode(query)
        try:
            self._socket = await websockets.connect(
                self._url.replace("http", "ws", 1) + "/_stcore/stream",
                subprotocols=[websockets.Subprotocol("streamlit")],
                origin=websockets.Origin(self._url),
                additional_headers={"Cookie": self._cookie},
                compression=None,
                max_size=None,
                ping_interval=None,
                open_timeout=self._patience,
            )
        except (OSError, TimeoutError, websockets.InvalidHandshake) as refused:
            raise Broken(f"no connection: {refused!r}") from refused
        self._reader = asyncio.create_task(self._read(self._socket))
        return await self.act(ClientState(query_string=self.query), until)

    async def close(self) -> None:
        if self._socket is None:
            return
        self._is_closing = True
        self._stop_timers()
        await self._socket.close()
        await self._reader

    async def act(self, sent: ClientState, until: Callable[[Tab], bool]) -> float:
        """Sends it and answers with the seconds until a finished run shows what must come of it. Raises Broken."""
        start = time.perf_counter()
        self._finished.clear()
        await self._send(sent)
        try:
            async with asyncio.timeout(self._patience):
                while not self._reader.done():
                    await self._finished.wait()
                    if until(self):
                        return time.perf_counter() - start
                    if error := next(filter(_is_error, self._shown.values()), None):
                        raise Broken(f"the page says: {error.words}")
                    self._finished.clear()
                raise Broken("the connection is gone")
        except TimeoutError:
            raise Broken(f"what must come of it did not come in {self._patience:g} s; there is {self}") from None

    def click(self, button: Shown) -> ClientState:
        return self._by(button, WidgetState(id=button.element.id, trigger_value=True))

    def pick(self, menu: Shown, entry: str) -> ClientState:
        state = WidgetState(id=menu.element.id)
        state.string_trigger_value.data = entry
        return self._by(menu, state)

    def choose(self, field: Shown, option: str) -> ClientState:
        """Of a selectbox, or of what has a button for each option."""
        state = self._typed[field.element.id] = WidgetState(id=field.element.id)
        if field.kind == "button_group":
            state.string_array_value.data.append(option)
        else:
            state.string_value = option
        return self._by(field)

    def switch(self, toggle: Shown, *, on: bool) -> ClientState:
        """One that the address names is put into it or taken out by the browser itself."""
        self._typed[toggle.element.id] = WidgetState(id=toggle.element.id, bool_value=on)
        if name := toggle.element.query_param_key:
            query = {key: value for key, value in parse_qsl(self.query) if key != name}
            self.query = urlencode(query | ({name: "true"} if on else {}))
        return self._by(toggle)

    def write(self, field: Shown, words: str) -> ClientState:
        """Where a field waits for a button, the answer is not sent, as in the browser."""
        self._typed[field.element.id] = WidgetState(id=field.element.id, string_value=words)
        return self._by(field)

    def follow(self, link: Shown) -> ClientState:
        """To another page: what stands outside of the page is taken along, and its timers end."""
        self._stop_timers()
        frame = {shown.element.id for shown in self._shown.values() if _is_of_frame(shown, self._main)}
        self._typed = {name: state for name, state in self._typed.items() if name in frame}
        self.query = link.element.query_string
        return self._state(page_script_hash=link.element.page_script_hash)

    def find(self, kind: str, words: str) -> Shown | None:
        """The first element of this kind whose label or text begins like that."""
        return next(iter(self.every(kind, words)), None)

    def every(self, kind: str, words: str = "") -> list[Shown]:
        return [shown for shown in self._shown.values() if shown.kind == kind and shown.words.startswith(words)]

    def get(self, kind: str, words: str) -> Shown:
        """The same. Raises Broken when there is none."""
        if (found := self.find(kind, words)) is None:
            raise Broken(f"there is no {kind} “{words}”, but {self}")
        return found

    def __str__(self) -> str:
        return "; ".join(f"{shown.kind} “{shown.words}”" for shown in self._shown.values() if shown.kind != "page_link")

    def _by(self, shown: Shown, *triggers: WidgetState) -> ClientState:
        return self._state(*triggers, page_script_hash=self.page, fragment_id=shown.fragment_id)

    def _state(self, *triggers: WidgetState, **fields: Any) -> ClientState:
        state = ClientState(query_string=self.query, **fields)
        state.widget_states.widgets.extend((*self._typed.values(), *triggers))
        state.context_info.timezone, state.context_info.locale = "America/New_York", "en-US"
        state.context_info.url = self._url
        return state

    async def _send(self, sent: ClientState) -> None:
        assert self._socket is not None
        with suppress(websockets.ConnectionClosed):  # the reader meets it, too, and tells
            await self._socket.send(BackMsg(rerun_script=sent).SerializeToString())

    async def _read(self, socket: websockets.ClientConnection) -> None:
        try:
            async for data in socket:
                self._take(ForwardMsg.FromString(data))
        except websockets.ConnectionClosedError:
            pass
        if not self._is_closing:
            self._told("the connection was lost")
        self._stop_timers()
        self._finished.set()

    def _take(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "delta":
                self._draw(tuple(message.metadata.delta_path), message.delta, message.metadata.active_script_hash)
            case "new_session":
                self._run_id = message.metadata.run.script_run_id
                self._fragments_of_run = list(message.metadata.run.fragment_ids)
                if not self._fragments_of_run:
                    self.page = message.new_session.page_script_hash
                    self._main = message.new_session.main_script_hash
            case "script_finished":
                self._settle(message.script_finished)
            case "auto_rerun":
                self._set_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                for fragment_id in message.stop_auto_rerun.fragment_ids:
                    self._stop_timer(fragment_id)
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "page_not_found":
                self._told("there is no such page")

    def _draw(self, path: tuple[int, ...], delta: Delta, script_hash: str) -> None:
        kind = delta.new_element.WhichOneof("type") if delta.WhichOneof("type") == "new_element" else None
        if kind not in KEPT:
            self._shown.pop(path, None)
            return
        element = getattr(delta.new_element, kind)
        self._shown[path] = Shown(kind, element, delta.fragment_id, script_hash, self._run_id)
        if _is_error(self._shown[path]):
            self._told(self._shown[path].words)

    def _settle(self, status: int) -> None:
        """What the run did not draw again is gone: of the page, or of its own fragments."""
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return
        if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self._told("a script does not compile")
        self._shown = {
            path: shown
            for path, shown in self._shown.items()
            if shown.run_id == self._run_id
            or (self._fragments_of_run and shown.fragment_id not in self._fragments_of_run)
        }
        if not self._fragments_of_run:
            there = {getattr(shown.element, "id", "") for shown in self._shown.values()}
            self._typed = {name: state for name, state in self._typed.items() if name in there}
            self._on_settled(self)
        self._finished.set()

    def _set_timer(self, fragment_id: str, seconds: float) -> None:
        if fragment_id not in self._timers:
            self._timers[fragment_id] = asyncio.create_task(self._tick(fragment_id, seconds))

    async def _tick(self, fragment_id: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.ring(fragment_id)

    async def ring(self, fragment_id: str) -> None:
        """What this fragment's timer does."""
        await self._send(self._state(page_script_hash=self.page, fragment_id=fragment_id, is_auto_rerun=True))

    def _stop_timer(self, fragment_id: str) -> None:
        if timer := self._timers.pop(fragment_id, None):
            timer.cancel()

    def _stop_timers(self) -> None:
        for fragment_id in list(self._timers):
            self._stop_timer(fragment_id)


def _is_error(shown: Shown) -> bool:
    return shown.kind == "exception" or (shown.kind == "alert" and shown.element.format == Alert.ERROR)


def _is_of_frame(shown: Shown, main: str) -> bool:
    return shown.script_hash == main and hasattr(shown.element, "id")

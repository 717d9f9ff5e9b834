"""An open page without a browser: the websocket, its messages, the states of widgets, and timers.

Nothing is rendered, and no script or style is fetched. Of the elements that the server sends, only those are kept that
a person could use, and errors.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urlencode

import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

DEFAULT_TIMEOUT_SECONDS = 30
TRACKED_ELEMENTS = {
    "alert",
    "bidi_component",
    "button",
    "button_group",
    "exception",
    "file_uploader",
    "html",
    "menu_button",
    "page_link",
    "selectbox",
    "text_area",
    "text_input",
    "toast",
}


class ActionFailed(Exception):
    """An action did not have its expected result. The message names the result and what the page shows instead."""


@dataclass(frozen=True)
class PageElement:
    """An element on the page, with the fragment, script and run that rendered it."""

    kind: str
    element: Any
    fragment_id: str
    script_hash: str
    run_id: str

    @property
    def text(self) -> str:
        """Return its label or text as people read it, without escapes for Markdown; of a component its name."""
        values = (getattr(self.element, name, "") for name in ("label", "body", "message", "component_name"))
        markdown = next(filter(None, values), "")
        return unescape(markdown).replace("\\", "")


class Tab:
    """`on_error` is called with a sentence for each error on the page, and when the connection is lost.

    `on_run_finished` is called after each run of the whole page, including background redraws.
    """

    def __init__(
        self,
        url: str,
        cookie: str,
        *,
        on_error: Callable[[str], None],
        on_run_finished: Callable[[Tab], None] = lambda _tab: None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        self._url, self._cookie, self._timeout_seconds = url, cookie, timeout_seconds
        self._on_error, self._on_run_finished = on_error, on_run_finished
        self._elements: dict[tuple[int, ...], PageElement] = {}
        self._widget_states: dict[str, WidgetState] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._finished = asyncio.Event()
        self._socket: websockets.ClientConnection | None = None
        self._main_script_hash = self._run_id = ""
        self._fragments_of_run: list[str] = []
        self._is_closing = False
        self.page = self.query = self.session_id = ""

    async def open(self, query: dict[str, str], until: Callable[[Tab], bool]) -> float:
        """Connect like a browser that opens the first page; return the same as `act`."""
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
                open_timeout=self._timeout_seconds,
            )
        except (OSError, TimeoutError, websockets.InvalidHandshake) as error:
            raise ActionFailed(f"no connection: {error!r}") from error
        self._reader = asyncio.create_task(self._read(self._socket))
        return await self.act(ClientState(query_string=self.query), until)

    async def close(self) -> None:
        if self._socket is None:
            return
        self._is_closing = True
        self._stop_timers()
        await self._socket.close()
        await self._reader

    async def act(self, client_state: ClientState, until: Callable[[Tab], bool]) -> float:
        """Send `client_state`; return the seconds until a run has finished after which `until` holds.

        Raises ActionFailed if the page shows an error, the connection is lost, or it takes too long.
        """
        start = time.perf_counter()
        self._finished.clear()
        await self.send(client_state)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                while not self._reader.done():
                    await self._finished.wait()
                    if until(self):
                        return time.perf_counter() - start
                    if error := next(filter(_is_error, self._elements.values()), None):
                        raise ActionFailed(f"the page says: {error.text}")
                    self._finished.clear()
                raise ActionFailed("the connection was lost")
        except TimeoutError:
            raise ActionFailed(f"no result within {self._timeout_seconds:g} s; the page shows {self}") from None

    def click(self, button: PageElement) -> ClientState:
        return self._build_widget_state(button, WidgetState(id=button.element.id, trigger_value=True))

    def pick(self, menu: PageElement, entry: str) -> ClientState:
        """Pick an entry of a menu by its words, before which it has an icon."""
        state = WidgetState(id=menu.element.id)
        state.string_trigger_value.data = next(each for each in menu.element.options if each.endswith(f": {entry}"))
        return self._build_widget_state(menu, state)

    def choose(self, field: PageElement, option: str) -> ClientState:
        """Choose an option of a selectbox or of a group of buttons."""
        state = self._widget_states[field.element.id] = WidgetState(id=field.element.id)
        if field.kind == "button_group":
            state.string_array_value.data.append(option)
        else:
            state.string_value = option
        return self._build_widget_state(field)

    def write(self, field: PageElement, value: str) -> ClientState:
        """Fill in a field. A field of a form is sent with the click on its button, so its state is not needed."""
        self._widget_states[field.element.id] = WidgetState(id=field.element.id, string_value=value)
        return self._build_widget_state(field)

    def send_value(self, component: PageElement, value: dict[str, Any]) -> ClientState:
        """Send the values of a component of our own, as its script does."""
        self._widget_states[component.element.id] = WidgetState(id=component.element.id, json_value=json.dumps(value))
        return self._build_widget_state(component)

    def attach(self, uploader: PageElement, file_id: str, name: str, size: int) -> ClientState:
        """Choose a file that was uploaded with this id for `session_id`."""
        state = self._widget_states[uploader.element.id] = WidgetState(id=uploader.element.id)
        state.file_uploader_state_value.uploaded_file_info.add(file_id=file_id, name=name, size=size)
        return self._build_widget_state(uploader)

    def follow(self, link: PageElement) -> ClientState:
        """Go to another page: keep the widgets of the frame script, and stop the timers."""
        self._stop_timers()
        frame = {
            shown.element.id for shown in self._elements.values() if _is_frame_widget(shown, self._main_script_hash)
        }
        self._widget_states = {name: state for name, state in self._widget_states.items() if name in frame}
        self.query = link.element.query_string
        return self._state(page_script_hash=link.element.page_script_hash)

    def find(self, kind: str, prefix: str) -> PageElement | None:
        """Return the first element of this kind whose label or text starts with `prefix`."""
        return next(iter(self.find_all(kind, prefix)), None)

    def find_all(self, kind: str, prefix: str = "") -> list[PageElement]:
        return [shown for shown in self._elements.values() if shown.kind == kind and shown.text.startswith(prefix)]

    def find_html(self, part: str) -> str | None:
        """Return the first block of HTML that contains `part`."""
        return next((shown.element.body for shown in self.find_all("html") if part in shown.element.body), None)

    def get(self, kind: str, prefix: str) -> PageElement:
        """Return the same as `find`. Raises ActionFailed without such an element."""
        if (element := self.find(kind, prefix)) is None:
            raise ActionFailed(f"there is no {kind} “{prefix}”; the page shows {self}")
        return element

    def __str__(self) -> str:
        return "; ".join(
            f"{shown.kind} “{shown.text}”"
            for shown in self._elements.values()
            if shown.kind not in {"html", "page_link"}
        )

    def _build_widget_state(self, shown: PageElement, *triggers: WidgetState) -> ClientState:
        return self._state(*triggers, page_script_hash=self.page, fragment_id=shown.fragment_id)

    def _state(self, *triggers: WidgetState, **fields: Any) -> ClientState:
        state = ClientState(query_string=self.query, **fields)
        state.widget_states.widgets.extend((*self._widget_states.values(), *triggers))
        state.context_info.timezone, state.context_info.locale = "America/New_York", "en-US"
        state.context_info.url = self._url
        return state

    async def send(self, client_state: ClientState) -> None:
        """Send `client_state`, and wait for nothing."""
        assert self._socket is not None
        with suppress(websockets.ConnectionClosed):  # the reader reports it
            await self._socket.send(BackMsg(rerun_script=client_state).SerializeToString())

    async def _read(self, socket: websockets.ClientConnection) -> None:
        try:
            async for data in socket:
                self._take(ForwardMsg.FromString(data))
        except websockets.ConnectionClosedError:
            pass
        if not self._is_closing:
            self._on_error("the connection was lost")
        self._stop_timers()
        self._finished.set()

    def _take(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "delta":
                self._apply_delta(
                    tuple(message.metadata.delta_path), message.delta, message.metadata.active_script_hash
                )
            case "new_session":
                self._run_id = message.metadata.run.script_run_id
                self.session_id = message.new_session.initialize.session_id
                self._fragments_of_run = list(message.metadata.run.fragment_ids)
                if not self._fragments_of_run:
                    self.page = message.new_session.page_script_hash
                    self._main_script_hash = message.new_session.main_script_hash
            case "script_finished":
                self._finish_run(message.script_finished)
            case "auto_rerun":
                self._set_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                for fragment_id in message.stop_auto_rerun.fragment_ids:
                    self._stop_timer(fragment_id)
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "page_not_found":
                self._on_error("there is no such page")

    def _apply_delta(self, path: tuple[int, ...], delta: Delta, script_hash: str) -> None:
        kind = delta.new_element.WhichOneof("type") if delta.WhichOneof("type") == "new_element" else None
        if kind not in TRACKED_ELEMENTS:
            self._elements.pop(path, None)
            return
        element = getattr(delta.new_element, kind)
        self._elements[path] = PageElement(kind, element, delta.fragment_id, script_hash, self._run_id)
        if _is_error(self._elements[path]):
            self._on_error(self._elements[path].text)

    def _finish_run(self, status: int) -> None:
        """Remove the elements of the page, or of the fragments of this run, that the run did not render again."""
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return
        if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self._on_error("a script does not compile")
        self._elements = {
            path: shown
            for path, shown in self._elements.items()
            if shown.run_id == self._run_id
            or (self._fragments_of_run and shown.fragment_id not in self._fragments_of_run)
        }
        if not self._fragments_of_run:
            ids = {getattr(shown.element, "id", "") for shown in self._elements.values()}
            self._widget_states = {name: state for name, state in self._widget_states.items() if name in ids}
            self._on_run_finished(self)
        self._finished.set()

    def _set_timer(self, fragment_id: str, seconds: float) -> None:
        if fragment_id not in self._timers:
            self._timers[fragment_id] = asyncio.create_task(self._tick(fragment_id, seconds))

    async def _tick(self, fragment_id: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.send_tick(fragment_id)

    async def send_tick(self, fragment_id: str) -> None:
        """Send a tick of this fragment's timer."""
        await self.send(self._state(page_script_hash=self.page, fragment_id=fragment_id, is_auto_rerun=True))

    def _stop_timer(self, fragment_id: str) -> None:
        if timer := self._timers.pop(fragment_id, None):
            timer.cancel()

    def _stop_timers(self) -> None:
        for fragment_id in list(self._timers):
            self._stop_timer(fragment_id)


def _is_error(shown: PageElement) -> bool:
    return shown.kind == "exception" or (shown.kind == "alert" and shown.element.format == Alert.ERROR)


def _is_frame_widget(shown: PageElement, main: str) -> bool:
    return shown.script_hash == main and hasattr(shown.element, "id")

"""Open pages without a browser, over Streamlit's websocket.

A page runs the script, ticks the timers of fragments, records the figures that it receives, and reconnects by itself.
"""

from __future__ import annotations

import re
import threading
import time

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.support.screen import unescape_markdown

RECONNECT_SECONDS = 1
_TILE = re.compile(r'<span class="label">([^<]+)</span><span class="value">([^<]+)</span>')


class OpenPage(threading.Thread):
    """An open page of an event ("" is the sales page), with a click every few seconds."""

    def __init__(self, url: str, cookie: str, page: str, query: str, *, seconds_between_clicks: float) -> None:
        super().__init__(daemon=True)
        self.figures: dict[str, str] = {}
        self.alerts: set[str] = set()
        self.last_redraw_at = float("-inf")  # of time.monotonic, at the end of the last whole run
        self._url, self._cookie, self._page, self._query = url, cookie, page, query
        self._script = ""  # the server's hash of the page, once received
        self._seconds_between_clicks = seconds_between_clicks
        self._timers: dict[str, tuple[float, float]] = {}  # (interval, next tick at) by fragment id
        self._closed = threading.Event()

    def close(self) -> None:
        self._closed.set()
        self.join(30)

    def run(self) -> None:
        while not self._closed.is_set():
            try:
                with connect(
                    f"{self._url.replace('http', 'ws', 1)}/_stcore/stream",
                    additional_headers={"Cookie": self._cookie, "Origin": self._url},
                    subprotocols=["streamlit"],  # type: ignore[list-item]
                    max_size=None,
                ) as socket:
                    self._run_connection(socket)
            except (WebSocketException, OSError):
                self._closed.wait(RECONNECT_SECONDS)

    def _run_connection(self, socket: ClientConnection) -> None:
        next_click = 0.0
        while not self._closed.is_set():
            now = time.monotonic()
            if now >= next_click:
                self._rerun(socket)
                next_click = now + self._seconds_between_clicks
            for fragment, (interval, due) in self._timers.items():
                if now >= due:
                    self._timers[fragment] = interval, now + interval
                    self._rerun(socket, fragment)
            try:
                self._take(ForwardMsg.FromString(socket.recv(timeout=0.2)))  # type: ignore[arg-type]
            except TimeoutError:
                continue

    def _rerun(self, socket: ClientConnection, fragment: str = "") -> None:
        message = BackMsg()
        message.rerun_script.query_string = self._query
        if self._script:
            message.rerun_script.page_script_hash = self._script
        else:
            message.rerun_script.page_name = self._page
        if fragment:
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
        socket.send(message.SerializeToString())

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._timers.clear()
        elif kind == "navigation":
            self._script = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            interval = message.auto_rerun.interval
            self._timers[message.auto_rerun.fragment_id] = interval, time.monotonic() + interval
        elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            self.last_redraw_at = time.monotonic()
        elif kind == "delta" and message.delta.HasField("new_element"):
            element = message.delta.new_element
            if element.HasField("html"):
                self.figures.update(_TILE.findall(element.html.body))
            elif element.HasField("alert"):
                self.alerts.add(unescape_markdown(element.alert.body))

"""An open page in this process that uploads files as Streamlit's own uploader does."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from starlette.testclient import TestClient, WebSocketTestSession
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from ticketing.models import Event
from ui.runtime import paths

XSRF_COOKIE = "_streamlit_xsrf"


class UploadingPage:
    """A page whose script has run; `session_id` is Streamlit's id of the tab."""

    def __init__(self, browser: TestClient, socket: WebSocketTestSession, event: Event) -> None:
        self._browser, self._socket, self._event = browser, socket, event
        self.session_id = ""
        browser.get(paths.HEALTH)  # sets the cookie that Streamlit compares with the header of an upload

    def open(self, page: str) -> list[str]:
        """Run the script of a page to its end, and return its alerts."""
        message = BackMsg()
        message.rerun_script.query_string = f"event={self._event.id}"
        message.rerun_script.page_name = page
        self._socket.send_bytes(message.SerializeToString())
        return self.wait_for_run()

    def wait_for_run(self) -> list[str]:
        """Receive a run of the script to its end, and return the alerts that it shows."""
        alerts = []
        while True:
            received = ForwardMsg.FromString(self._socket.receive_bytes())
            if received.WhichOneof("type") == "new_session":
                self.session_id = received.new_session.initialize.session_id
            elif received.delta.new_element.HasField("alert"):
                alerts.append(html.unescape(received.delta.new_element.alert.body))
            elif received.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY and received.HasField("script_finished"):
                return alerts

    def upload(self, size: int, file_id: str = "", *, chunked: bool = False) -> Any:
        """Send a file whose request has `size` bytes, with or without Content-Length, and return the answer."""
        opening = b'--b\r\nContent-Disposition: form-data; name="file"; filename="sales.csv"\r\n\r\n'
        body = opening.ljust(size - 9, b"x") + b"\r\n--b--\r\n"
        assert len(body) == size
        return self.request("PUT", file_id or str(uuid4()), iter([body]) if chunked else body)

    def request(self, method: str, file_id: str, body: Any = b"") -> Any:
        headers = {
            "Content-Type": "multipart/form-data; boundary=b",
            "X-Xsrftoken": self._browser.cookies.get(XSRF_COOKIE, ""),
        }
        return self._browser.request(
            method, f"{paths.UPLOAD}{self.session_id}/{file_id}", content=body, headers=headers
        )


@contextmanager
def open_page(browser: TestClient, event: Event, page: str = "import_sales") -> Iterator[UploadingPage]:
    """Open a page as the visitor who is signed in with `browser`, and close its tab afterwards."""
    with browser.websocket_connect(paths.STREAM, subprotocols=["streamlit"]) as socket:
        opened = UploadingPage(browser, socket, event)
        opened.open(page)
        yield opened

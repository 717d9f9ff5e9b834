"""Paths, index.html and the websocket's headers, as the middleware in api and ui/runtime expect them."""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import BaseRoute
from starlette.testclient import TestClient
from streamlit import file_util
from streamlit.web.server.starlette import starlette_websocket
from streamlit.web.server.starlette.starlette_app import create_streamlit_routes
from streamlit.web.server.starlette.starlette_path_security_middleware import PathSecurityMiddleware
from streamlit.web.server.starlette.starlette_routes import create_host_config_routes
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.http.flow_control import FlowControl

from ui.runtime import index_html, paths, reconnect, stalled_connections, stalled_readers
from ui.runtime.static_files import PAGE_SCRIPTS

# Every route must be known here: AuthenticationMiddleware, BodyLimitMiddleware and RequestLogMiddleware go by path.
ROUTES = {
    "",  # static files
    "/_stcore/agent/interact",
    "/_stcore/agent/mcp",
    "/_stcore/agent/openapi.json",
    "/_stcore/bidi-components/{path:path}",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/stream",
    "/_stcore/upload_file/{session_id}/{file_id}",
    "/auth/login",
    "/auth/logout",
    "/component/{path:path}",
    "/media/{file_id:path}",
    "/oauth2callback",
}


def list_routes() -> list[BaseRoute]:
    return create_streamlit_routes(MagicMock())


def read_index() -> str:
    return Path(file_util.get_static_dir(), "index.html").read_text()


def test_route_table():
    assert {getattr(route, "path", None) for route in list_routes()} == ROUTES


@pytest.mark.parametrize("path", [paths.MEDIA, paths.COMPONENT, paths.UPLOAD, paths.HEALTH, paths.HOST_CONFIG])
def test_path_of_middleware_is_a_route(path):
    assert [route for route in ROUTES if route == path or route.startswith(f"{path}{{")] != []


def test_only_uploads_and_the_agent_interface_take_a_body():
    writable = {
        route.path for route in list_routes() if {"POST", "PUT", "PATCH"} & (getattr(route, "methods", None) or set())
    }
    assert {path for path in writable if "/agent/" not in path} == {"/_stcore/upload_file/{session_id}/{file_id}"}


def test_agent_interface_is_off():
    """It would take a body of any size, and act for the visitor outside of the pages."""
    assert st.get_option("server.enableAgentApi") is False


def test_no_site_may_send_messages_to_pages():
    """The browser asks this address which sites may control the page."""
    app = Starlette(routes=create_host_config_routes(""))
    assert TestClient(app).get(paths.HOST_CONFIG).json()["allowedOrigins"] == []


@pytest.mark.parametrize(
    "path", ["/api/../x", "/api/x/..", "/api/\0", "/api\\..\\x", "/c:/api", "/api/v1", "/api/v1/..x"]
)
def test_refused_paths_are_those_that_streamlit_refuses(path):
    """ApiPathMiddleware answers them below /api."""
    passed = []
    scope = {"type": "http", "path": path}

    async def note(*_messages: object) -> None:
        passed.append(path)

    async def ignore(*_messages: object) -> None:
        pass

    asyncio.run(PathSecurityMiddleware(note)(scope, ignore, ignore))
    assert paths.is_refused(path) is (passed == [])


def test_server_has_what_the_deadline_of_connections_needs():
    """stalled_connections.py replaces three methods of the protocol, and reads these attributes."""
    source = inspect.getsource(AutoHTTPProtocol)
    assert list(inspect.signature(stalled_connections._original_connection_made).parameters) == ["self", "transport"]
    assert list(inspect.signature(stalled_connections._original_connection_lost).parameters) == ["self", "exc"]
    assert list(inspect.signature(stalled_connections._original_on_response_complete).parameters) == ["self"]
    for part in (
        "self.loop = ",
        "self.cycle: ",
        "self.transport: ",
        "on_response=self.on_response_complete",
        "set_protocol(",
    ):
        assert part in source
    assert "self.response_complete = True" in inspect.getsource(inspect.getmodule(AutoHTTPProtocol))


def test_server_has_what_the_deadline_of_readers_needs():
    """stalled_readers.py replaces two methods of the flow control, which the protocol calls, and reads `_transport`."""
    assert list(inspect.signature(stalled_readers._original_pause_writing).parameters) == ["self"]
    assert list(inspect.signature(stalled_readers._original_resume_writing).parameters) == ["self"]
    assert "self._transport = transport" in inspect.getsource(FlowControl)
    source = inspect.getsource(AutoHTTPProtocol)
    for part in ("FlowControl(", "self.flow.pause_writing()", "self.flow.resume_writing()"):
        assert part in source


def test_scripts_and_styles_are_static():
    """Everything that the page loads, but for the icon, which index_html.build replaces."""
    loaded = set(re.findall(r'(?:src|href)="([^"]*)"', read_index())) - {
        "./favicon.png",
        "./_stcore/agent/openapi.json",
    }
    assert {url for url in loaded if not url.startswith(f".{paths.STATIC}")} == set()
    assert all((Path(file_util.get_static_dir()) / url).is_file() for url in loaded)


def test_index_html_takes_name_icon_and_styles():
    html = index_html.build()
    assert html.count("<title>Ticket Desk</title>") == 1
    assert html.count('href="/session/icon.svg"') == 1
    assert "favicon.png" not in html
    assert html.index(".figures table") > html.index("</head>")


def test_index_html_has_one_inline_script_and_no_inline_handler():
    """The Content-Security-Policy allows it by its hash; it must do nothing but set a flag."""
    inline = re.findall(r"<script>(.*?)</script>", read_index(), re.DOTALL)
    assert [" ".join(script.split()) for script in inline] == ["window.prerenderReady = false"]
    assert len(index_html.hash_inline_scripts()) == 1
    assert re.findall(r"<[^>]*\son\w+=", read_index()) == []


def test_websocket_protocol_header_names_the_earlier_session_third():
    header = {"Sec-WebSocket-Protocol": "streamlit, xsrf-token, session-7"}
    assert starlette_websocket._parse_subprotocols(Headers(header)) == ("streamlit", "xsrf-token", "session-7")
    assert reconnect.find_earlier_session(header["Sec-WebSocket-Protocol"]) == "session-7"


@pytest.mark.parametrize("header", ["", "streamlit", "streamlit, xsrf-token", "streamlit, xsrf-token, "])
def test_first_connection_names_no_earlier_session(header):
    assert starlette_websocket._parse_subprotocols(Headers({"Sec-WebSocket-Protocol": header}))[2] is None
    assert reconnect.find_earlier_session(header) is None


def test_browser_sends_protocol_and_session_tokens_in_that_order(bundle):
    assert re.search(r"new WebSocket\(\w+,\[[`'\"]streamlit[`'\"],\.\.\.\w+\]\)", bundle)


@pytest.mark.parametrize("name", ["BACKEND_BASE_URL", "MAIN_PAGE_BASE_URL", "HOST_CONFIG"])
def test_browser_reads_what_the_shell_sets(bundle, name):
    """ui/scripts/shell.js tells the page where its server is, so that it does not look below its own address."""
    assert f"?.{name}" in bundle
    assert name in PAGE_SCRIPTS[0].read_text()


@pytest.mark.parametrize("text", ["stSidebarCollapsed-", "blockErrorDialogs", "DISCONNECTED_FOREVER", "rerunRequested"])
def test_browser_has_the_names_of_the_shell(bundle, text):
    assert text in bundle


def test_websocket_without_origin_is_allowed():
    """CsrfMiddleware checks the origin itself and removes the header."""
    assert starlette_websocket._is_origin_allowed(None, "tickets.example.org")


def test_trusted_user_header_becomes_st_user():
    """AuthenticationMiddleware hands the ids of session and till over in these headers."""
    known = starlette_websocket.gather_user_info(Headers({"X-TicketDesk-Session": "id", "X-TicketDesk-Till": "till"}))
    assert known == {"session_id": "id", "till": "till"}


def test_name_of_the_xsrf_cookie():
    assert XSRF_COOKIE_NAME == "_streamlit_xsrf"

"""Anonymous requests reach sign-in and health checks, and nothing else, whatever the path, method or header."""

from __future__ import annotations

import uuid

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from api.middleware import authentication
from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from ui.runtime import paths

pytestmark = pytest.mark.usefixtures("admin")
ANY_ID = uuid.UUID(int=7)
BROWSER_PATHS = [
    "/",
    "/packages",
    "/sales?event=7",
    "/events",
    "/box_office",
    "/import_sales",
    "/index.html",
    "/pages/packages.py",
    "/session/",
    "/session/other",
    "/session/sign-in/",
    "/session/sign-in/x",
    "/healthz/",
    "/healthz/x",
    "//healthz",
    "/livez/",
    "/metrics/",
    "//metrics",
    f"/export/{ANY_ID}/purchases.csv",
    f"/export/{ANY_ID}/guests.csv",
    f"/export/{ANY_ID}/purchases.xlsx",
    f"/export/{ANY_ID}/guests.xlsx",
    f"/export/{ANY_ID}/audit.csv",
    "/export/office/audit.csv",
    f"/pictures/{ANY_ID}/{'0' * 64}.jpg",
    f"/pictures/{ANY_ID}/thumbnails/{'0' * 64}.webp",
    "/media/0123456789abcdef.png",
    "/static/js/index.js",
    "/component/streamlit_sortables.sortable_items/index.html",
    "/favicon.png",
    "/manifest.json",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/script-health-check",
    f"/_stcore/upload_file/{ANY_ID}/{ANY_ID}",
    "/_stcore/agent/run",
    "/auth/login",
    "/oauth2callback",
    "/api/docs",
    "/api/openapi.json",
    "/api/docs/swagger-ui.css",
]
API_PATHS = [
    "/api",
    "/api/",
    "/api/v1",
    "/api/v1/admin/events",
    f"/api/v1/admin/events/{ANY_ID}/promo-codes/{ANY_ID}",
    f"/api/v1/admin/events/{ANY_ID}/promo-codes/validate/EARLY10",
    f"/api/v1/admin/packages/{ANY_ID}/options/{ANY_ID}",
    f"/api/v1/admin/packages/{ANY_ID}/options/{ANY_ID}/retire",
    f"/api/v1/admin/packages/{ANY_ID}/options/{ANY_ID}/ask-again",
    f"/api/v1/admin/packages/{ANY_ID}/options/reorder",
    f"/api/v1/admin/events/{ANY_ID}/tickets/packages/{ANY_ID}/image",
    "/api/v1/unknown",
    "/api/other",
]


@pytest.mark.parametrize("path", BROWSER_PATHS)
def test_anonymous_browser_is_redirected_to_sign_in(browser, path):
    answer = browser.get(path, headers=ACCEPT_HTML)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/session/sign-in?next=")


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", BROWSER_PATHS + API_PATHS)
def test_anonymous_request_is_401(browser, verb, path):
    answer = browser.request(verb, path)

    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("path", API_PATHS)
def test_api_never_redirects_to_sign_in(browser, path):
    answer = browser.get(path, headers=ACCEPT_HTML)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_redirect_to_sign_in_keeps_path_and_query(browser):
    answer = browser.get("/packages?event=7&q=a%20b%26c", headers=ACCEPT_HTML)

    assert answer.headers["location"] == "/session/sign-in?next=%2Fpackages%3Fevent%3D7%26q%3Da%2520b%2526c"


def test_anonymous_websocket_is_refused(browser):
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/_stcore/stream"):
        pass


@pytest.mark.parametrize("name", ["x-ticketdesk-session", "X-TicketDesk-Session"])
def test_spoofed_session_header_authenticates_nobody(browser, name):
    spoofed = {name: str(make.staff("admin").session_id)}

    assert browser.get("/packages", headers=spoofed).status_code == 401
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/_stcore/stream", headers=spoofed):
        pass


def test_spoofed_session_header_is_replaced_by_own_session(browser, sign_in):
    person = sign_in()
    someone_else = str(make.staff("admin").session_id)
    client = TestClient(authentication.AuthenticationMiddleware(_echo_session_header, paths.STATIC))
    client.cookies.update(dict(browser.cookies))

    session_id = client.get("/packages", headers={"X-TicketDesk-Session": someone_else}).text

    with_cookie = HTTPConnection({"type": "http", "headers": [(b"cookie", _cookie(browser))]})
    assert session_id == str(authentication.find_session_actor(with_cookie).session_id)
    assert session_id != str(person.session_id)
    assert someone_else not in session_id


def test_streamlit_files_require_signed_cookie(browser, sign_in):
    sign_in()
    index = browser.get("/", headers=ACCEPT_HTML).text
    script = next(part for part in index.split('"') if part.startswith("./static/js/"))[1:]

    assert browser.get(script).status_code == 200
    browser.cookies.clear()
    assert browser.get(script).status_code == 401


def test_session_cookie_does_not_authenticate_api(browser, sign_in):
    sign_in(role="admin")

    assert browser.get("/api/v1/admin/events").status_code == 401


def test_token_does_not_authenticate_pages(browser):
    token = make.token(make.staff("admin"))

    assert browser.get("/packages", headers={"Authorization": f"Bearer {token}"}).status_code == 401


async def _echo_session_header(scope, receive, send):
    values = [value.decode() for name, value in scope["headers"] if name == authentication.SESSION_HEADER]
    await PlainTextResponse(" ".join(values))(scope, receive, send)


def _cookie(browser) -> bytes:
    return f"{authentication.COOKIE_NAME}={browser.cookies[authentication.COOKIE_NAME]}".encode()

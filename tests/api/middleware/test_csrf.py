"""CSRF: requests that another site makes a browser send, with its cookies, are refused."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from starlette.websockets import WebSocketDisconnect

from api.middleware import authentication
from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from ticketing import db
from ticketing.models import Event, SignInSession

pytestmark = pytest.mark.usefixtures("admin")
STREAM = "/_stcore/stream"
UPLOAD = "/_stcore/upload_file/session/file"
BASE_URL = "https://tickets.example.org"
FOREIGN_HEADERS = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "http://testserver:8080"},
    {"Origin": "file://testserver"},
    {"Origin": "http://localhost:3000"},  # Streamlit would accept these two
    {"Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
]
SAME_ORIGIN_HEADERS = [
    {"Origin": "http://testserver"},
    {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {},  # a program: it has no cookie
]


@pytest.mark.parametrize("headers", FOREIGN_HEADERS, ids=str)
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "/session/sign-in"),
        ("POST", "/session/sign-out"),
        ("PUT", UPLOAD),
        ("DELETE", UPLOAD),
        ("POST", "/"),
        ("PATCH", "/anything/else"),
    ],
)
def test_request_from_another_site_is_refused(browser, sign_in, verb, path, headers):
    person = sign_in()

    answer = browser.request(verb, path, headers=headers, data={"email": person.email, "password": make.PASSWORD})

    assert answer.status_code == 403
    assert "sent from another site" in answer.text
    assert "set-cookie" not in answer.headers
    assert _count_open_sessions(person) == 2


@pytest.mark.parametrize("headers", SAME_ORIGIN_HEADERS, ids=str)
def test_request_from_own_page_is_accepted(browser, sign_in, headers):
    person = sign_in()

    assert browser.delete(UPLOAD, headers=headers).text != ""
    assert "another site" not in browser.put(UPLOAD, headers=headers).text
    assert browser.post("/session/sign-out", headers=headers).status_code == 303
    assert _count_open_sessions(person) == 1


def test_forged_form_is_answered_with_a_page(browser):
    answer = browser.post("/session/sign-in", headers=ACCEPT_HTML | {"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert "<h1>Not allowed</h1>" in answer.text


@pytest.mark.parametrize("headers", FOREIGN_HEADERS, ids=str)
def test_websocket_from_another_site_is_refused(browser, sign_in, headers):
    sign_in()

    with pytest.raises(WebSocketDisconnect) as refusal, browser.websocket_connect(STREAM, headers=headers):
        pass
    assert refusal.value.code == 4403


@pytest.mark.parametrize("headers", SAME_ORIGIN_HEADERS, ids=str)
def test_websocket_from_own_page_opens(browser, sign_in, headers):
    sign_in()

    with browser.websocket_connect(STREAM, headers=headers, subprotocols=["streamlit"]):
        pass


def test_behind_proxy_only_https_base_url_is_own_origin(browser, sign_in, monkeypatch):
    sign_in()
    browser.cookies.set(f"__Host-{authentication.COOKIE_NAME}", browser.cookies[authentication.COOKIE_NAME])
    monkeypatch.setenv("TICKETDESK_BASE_URL", BASE_URL)

    with browser.websocket_connect(STREAM, headers={"Origin": BASE_URL}, subprotocols=["streamlit"]):
        pass
    with (
        pytest.raises(WebSocketDisconnect),
        browser.websocket_connect(STREAM, headers={"Origin": "http://tickets.example.org"}),
    ):
        pass
    assert browser.post("/session/sign-out", headers={"Origin": "http://tickets.example.org"}).status_code == 403
    assert browser.post("/session/sign-out", headers={"Origin": BASE_URL}).status_code == 303


def test_link_from_another_site_opens_page(browser, sign_in):
    sign_in()
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert browser.get("/packages", headers=ACCEPT_HTML | link).status_code == 200


def test_api_accepts_token_from_any_origin(call):
    body = {"name": make.unique("Gala"), "starts_at": "2026-12-05T18:00", "time_zone": "UTC", "venue": "Pier 4"}

    answer = call("POST", "/admin/events", body, Origin="https://donors.example.org")

    assert answer.status_code == 201
    with db.read_session() as session:
        assert session.scalar(select(Event.name).where(Event.name == body["name"]))


def _count_open_sessions(person) -> int:
    with db.read_session() as session:
        rows = session.scalars(select(SignInSession).where(SignInSession.staff_id == person.staff_id))
        return sum(row.ended_at is None for row in rows)

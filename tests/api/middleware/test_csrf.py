"""Another site can make a browser send things to us, with its cookies. Nothing comes of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from starlette.websockets import WebSocketDisconnect

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
    {"Origin": "http://localhost:3000"},  # Streamlit would let these in
    {"Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
]
SAME_ORIGIN_HEADERS = [
    {"Origin": "http://testserver"},
    {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {},  # a program: it has no cookie unless somebody gave it one
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
def test_what_changes_something_is_refused_to_another_site(browser, sign_in, verb, path, headers):
    person = sign_in()

    answer = browser.request(verb, path, headers=headers, data={"email": person.email, "password": make.PASSWORD})

    assert answer.status_code == 403
    assert "sent from another site" in answer.text
    assert "set-cookie" not in answer.headers
    assert _count_open_sessions(person) == 2


@pytest.mark.parametrize("headers", SAME_ORIGIN_HEADERS, ids=str)
def test_the_same_from_here_goes_through(browser, sign_in, headers):
    person = sign_in()

    assert browser.delete(UPLOAD, headers=headers).text != ""
    assert "another site" not in browser.put(UPLOAD, headers=headers).text
    assert browser.post("/session/sign-out", headers=headers).status_code == 303
    assert _count_open_sessions(person) == 1


def test_a_person_who_was_lured_sees_a_page(browser):
    answer = browser.post("/session/sign-in", headers=ACCEPT_HTML | {"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert "<h1>Not allowed</h1>" in answer.text


@pytest.mark.parametrize("headers", FOREIGN_HEADERS, ids=str)
def test_the_websocket_does_not_open_for_another_site(browser, sign_in, headers):
    sign_in()

    with pytest.raises(WebSocketDisconnect) as refusal, browser.websocket_connect(STREAM, headers=headers):
        pass
    assert refusal.value.code == 4403


@pytest.mark.parametrize("headers", SAME_ORIGIN_HEADERS, ids=str)
def test_the_websocket_opens_from_here(browser, sign_in, headers):
    sign_in()

    with browser.websocket_connect(STREAM, headers=headers, subprotocols=["streamlit"]):
        pass


def test_behind_a_proxy_the_address_people_type_is_ours_and_only_by_https(browser, sign_in, monkeypatch):
    sign_in()
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


def test_looking_is_open_to_links_from_anywhere(browser, sign_in):
    sign_in()
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert browser.get("/packages", headers=ACCEPT_HTML | link).status_code == 200


def test_the_http_interface_goes_by_its_token_wherever_it_is_called_from(call):
    body = {"name": make.unique("Gala"), "starts_at": "2026-12-05T18:00", "time_zone": "UTC", "venue": "Pier 4"}

    answer = call("POST", "/admin/events", body, Origin="https://donors.example.org")

    assert answer.status_code == 201
    with db.read_session() as session:
        assert session.scalar(select(Event.name).where(Event.name == body["name"]))


def _count_open_sessions(person) -> int:
    with db.read_session() as session:
        rows = session.scalars(select(SignInSession).where(SignInSession.staff_id == person.staff_id))
        return sum(row.ended_at is None for row in rows)

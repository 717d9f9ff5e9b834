"""Bodies: as large as they may be, one byte more, announced or not, and those that never arrive whole."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

import app
from api.middleware import body_limits
from api.middleware.body_limits import BodyLimit
from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from ticketing import db
from ticketing.models import Event, SignInSession
from ui.runtime import paths

pytestmark = pytest.mark.usefixtures("admin")
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}
EVENT = {"name": "Gala", "starts_at": "2026-12-05T18:00", "time_zone": "America/New_York", "venue": "Pier 4"}


def iter_chunks(body: bytes, size: int = 16 * 1024):
    """Sent as it comes, without saying how long it will be."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def build_form(length: int, person) -> bytes:
    typed = urlencode({"email": person.email, "password": make.PASSWORD, "filler": ""}).encode()
    return typed.ljust(length, b"x")


def build_json(length: int) -> bytes:
    return json.dumps(EVENT).encode().ljust(length)


@pytest.fixture
def person():
    return make.staff(password=make.PASSWORD)


def count_sessions(person) -> int:
    with db.read_session() as session:
        return session.scalar(
            select(func.count()).select_from(SignInSession).where(SignInSession.staff_id == person.staff_id)
        )


def count_events() -> int:
    with db.read_session() as session:
        return session.scalar(select(func.count()).select_from(Event))


@pytest.mark.parametrize("sent", [bytes, iter_chunks], ids=["announced", "in pieces"])
def test_a_form_of_64_kilobytes_is_read_and_a_byte_more_is_not(browser, person, sent):
    largest = build_form(64 * 1024, person)

    refused = browser.post("/session/sign-in", content=sent(largest + b"x"), headers=FORM_TYPE)
    assert refused.status_code == 413
    assert "larger than 64 kB" in refused.text
    assert refused.headers["connection"] == "close"
    assert count_sessions(person) == 1

    assert browser.post("/session/sign-in", content=sent(largest), headers=FORM_TYPE).status_code == 303
    assert count_sessions(person) == 2


@pytest.mark.parametrize("sent", [bytes, iter_chunks], ids=["announced", "in pieces"])
def test_json_of_a_megabyte_is_read_and_a_byte_more_is_not(call, browser, sent):
    headers = {"Authorization": f"Bearer {call.token}", "Content-Type": "application/json"}
    largest, before = build_json(1024 * 1024), count_events()

    refused = browser.post("/api/v1/admin/events", content=sent(largest + b" "), headers=headers)
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_large"
    assert "larger than 1 MB" in refused.json()["detail"]
    assert count_events() == before

    assert browser.post("/api/v1/admin/events", content=sent(largest), headers=headers).status_code == 201
    assert count_events() == before + 1


def test_a_body_longer_than_announced_is_counted_all_the_same(browser, person):
    headers = FORM_TYPE | {"Content-Length": "10"}

    answer = browser.post("/session/sign-in", content=iter_chunks(build_form(64 * 1024 + 1, person)), headers=headers)

    assert answer.status_code == 413
    assert count_sessions(person) == 1


def test_a_person_who_sends_too_much_sees_a_page(browser, person):
    answer = browser.post(
        "/session/sign-in", content=build_form(64 * 1024 + 1, person), headers=FORM_TYPE | ACCEPT_HTML
    )

    assert answer.status_code == 413
    assert "<h1>Too large</h1>" in answer.text


@pytest.mark.parametrize("path", ["/", "/packages", "/healthz", "/session/unknown", "/_stcore/health"])
def test_no_address_takes_more_than_a_form(browser, sign_in, path):
    sign_in()

    assert browser.request("POST", path, content=b"x" * (64 * 1024 + 1)).status_code == 413


def test_pictures_and_uploads_are_counted_by_who_reads_them():
    assert body_limits.get_limit({"path": "/_stcore/upload_file/7/8"}, paths.UPLOAD).most is None
    assert body_limits.get_limit({"path": "/api/v1/admin/events/7/tickets/packages/8/image"}, paths.UPLOAD).most is None
    assert body_limits.get_limit({"path": "/pictures/7/image"}, paths.UPLOAD).most == 64 * 1024
    assert body_limits.get_limit({"path": "/api/v1/events/7/tickets/purchases"}, paths.UPLOAD).most == 1024 * 1024


@pytest.mark.parametrize(
    ("kind", "path", "media_type", "body"),
    [
        ("FORM", "/session/sign-in", "application/x-www-form-urlencoded", b"email=ana"),
        ("JSON", "/api/v1/admin/events", "application/json", b'{"name": '),
        (
            "PICTURE",
            "/api/v1/admin/events/{event_id}/tickets/packages/{package_id}/image",
            "multipart/form-data; boundary=b",
            b"--b\r\n",
        ),
    ],
)
def test_a_body_that_stops_arriving_is_given_up(server, monkeypatch, admin, kind, path, media_type, body):
    monkeypatch.setattr(body_limits, kind, BodyLimit(None, 0.2))
    package = make.package(make.event())
    headers = {
        "host": "testserver",
        "content-type": media_type,
        "content-length": "1000",
        "authorization": f"Bearer {make.token(admin)}",
    }

    path = path.format(event_id=package.event_id, package_id=package.id)
    answer = server.portal.call(_send_incomplete_body, path, headers, body)

    assert answer["status"] == 408
    assert b"did not arrive within" in answer["body"]


def test_what_arrives_in_time_is_not_hurried_afterwards(server, monkeypatch, admin):
    """A download takes as long as it takes: only the way here has a limit."""
    monkeypatch.setattr(body_limits, "JSON_LIMIT", BodyLimit(None, 0.01))
    event = make.event()
    headers = {"host": "testserver", "authorization": f"Bearer {make.token(admin)}"}

    answer = server.portal.call(_read_slowly, f"/api/v1/admin/events/{event.id}/tickets/sales/export", headers)

    assert answer["status"] == 200
    assert answer["body"].startswith(b"\xef\xbb\xbfpurchase_id")


async def _send_incomplete_body(path, headers, body):
    asked, pieces = False, [{"type": "http.request", "body": body, "more_body": True}]

    async def receive():
        nonlocal asked
        if pieces:
            return pieces.pop()
        asked = True
        return await asyncio.Event().wait()

    answer = await _request("POST", path, headers, receive)
    assert asked
    return answer


async def _read_slowly(path, headers):
    pieces = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        return pieces.pop() if pieces else await asyncio.Event().wait()

    return await _request("GET", path, headers, receive, pause=0.05)


async def _request(method, path, headers, receive, pause=0.0):
    answer = {"body": b""}

    async def send(message):
        await asyncio.sleep(pause)
        answer["body"] += message.get("body", b"")
        answer.setdefault("status", message.get("status"))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
        "server": ("testserver", 80), "client": ("testclient", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "state": {},
    }  # fmt: skip
    await app.app(scope, receive, send)
    return answer

"""Request bodies at their size limit and one byte above, with and without Content-Length, and too slow ones."""

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
MEGABYTE = 1024 * 1024
EVENT = {"name": "Gala", "starts_at": "2026-12-05T18:00", "time_zone": "America/New_York", "venue": "Pier 4"}


def iter_chunks(body: bytes, size: int = 16 * 1024):
    """Split a body into chunks, which are sent without Content-Length."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def build_form(length: int, person) -> bytes:
    fields = urlencode({"email": person.email, "password": make.PASSWORD, "filler": ""}).encode()
    return fields.ljust(length, b"x")


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


@pytest.mark.parametrize("encode", [bytes, iter_chunks], ids=["content_length", "chunked"])
def test_form_larger_than_64_kb_is_refused(browser, person, encode):
    largest = build_form(64 * 1024, person)

    refused = browser.post("/session/sign-in", content=encode(largest + b"x"), headers=FORM_TYPE)
    assert refused.status_code == 413
    assert "larger than 64 kB" in refused.text
    assert refused.headers["connection"] == "close"
    assert count_sessions(person) == 1

    assert browser.post("/session/sign-in", content=encode(largest), headers=FORM_TYPE).status_code == 303
    assert count_sessions(person) == 2


@pytest.mark.parametrize("encode", [bytes, iter_chunks], ids=["content_length", "chunked"])
def test_json_larger_than_1_mb_is_refused(call, browser, encode):
    headers = {"Authorization": f"Bearer {call.token}", "Content-Type": "application/json"}
    largest, before = build_json(1024 * 1024), count_events()

    refused = browser.post("/api/v1/admin/events", content=encode(largest + b" "), headers=headers)
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_large"
    assert "larger than 1 MB" in refused.json()["detail"]
    assert count_events() == before

    assert browser.post("/api/v1/admin/events", content=encode(largest), headers=headers).status_code == 201
    assert count_events() == before + 1


def test_body_longer_than_content_length_is_refused(browser, person):
    headers = FORM_TYPE | {"Content-Length": "10"}

    answer = browser.post("/session/sign-in", content=iter_chunks(build_form(64 * 1024 + 1, person)), headers=headers)

    assert answer.status_code == 413
    assert count_sessions(person) == 1


def test_too_large_form_is_answered_with_a_page(browser, person):
    answer = browser.post(
        "/session/sign-in", content=build_form(64 * 1024 + 1, person), headers=FORM_TYPE | ACCEPT_HTML
    )

    assert answer.status_code == 413
    assert "<h1>Too large</h1>" in answer.text


@pytest.mark.parametrize("path", ["/", "/packages", "/healthz", "/session/unknown", "/_stcore/health"])
def test_every_other_path_has_the_limit_of_forms(browser, sign_in, path):
    sign_in()

    assert browser.request("POST", path, content=b"x" * (64 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize(
    ("path", "megabytes"),
    [
        ("/_stcore/upload_file/7/8", None),
        ("/api/v1/admin/events/7/tickets/packages/8/image", None),
        ("/api/v1/admin/events/7/tickets/imports/check", 26),
        ("/api/v1/admin/events/7/tickets/imports", 26),
        ("/api/v1/admin/events/7/tickets/imports/8/undo", 1),
        ("/api/v1/events/7/tickets/purchases", 1),
        ("/pictures/7/image", 1 / 16),
        ("/pictures/7/tickets/imports", 1 / 16),
    ],
)
def test_images_and_files_have_limits_of_their_own(path, megabytes):
    limit = body_limits.get_limit({"path": path}, paths.UPLOAD, 25 * MEGABYTE)
    assert limit.max_bytes == (megabytes and megabytes * MEGABYTE)


@pytest.mark.parametrize(
    ("limit", "path", "media_type", "body"),
    [
        ("FORM_LIMIT", "/session/sign-in", "application/x-www-form-urlencoded", b"email=ana"),
        ("JSON_LIMIT", "/api/v1/admin/events", "application/json", b'{"name": '),
        (
            "PICTURE_LIMIT",
            "/api/v1/admin/events/{event_id}/tickets/packages/{package_id}/image",
            "multipart/form-data; boundary=b",
            b"--b\r\n",
        ),
    ],
)
def test_body_that_stops_arriving_is_408(server, monkeypatch, admin, limit, path, media_type, body):
    monkeypatch.setattr(body_limits, limit, BodyLimit(None, 0.2))
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


def test_file_of_sales_larger_than_26_mb_is_refused(call):
    path = f"/api/v1/admin/events/{make.event().id}/tickets/imports/check"
    headers = {"Authorization": f"Bearer {call.token}", "Content-Type": "multipart/form-data; boundary=b"}
    answer = call.client.post(path, content=b"x", headers=headers | {"Content-Length": str(26 * MEGABYTE + 1)})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "larger than 26 MB" in answer.json()["detail"]


def test_time_limit_does_not_apply_to_response(server, monkeypatch, admin):
    """A download may take longer than the body's time limit."""
    monkeypatch.setattr(body_limits, "JSON_LIMIT", BodyLimit(None, 0.01))
    event = make.event()
    headers = {"host": "testserver", "authorization": f"Bearer {make.token(admin)}"}

    answer = server.portal.call(_read_slowly, f"/api/v1/admin/events/{event.id}/tickets/sales/export", headers)

    assert answer["status"] == 200
    assert answer["body"].startswith(b"\xef\xbb\xbfpurchase_id")


async def _send_incomplete_body(path, headers, body):
    is_waiting, chunks = False, [{"type": "http.request", "body": body, "more_body": True}]

    async def receive():
        nonlocal is_waiting
        if chunks:
            return chunks.pop()
        is_waiting = True
        return await asyncio.Event().wait()

    answer = await _request("POST", path, headers, receive)
    assert is_waiting
    return answer


async def _read_slowly(path, headers):
    chunks = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        return chunks.pop() if chunks else await asyncio.Event().wait()

    return await _request("GET", path, headers, receive, pause=0.05)


async def _request(method, path, headers, receive, pause=0.0):
    answer = {"body": b""}

    async def send(message):
        await asyncio.sleep(pause)
        answer["body"] += message.get("body", b"")
        answer.setdefault("status", message.get("status"))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("testserver", 80),
        "client": ("testclient", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "state": {},
    }
    await app.app(scope, receive, send)
    return answer

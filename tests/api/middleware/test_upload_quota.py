"""Uploads of pages: who may upload, how much, and when the memory is freed."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import pytest
from sqlalchemy import update
from starlette.responses import Response

from api.middleware import upload_quota
from tests.support import make
from tests.support.uploads import open_page
from tests.support.waiting import wait_until
from ticketing import db, metrics
from ticketing.actors import Actor
from ticketing.models import Staff
from ui.runtime import paths, uploads

pytestmark = pytest.mark.usefixtures("admin")
MB = 1024 * 1024


@pytest.fixture
def page(browser, sign_in, event):
    sign_in(role="admin")
    with open_page(browser, event) as opened:
        yield opened
    uploads.free_disconnected(time.monotonic())
    uploads.free_disconnected(time.monotonic() + uploads.FREE_AFTER_SECONDS)


def kept_bytes(page) -> int:
    return sum(uploads.list_sizes().get(page.session_id, []))


def test_page_with_uploader_takes_a_file(page):
    assert page.upload(MB).status_code == 204
    assert 0 < MB - kept_bytes(page) < 200


def test_third_file_of_a_page_is_refused(page):
    assert [page.upload(MB).status_code for _ in range(2)] == [204, 204]
    before = kept_bytes(page)

    refused = page.upload(MB)

    assert (refused.status_code, refused.headers["connection"]) == (413, "close")
    assert "2 files at most" in refused.text
    assert kept_bytes(page) == before


def test_removed_file_makes_room(page):
    assert [page.upload(MB, "first").status_code, page.upload(MB).status_code] == [204, 204]
    assert page.request("DELETE", "first").status_code == 204
    assert page.upload(MB).status_code == 204


def test_files_of_a_page_have_30_mb_together(page):
    assert page.upload(20 * MB).status_code == 204
    assert page.upload(10 * MB + 400).status_code == 413
    assert page.upload(10 * MB).status_code == 204


def test_file_without_announced_length_counts_as_the_largest_one(page):
    assert page.upload(6 * MB).status_code == 204
    assert page.upload(MB, chunked=True).status_code == 413


def test_files_of_all_pages_have_75_mb_together(browser, page, event, monkeypatch):
    monkeypatch.setattr(upload_quota, "MAX_BYTES_IN_ALL", 3 * MB)
    assert page.upload(2 * MB).status_code == 204
    with open_page(browser, event) as other:
        refused = other.upload(MB + 400)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
        assert "Try again" in refused.text
        assert other.upload(MB // 2).status_code == 204


def test_files_of_all_pages_of_a_person_have_40_mb_together(browser, page, sign_in, event, monkeypatch):
    assert upload_quota.MAX_BYTES_PER_PERSON == 40 * MB
    monkeypatch.setattr(upload_quota, "MAX_BYTES_PER_PERSON", 3 * MB)
    assert page.upload(2 * MB).status_code == 204
    with open_page(browser, event) as other:
        refused = other.upload(MB + 400)
        assert refused.status_code == 413
        assert "Your open pages hold" in refused.text
        assert other.upload(MB).status_code == 204
    sign_in(role="admin")
    with open_page(browser, event) as of_somebody_else:
        assert of_somebody_else.upload(3 * MB).status_code == 204


def test_page_says_why_an_upload_was_refused_until_the_next_file_or_page(page, monkeypatch):
    """The browser itself shows an HTTP status, or a network error when it was still sending."""
    monkeypatch.setattr(upload_quota, "MAX_BYTES_IN_ALL", MB)

    assert page.upload(2 * MB).status_code == 503

    assert page.wait_for_run() == [upload_quota.SERVER_FULL_MESSAGE]
    assert page.open("import_sales") == [upload_quota.SERVER_FULL_MESSAGE]
    page.open("packages")
    assert page.open("import_sales") == []


class OneEmptyPage:
    """The uploads of a server with one open page, which holds no file."""

    def find_uploader(self, session_id: str) -> str | None:
        return str(UUID(int=7)) if session_id == "tab" else None

    def list_sizes(self) -> dict[str, list[int]]:
        return {}

    def report_refusal(self, session_id: str, sentence: str) -> None:
        pass


async def send_upload(quota, size: int) -> int:
    """Return the status of an upload that announces `size` bytes."""
    statuses = []

    async def send(message) -> None:
        statuses.append(message.get("status"))

    actor = Actor(None, "Ana", "ana@example.org", "coordinator", session_id=UUID(int=7))
    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"{paths.UPLOAD}tab/file",
        "headers": [(b"content-length", str(size).encode())],
        "state": {"actor": actor},
    }
    await quota(scope, None, send)
    return statuses[0]


def test_file_counts_from_the_start_of_its_upload_to_the_end():
    async def check() -> None:
        is_stored = asyncio.Event()

        async def store(scope, _receive, send) -> None:
            await is_stored.wait()
            await Response(status_code=204)(scope, None, send)

        quota = upload_quota.UploadQuotaMiddleware(store, paths.UPLOAD, 25 * MB, OneEmptyPage())
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(send_upload(quota, 20 * MB))
            await asyncio.sleep(0)  # until it waits
            assert await send_upload(quota, 10 * MB + 1) == 413
            second = tasks.create_task(send_upload(quota, 10 * MB))
            await asyncio.sleep(0)
            assert await send_upload(quota, 1) == 413
            is_stored.set()
        assert (first.result(), second.result()) == (204, 204)
        assert await send_upload(quota, 30 * MB) == 204

    asyncio.run(check())


def test_refused_upload_no_longer_counts_as_arriving(page):
    assert page.upload(26 * MB).status_code == 413  # by Streamlit
    assert page.upload(25 * MB).status_code == 204


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_another_person_may_not_touch_the_files_of_a_page(browser, page, sign_in, method):
    assert page.upload(MB, "file").status_code == 204
    before = kept_bytes(page)
    sign_in(role="admin")

    refused = page.upload(MB) if method == "PUT" else page.request("DELETE", "file")

    assert refused.status_code == 403
    assert kept_bytes(page) == before


def test_same_person_may_not_upload_with_another_sign_in(browser, event):
    person = make.staff("admin", password=make.PASSWORD)
    typed = {"email": person.email, "password": make.PASSWORD}
    browser.post("/session/sign-in", data=typed)
    with open_page(browser, event) as page:
        browser.cookies.clear()
        browser.post("/session/sign-in", data=typed)
        browser.get(paths.HEALTH)
        assert page.upload(MB).status_code == 403


@pytest.mark.parametrize(("role", "page"), [("viewer", ""), ("viewer", "import_sales"), ("coordinator", "")])
def test_page_without_uploader_takes_no_file(browser, sign_in, event, role, page):
    sign_in(role=role, event=event)
    with open_page(browser, event, page) as opened:
        refused = opened.upload(MB)

        assert refused.status_code == 403
        assert "takes no files" in refused.text
        assert kept_bytes(opened) == 0


def test_person_who_became_a_viewer_may_not_upload(browser, event):
    person = make.staff("coordinator", event, password=make.PASSWORD)
    browser.post("/session/sign-in", data={"email": person.email, "password": make.PASSWORD})
    with open_page(browser, event) as page:
        db.write(
            lambda session: session.execute(update(Staff).where(Staff.id == person.staff_id).values(role="viewer"))
        )
        assert page.upload(MB).status_code == 403


def test_leaving_the_page_frees_its_files_and_ends_the_permission(page):
    assert page.upload(MB).status_code == 204

    page.open("packages")

    assert kept_bytes(page) == 0
    assert page.upload(MB).status_code == 403


def test_file_that_the_page_has_not_seen_survives_a_redraw(page):
    """A redraw may fall between an upload and the message that tells the page of it."""
    assert page.upload(MB).status_code == 204
    page.open("import_sales")
    assert kept_bytes(page) > 0


def test_closed_tab_is_freed_after_20_seconds_and_not_at_a_short_break(browser, sign_in, event):
    sign_in(role="admin")
    with open_page(browser, event) as page:
        assert page.upload(MB).status_code == 204
        now = time.monotonic()
        uploads.free_disconnected(now + 1000)
        assert kept_bytes(page) > 0
    wait_until(lambda: uploads.find_uploader(page.session_id) is None or not is_connected(page))
    uploads.free_disconnected(now)
    uploads.free_disconnected(now + uploads.FREE_AFTER_SECONDS - 1)
    assert kept_bytes(page) > 0
    assert metrics.REGISTRY.get_sample_value("ticketdesk_upload_bytes") >= kept_bytes(page)
    uploads.free_disconnected(now + uploads.FREE_AFTER_SECONDS)
    assert kept_bytes(page) == 0
    assert page.upload(MB).status_code == 403


@pytest.mark.system
def test_files_of_a_closed_tab_are_gone_within_30_seconds(browser, sign_in, event):
    sign_in(role="admin")
    with open_page(browser, event) as page:
        assert page.upload(MB).status_code == 204
    wait_until(lambda: kept_bytes(page) == 0, seconds=30)


def is_connected(page) -> bool:
    return uploads.Runtime.instance().is_active_session(page.session_id)

"""Many pictures at once: they wait for each other or are refused, and nobody else waits for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support import image_samples, make
from tests.support.database import DatabaseServer, use_database
from tests.support.problems import assert_problem
from tests.support.server import RunningServer, run_server
from tests.support.waiting import wait_until
from ticketing.catalog import image_files, images

PICTURES = 45
# Half a megabyte that is decoded for seconds.
SLOW_PICTURE = image_samples.make_jpeg_with_scans(image_files.MAX_JPEG_SCANS, (5000, 5000))


@pytest.fixture
def running(postgres: DatabaseServer, database: str, tmp_path) -> Iterator[RunningServer]:
    url = postgres.create()
    with run_server(url, tmp_path) as server:
        use_database(url)
        yield server
        use_database(database)


def sign_in(server: RunningServer, email: str) -> None:
    """Open the form, sign in, and open the form again as the signed-in person."""
    with httpx.Client(base_url=server.url, headers={"Origin": server.url}, timeout=120) as browser:
        assert browser.get("/session/sign-in").status_code == 200
        typed = {"email": email, "password": make.PASSWORD}
        assert browser.post("/session/sign-in", data=typed).status_code == 303
        assert browser.get("/session/sign-in").status_code == 303


def test_people_sign_in_faster_than_pictures_are_processed_while_45_are_uploaded(running):
    """A sign-in that waited for the queue would be as slow as all the pictures in it."""
    admin = make.staff("admin")
    person = make.staff("viewer", password=make.PASSWORD)
    event = make.event()
    packages = [make.package(event) for _ in range(PICTURES)]
    token = make.token(admin)
    sign_in(running, person.email)  # the first one after the start also opens connections

    def upload(package) -> httpx.Response:
        return httpx.post(
            f"{running.url}/api/v1/admin/events/{event.id}/tickets/packages/{package.id}/image",
            files={"image": ("table.jpg", SLOW_PICTURE, "image/jpeg")},
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
        )

    sign_ins = 0
    with ThreadPoolExecutor(PICTURES) as threads:
        uploads = [threads.submit(upload, package) for package in packages]
        wait_until(lambda: any(each.done() and each.result().status_code == 503 for each in uploads))
        while not all(each.done() for each in uploads):
            sign_in(running, person.email)
            sign_ins += 1
        answers = [each.result() for each in uploads]

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] >= 5
    assert sign_ins >= statuses[200]
    for answer in answers:
        if answer.status_code == 503:
            assert_problem(answer, 503, "queue_full")
            assert answer.headers["retry-after"] == "5"


def test_full_queue_refuses_a_picture_before_it_is_read(call, monkeypatch):
    package = make.package(make.event())

    def body() -> Iterator[bytes]:
        raise AssertionError("the body must not be read")
        yield b""

    monkeypatch.setattr(images.QUEUE, "_waiting", 4)  # a fault that would need five slow pictures at the same time
    answer = call.client.post(
        f"/api/v1/admin/events/{package.event_id}/tickets/packages/{package.id}/image",
        content=body(),
        headers={"Authorization": f"Bearer {call.token}", "Content-Type": "multipart/form-data; boundary=x"},
    )

    assert_problem(answer, 503, "queue_full")

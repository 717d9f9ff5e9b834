"""Images over HTTP: set and removed by programs, fetched by browsers and programs with permission."""

from __future__ import annotations

import asyncio
import io
import socket

import pytest
from PIL import Image

from tests.api.conftest import ACCEPT_HTML
from tests.support import database_state, image_samples, make
from tests.support.problems import assert_problem
from ticketing import db
from ticketing.catalog import image_files, images
from ticketing.models import Image as StoredImage

PICTURE = image_samples.make_image_file("JPEG", exif=image_samples.make_camera_exif(6))
FIVE_MB = 5 * 1024 * 1024


@pytest.fixture
def package(event):
    return make.package(event)


def package_path(package):
    return f"/admin/events/{package.event_id}/tickets/packages/{package.id}"


@pytest.fixture
def send(call):
    """Return a function that uploads an image: `send(package, content, name="table.jpg", alt="Ten chairs")`."""

    def do(package, content=PICTURE, *, name="table.jpg", media_type="image/jpeg", by=call, **fields):
        return by.client.post(
            f"/api/v1{package_path(package)}/image",
            files={"image": (name, content, media_type)},
            data=fields,
            headers={"Authorization": f"Bearer {by.token}"},
        )

    return do


@pytest.fixture
def get_package(send, package):
    """Return the URLs of a package's image and thumbnail."""
    answer = send(package, image_samples.make_image_file("WEBP", (600, 400))).json()
    return answer["image_url"], answer["thumbnail_url"]


def test_image_urls_are_in_every_package_response(call, send, event, package):
    answer = send(package, alt="Ten chairs around a table")

    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["id"], seen["version"], seen["image_alt"]) == (str(package.id), 2, "Ten chairs around a table")
    assert seen["image_url"].startswith(f"/pictures/{event.id}/")
    assert seen["image_url"].endswith(".jpg")
    told_fields = ("image_url", "thumbnail_url", "image_alt")
    listed = [
        call("GET", package_path(package)).json(),
        call("GET", f"/admin/events/{event.id}/tickets/packages").json()["items"][0],
        call("GET", f"/events/{event.id}/tickets/packages").json()["items"][0],
        call("POST", f"{package_path(package)}/enable").json(),
        call("PATCH", package_path(package), {"version": 2, "name": "Table"}).json(),
        call("POST", f"/admin/events/{event.id}/tickets/packages/reorder", {"package_ids": [str(package.id)]}).json()[
            "items"
        ][0],
    ]
    for each in listed:
        assert {name: each[name] for name in told_fields} == {name: seen[name] for name in told_fields}


def test_fetched_image_is_upright_without_metadata(call, send, package):
    answer = send(package).json()

    for url, size in ((answer["image_url"], (40, 60)), (answer["thumbnail_url"], (40, 60))):
        fetched = call.client.get(url, headers={"Authorization": f"Bearer {call.token}"})
        assert (fetched.status_code, fetched.headers["content-type"]) == (200, "image/jpeg")
        with Image.open(io.BytesIO(fetched.content)) as picture:
            assert (picture.format, picture.size, len(picture.getexif())) == ("JPEG", size, 0)


def test_url_is_absolute_when_the_base_url_is_set(call, send, package, monkeypatch):
    monkeypatch.setenv("TICKETDESK_BASE_URL", "https://tickets.example.org/")

    answer = send(package).json()

    assert answer["image_url"].startswith("https://tickets.example.org/pictures/")
    assert answer["thumbnail_url"].startswith("https://tickets.example.org/pictures/")
    assert call("GET", package_path(package)).json()["image_url"] == answer["image_url"]


def test_image_is_cached_forever(browser, sign_in, get_package):
    sign_in(role="admin")
    whole, small = (browser.get(url) for url in get_package)

    assert whole.headers["etag"] != small.headers["etag"]
    assert len(small.content) < len(whole.content)
    for answer, url in zip((whole, small), get_package, strict=True):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"] == "inline"
        again = browser.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == answer.headers["cache-control"]
        other = browser.get(url, headers={"If-None-Match": '"other"'})
        assert other.status_code == 200
    assert browser.head(get_package[0]).headers["content-length"] == str(len(whole.content))


def test_image_requires_permission_to_read_the_event(browser, event, get_package, program):
    def fetched(person):
        token = program(person).token
        return [browser.get(url, headers={"Authorization": f"Bearer {token}"}).status_code for url in get_package]

    assert fetched(make.staff("viewer", event)) == [200, 200]
    assert fetched(make.staff("coordinator", make.event())) == [404, 404]
    browser.cookies.clear()
    assert [browser.get(url).status_code for url in get_package] == [401, 401]
    opened = browser.get(get_package[0], headers=ACCEPT_HTML)
    assert opened.headers["location"].startswith("/session/sign-in?next=")
    assert browser.get(get_package[0], headers={"Authorization": "Bearer td_unknown"}).status_code == 401


def test_replaced_image_is_not_found(browser, sign_in, send, package, get_package):
    etag = f'"{get_package[0].rpartition("/")[2].partition(".")[0]}"'
    send(package, image_samples.make_image_file())
    sign_in(role="admin")

    assert [browser.get(url).status_code for url in get_package] == [404, 404]
    assert browser.get(get_package[0], headers={"If-None-Match": etag}).status_code == 404


def test_only_the_exact_url_is_found(browser, sign_in, event, get_package):
    sign_in(role="admin")
    url = get_package[0]
    name = url.rpartition("/")[2].removesuffix(".webp")
    for other in [
        url.replace(".webp", ".png"),
        url.replace(".webp", ".exe"),
        url.replace(name, name.upper()),
        url.replace(name, name[:-1]),
        url.replace(name, "0" * 64),
        url.replace(str(event.id), str(make.event().id)),
        url.replace(str(event.id), "7"),
    ]:
        assert browser.get(other).status_code == 404, other


def test_removing_an_image_is_idempotent(call, send, package, event):
    send(package)

    for _ in range(2):
        deleted = call("DELETE", f"{package_path(package)}/image")
        assert (deleted.status_code, deleted.content) == (204, b"")
    seen = call("GET", package_path(package)).json()
    assert (seen["image_url"], seen["thumbnail_url"], seen["image_alt"], seen["version"]) == (None, None, None, 3)
    with db.read_session() as session:
        assert session.query(StoredImage).where(StoredImage.event_id == event.id).count() == 0


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("table.jpg", "image/jpeg"),
        ("table.svg", "image/svg+xml"),
        ("../../etc/x.exe", "application/x-msdownload"),
        ("x", ""),
    ],
)
def test_format_is_recognized_by_content(send, package, name, media_type):
    answer = send(package, image_samples.make_image_file("PNG"), name=name, media_type=media_type)

    assert answer.json()["image_url"].endswith(".png")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg/>",
        PICTURE[:300],
        image_samples.make_animation("WEBP"),
        image_samples.make_file_claiming_size("PNG", 30_000, 30_000),
    ],
    ids=len,
)
def test_refused_file_is_a_field_error(send, event, package, content):
    before = database_state.snapshot(event)

    problem = assert_problem(send(package, content), 422, "invalid_input")

    assert [error["field"] for error in problem["errors"]] == ["image"]
    assert database_state.snapshot(event) == before


def test_file_of_5_mb_is_accepted_and_one_byte_more_refused(send, package):
    exactly = PICTURE + bytes(FIVE_MB - len(PICTURE))

    assert send(package, exactly, alt="x" * 200).status_code == 200
    problem = assert_problem(send(package, exactly + b"\0"), 422, "invalid_input")
    assert problem["errors"] == [{"field": "image", "message": str(image_files.too_large_error())}]


def test_body_announced_as_too_long_is_not_read(call, package):
    def body():
        raise AssertionError("the body must not be read")
        yield b""

    answer = call.client.post(
        f"/api/v1{package_path(package)}/image",
        content=body(),
        headers={
            "Authorization": f"Bearer {call.token}",
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": str(100 * FIVE_MB),
        },
    )

    assert_problem(answer, 422, "invalid_input")


def test_chunked_body_is_read_up_to_the_limit(server, call, package):
    """Send the body in chunks over a socket, as long as the server reads."""
    sent, answers = 0, []
    opening = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'

    async def receive():
        nonlocal sent
        piece = b"x" * 65536 if sent else opening
        sent += len(piece)
        return {"type": "http.request", "body": piece, "more_body": sent < 20 * FIVE_MB}

    async def send_back(message):
        answers.append(message)

    headers = {"authorization": f"Bearer {call.token}", "content-type": "multipart/form-data; boundary=x"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"/api/v1{package_path(package)}/image",
        "raw_path": b"",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("testserver", 80),
        "client": ("testclient", 1),
    }

    asyncio.run(server.app(scope, receive, send_back))

    assert answers[0]["status"] == 422
    assert b"larger than 5 MB" in answers[1]["body"]
    assert sent < FIVE_MB + 4 * 65536


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"data": {"image": "text"}}, "image"),
        ({"data": {"alt": "words"}, "files": {"other": b"x"}}, "image"),
        ({"json": {"image": "x"}}, "image"),
        ({"files": {"image": PICTURE}, "data": {"alt": "x" * 201}}, "alt"),
        ({"files": {"image": PICTURE}, "data": {"version": "two"}}, "version"),
        ({"files": {"image": PICTURE}, "data": {"version": "0"}}, "version"),
        ({"files": [("image", PICTURE), ("alt", ("x.txt", b"x"))]}, "body"),
        ({"files": {"image": PICTURE}, "data": {"alt": ["Chairs", "Chairs"]}}, "alt"),
    ],
)
def test_malformed_form_is_refused(call, event, package, sent, field):
    before = database_state.snapshot(event)

    answer = call.client.post(
        f"/api/v1{package_path(package)}/image", headers={"Authorization": f"Bearer {call.token}"}, **sent
    )

    assert [error["field"] for error in assert_problem(answer, 422, "invalid_input")["errors"]] == [field]
    assert database_state.snapshot(event) == before


def test_stale_version_is_a_conflict(call, send, package):
    assert send(package, version="1").status_code == 200

    problem = assert_problem(send(package, image_samples.make_image_file(), version="1"), 409, "stale_version")
    removal = assert_problem(call("DELETE", f"{package_path(package)}/image?version=1"), 409, "stale_version")

    assert [change["field"] for change in problem["changes"]] == ["image"]
    assert problem["current_version"] == removal["current_version"] == 2
    assert call("DELETE", f"{package_path(package)}/image?version=2").status_code == 204


@pytest.mark.parametrize(
    ("role", "is_theirs", "status", "code"),
    [
        ("coordinator", True, 200, None),
        ("viewer", True, 403, "not_allowed"),
        ("coordinator", False, 404, "not_found"),
        ("viewer", False, 404, "not_found"),
    ],
)
def test_permissions(program, send, event, package, role, is_theirs, status, code):
    by = program(make.staff(role, event if is_theirs else make.event()))

    answer = send(package, by=by)
    refused_unread = send(package, b"x" * (2 * FIVE_MB), by=by)

    if code is None:
        assert answer.status_code == status
    else:
        assert_problem(answer, status, code)
        assert_problem(refused_unread, status, code)


def test_package_of_another_event_is_not_found(send, package):
    package.event_id = make.event().id

    assert_problem(send(package), 404, "not_found")


def test_unavailable_scanner_refuses_the_upload(send, event, package, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CLAMD_ADDRESS", f"127.0.0.1:{taken.getsockname()[1]}")
        before = database_state.snapshot(event)
        answer = send(package)

    problem = assert_problem(answer, 503, "scanner_away")
    assert answer.headers["retry-after"]
    assert problem["detail"].startswith("The virus scanner does not answer")
    assert database_state.snapshot(event) == before


def test_documentation_describes_the_form(browser, sign_in):
    sign_in()
    document = browser.get("/api/openapi.json").json()
    path = document["paths"]["/v1/admin/events/{event_id}/tickets/packages/{package_id}/image"]

    form = path["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert (set(form["properties"]), form["required"]) == ({"image", "alt", "version"}, ["image"])
    assert form["properties"]["image"]["format"] == "binary"
    assert set(path) == {"post", "delete"}
    for shape in ("PackageAnswer", "PackageOffered"):
        assert {"image_url", "thumbnail_url", "image_alt"} <= set(
            document["components"]["schemas"][shape]["properties"]
        )


def test_every_media_type_has_an_extension():
    assert set(images.MEDIA_TYPE_BY_EXTENSION.values()) == set(image_files.MEDIA_TYPES.values())

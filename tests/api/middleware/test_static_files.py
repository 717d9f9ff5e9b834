"""Scripts, styles and fonts are compressed whatever is in front of the server, and nothing else is served with them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import brotli
import pytest
from streamlit import file_util

from api.compression import IMMUTABLE, REVALIDATED
from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from ticketing import metrics
from ui.runtime import static_files

pytestmark = pytest.mark.usefixtures("admin")
SCRIPT = next(path for path in static_files.list_files() if "/protobuf." in path)
STYLE = next(path for path in static_files.list_files() if "/css/index." in path)
FONT = next(iter(static_files.list_replaced_fonts()))


@pytest.fixture
def visitor(browser, sign_in):
    sign_in()
    return browser


def get_raw(browser, path, accepted, **headers):
    """Return the answer with its body as it was sent."""
    with browser.stream("GET", path, headers={"Accept-Encoding": accepted} | headers) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", [SCRIPT, STYLE])
@pytest.mark.parametrize(("accepted", "decode"), [("gzip, br", brotli.decompress), ("gzip", gzip.decompress)])
def test_file_is_compressed_and_cached_for_ever(visitor, path, accepted, decode):
    original = Path(file_util.get_static_dir() + path).read_bytes()

    answer, body = get_raw(visitor, path, accepted)

    assert decode(body) == original
    assert len(body) < len(original) / 2
    assert (answer.headers["cache-control"], answer.headers["vary"]) == (IMMUTABLE, "Accept-Encoding")


def test_client_without_codings_gets_the_file(visitor):
    answer, body = get_raw(visitor, SCRIPT, "identity")
    assert body == Path(file_util.get_static_dir() + SCRIPT).read_bytes()
    assert "content-encoding" not in answer.headers


def test_head_has_headers_only(visitor):
    answer = visitor.head(SCRIPT)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/javascript; charset=utf-8")


def test_replaced_font_is_ours_and_asked_for_again_after_an_upgrade(visitor):
    """Its address has the hash of Streamlit's font, so it must not be kept when ours changes."""
    answer, body = get_raw(visitor, FONT, "gzip, br")
    assert body == static_files.list_replaced_fonts()[FONT].read_bytes()
    assert answer.headers["cache-control"] == REVALIDATED
    assert visitor.get(FONT, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/static/js/nothing.js", "/static/js/../../app.py", "/static/ticketdesk/../shell.js"])
def test_unknown_path_is_left_to_streamlit(visitor, path):
    """It answers with its page, or refuses the path."""
    answer = visitor.get(path)
    assert answer.headers["content-type"].startswith(("text/html", "text/plain"))
    assert "def serve_index" not in answer.text


def test_page_is_compressed(visitor):
    answer, body = get_raw(visitor, "/packages", "gzip, br", **ACCEPT_HTML)
    html = brotli.decompress(body).decode()
    assert "<title>Ticket Desk</title>" in html
    assert (answer.headers["content-encoding"], answer.headers["cache-control"]) == ("br", REVALIDATED)
    unchanged = visitor.get("/packages", headers={"If-None-Match": answer.headers["etag"]} | ACCEPT_HTML)
    assert unchanged.status_code == 304
    assert unchanged.headers["content-security-policy"] == answer.headers["content-security-policy"]


def test_everything_that_the_page_loads_early_exists(visitor):
    html = visitor.get("/", headers=ACCEPT_HTML).text
    paths = {path.removeprefix(".") for path in re.findall(r'(?:href|src)="(\.?/static/[^"]+)"', html)}
    assert len(paths) > 60
    known = static_files.list_files().keys() | static_files.list_replaced_fonts().keys()
    assert paths - known == set()


def test_files_require_the_cookie(browser):
    assert browser.get(SCRIPT).status_code == 401
    assert browser.get(static_files.get_url(static_files.PAGE_SCRIPTS[0])).status_code == 401


def test_requests_of_files_are_counted_as_one_route(visitor):
    visitor.get(SCRIPT)
    routes = {sample.labels["route"] for metric in metrics.REQUESTS.collect() for sample in metric.samples}
    assert "/static/{path}" in routes
    assert SCRIPT not in routes


def test_form_with_a_secret_is_not_compressed_beside_what_was_typed(browser):
    """Nothing that a form page repeats stands beside a secret that could be guessed from the length (decision 31)."""
    person = make.staff(password=make.PASSWORD)
    typed = {"email": person.email, "password": "wrong", "next": "/packages"}
    page = browser.post("/session/sign-in", data=typed)
    assert person.email in page.text
    assert "wrong" not in page.text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert hidden == {"next": "/packages"}

"""What browsers are told with every answer, whoever gives it."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from api.middleware import security_headers
from tests.api.conftest import ACCEPT_HTML
from tests.support import make

pytestmark = pytest.mark.usefixtures("admin")
REQUIRED_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture
def answers(browser, sign_in, call):
    """One of each kind: pages, our plain pages, data, files, redirects, refusals."""
    event = make.event()
    sign_in(role="admin")
    asked = {
        "page": browser.get("/packages", headers=ACCEPT_HTML),
        "script": browser.get(_find_first_script(browser)),
        "plain page": browser.get("/session/sign-out", headers=ACCEPT_HTML),
        "style": browser.get("/session/style.css"),
        "documentation": browser.get("/api/docs", headers=ACCEPT_HTML),
        "download": browser.get(f"/export/{event.id}/purchases.csv"),
        "json": call("GET", "/admin/events"),
        "problem": call("GET", f"/admin/events/{event.id}/nothing"),
        "no token": browser.get("/api/v1/admin/events"),
        "health": browser.get("/healthz"),
        "missing": browser.get(f"/pictures/{event.id}/x.jpg"),
        "forged": browser.post("/session/sign-out", headers={"Origin": "null"}),
        "too large": browser.post("/session/sign-out", content=b"x" * 70_000),
    }
    browser.cookies.clear()
    return asked | {"redirect": browser.get("/packages", headers=ACCEPT_HTML)}


def _find_first_script(browser) -> str:
    return next(
        part for part in browser.get("/", headers=ACCEPT_HTML).text.split('"') if part.startswith("./static/js/")
    )[1:]


def test_every_answer_has_them(answers):
    assert {answer.status_code for answer in answers.values()} >= {200, 303, 401, 403, 404, 413}
    for kind, answer in answers.items():
        assert {name: answer.headers.get(name) for name in REQUIRED_HEADERS} == REQUIRED_HEADERS, kind
        assert "geolocation=()" in answer.headers["permissions-policy"], kind
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], kind
        assert "strict-transport-security" not in answer.headers, kind


def test_data_may_load_and_run_nothing(answers):
    for kind in ("script", "style", "download", "json", "problem", "no token", "health", "redirect"):
        policy = answers[kind].headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), kind
        assert "src" not in policy.replace("default-src", ""), kind


def test_a_page_runs_streamlits_scripts_and_the_one_in_its_own_text_and_loads_nothing_from_elsewhere(answers):
    policy = dict(part.split(" ", 1) for part in answers["page"].headers["content-security-policy"].split("; "))
    (inside,) = re.findall(r"<script>(.*?)</script>", answers["page"].text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()

    assert policy["script-src"] == f"'self' blob: 'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert all("http" not in source and "*" not in source for source in policy.values())
    assert not any("unsafe" in source for directive, source in policy.items() if directive != "style-src")


def test_the_plain_pages_and_the_documentation_keep_their_own_policy(answers):
    assert "script-src" not in answers["plain page"].headers["content-security-policy"]
    assert "form-action 'self'" in answers["plain page"].headers["content-security-policy"]
    assert answers["documentation"].headers["content-security-policy"].startswith("default-src 'self'")


def test_a_fault_has_them_too(browser, monkeypatch):
    def broken(_connection):
        raise RuntimeError("the inside of the house")

    monkeypatch.setattr("api.middleware.authentication.find_session_actor", broken)

    answer = browser.get("/pictures/7/thumbnails/x.jpg")

    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in REQUIRED_HEADERS} == REQUIRED_HEADERS
    assert answer.headers["content-security-policy"] == security_headers.DENY_ALL_POLICY


def test_behind_tls_browsers_are_told_to_stay_there_and_every_cookie_is_secure(browser, sign_in, monkeypatch):
    monkeypatch.setenv("TICKETDESK_BASE_URL", "https://tickets.example.org")
    person = make.staff(password=make.PASSWORD)
    signed_in = browser.post("/session/sign-in", data={"email": person.email, "password": make.PASSWORD})
    browser.cookies.set("ticketdesk_session", signed_in.cookies["ticketdesk_session"])
    page = browser.get("/_stcore/health")
    signed_out = browser.post("/session/sign-out")

    for answer in (signed_in, page, signed_out):
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    cookies = [each for answer in (signed_in, page, signed_out) for each in answer.headers.get_list("set-cookie")]
    assert {each.partition("=")[0] for each in cookies} >= {"ticketdesk_session", "_streamlit_xsrf"}
    for each in cookies:
        attributes = [part.strip().lower() for part in each.split(";")[1:]]
        assert attributes.count("secure") == 1, each
        assert "samesite=lax" in attributes, each
        # Streamlit's script reads this one and sends it back in a header: that is its purpose.
        assert ("httponly" in attributes) == (not each.startswith("_streamlit_xsrf")), each


def test_without_tls_no_cookie_is_secure_so_that_sign_in_works(browser, sign_in):
    sign_in()

    cookies = browser.get("/_stcore/health").headers.get_list("set-cookie")

    assert [each.partition("=")[0] for each in cookies] == ["_streamlit_xsrf"]
    assert "secure" not in cookies[0].lower()

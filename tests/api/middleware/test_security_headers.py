"""Security headers of every kind of response."""

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
def responses(browser, sign_in, call):
    """Return a response of each kind: pages, plain pages, data, files, redirects, refusals."""
    event = make.event()
    sign_in(role="admin")
    responses = {
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
    return responses | {"redirect": browser.get("/packages", headers=ACCEPT_HTML)}


def _find_first_script(browser) -> str:
    return next(
        part for part in browser.get("/", headers=ACCEPT_HTML).text.split('"') if part.startswith("./static/js/")
    )[1:]


def test_every_response_has_security_headers(responses):
    assert {response.status_code for response in responses.values()} >= {200, 303, 401, 403, 404, 413}
    for kind, response in responses.items():
        if kind == "script":
            continue
        assert {name: response.headers.get(name) for name in REQUIRED_HEADERS} == REQUIRED_HEADERS, kind
        assert "geolocation=()" in response.headers["permissions-policy"], kind
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"], kind
        assert "strict-transport-security" not in response.headers, kind


def test_script_has_the_headers_that_are_not_about_documents(responses):
    """120 times the others would delay a first visit; a script that is opened by itself shows its text."""
    script = responses["script"].headers
    assert script["content-security-policy"] == security_headers.DENY_ALL_POLICY
    assert {name: value for name, value in REQUIRED_HEADERS.items() if name in script} == {
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
    }


@pytest.mark.parametrize("path", ["/static/js/nothing.js", "/static/media/nothing.svg"])
def test_page_or_image_below_the_path_of_scripts_has_all_headers(browser, sign_in, path):
    sign_in()
    answer = browser.get(path)
    assert {name: answer.headers.get(name) for name in REQUIRED_HEADERS} == REQUIRED_HEADERS


def test_responses_other_than_html_deny_all(responses):
    for kind in ("script", "style", "download", "json", "problem", "no token", "health", "redirect"):
        policy = responses[kind].headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), kind
        assert "src" not in policy.replace("default-src", ""), kind


def test_page_policy_allows_own_scripts_and_one_inline_hash(responses):
    policy = dict(part.split(" ", 1) for part in responses["page"].headers["content-security-policy"].split("; "))
    (inline_script,) = re.findall(r"<script>(.*?)</script>", responses["page"].text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline_script.encode()).digest()).decode()

    assert policy["script-src"] == f"'self' blob: 'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert all("http" not in source and "*" not in source for source in policy.values())
    assert not any("unsafe" in source for directive, source in policy.items() if directive != "style-src")


def test_plain_pages_and_api_docs_keep_their_own_policy(responses):
    assert "script-src" not in responses["plain page"].headers["content-security-policy"]
    assert "form-action 'self'" in responses["plain page"].headers["content-security-policy"]
    assert responses["documentation"].headers["content-security-policy"].startswith("default-src 'self'")


def test_fault_response_has_security_headers(browser, monkeypatch):
    def broken(_connection):  # a bug, which cannot be provoked from outside
        raise RuntimeError("internal detail")

    monkeypatch.setattr("api.middleware.authentication.find_session_actor", broken)

    answer = browser.get("/pictures/7/thumbnails/x.jpg")

    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in REQUIRED_HEADERS} == REQUIRED_HEADERS
    assert answer.headers["content-security-policy"] == security_headers.DENY_ALL_POLICY


def test_behind_tls_hsts_is_sent_and_cookies_are_secure(browser, sign_in, monkeypatch):
    monkeypatch.setenv("TICKETDESK_BASE_URL", "https://tickets.example.org")
    person = make.staff(password=make.PASSWORD)
    signed_in = browser.post("/session/sign-in", data={"email": person.email, "password": make.PASSWORD})
    (signed,) = re.findall(r"__Host-ticketdesk_session=([^;]+)", signed_in.headers["set-cookie"])
    browser.cookies.set("__Host-ticketdesk_session", signed)
    page = browser.get("/_stcore/health")
    signed_out = browser.post("/session/sign-out")

    for answer in (signed_in, page, signed_out):
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    cookies = [each for answer in (signed_in, page, signed_out) for each in answer.headers.get_list("set-cookie")]
    assert {each.partition("=")[0] for each in cookies} >= {"__Host-ticketdesk_session", "_streamlit_xsrf"}
    for each in cookies:
        attributes = [part.strip().lower() for part in each.split(";")[1:]]
        assert attributes.count("secure") == 1, each
        assert "samesite=lax" in attributes, each
        # Streamlit's script reads this one and sends it back in a header: that is its purpose.
        assert ("httponly" in attributes) == (not each.startswith("_streamlit_xsrf")), each


@pytest.mark.parametrize(
    ("setting", "header"), [("yes", "max-age=31536000; includeSubDomains"), ("no", "max-age=31536000")]
)
def test_hsts_includes_subdomains_when_set(browser, monkeypatch, setting, header):
    monkeypatch.setenv("TICKETDESK_BASE_URL", "https://tickets.example.org")
    monkeypatch.setenv("TICKETDESK_HSTS_SUBDOMAINS", setting)

    assert browser.get("/healthz").headers["strict-transport-security"] == header


def test_answers_with_data_are_not_stored(responses):
    for kind in ("json", "problem", "no token", "download", "plain page"):
        assert responses[kind].headers["cache-control"] == "no-store", kind


def test_without_tls_cookies_are_not_secure(browser, sign_in):
    sign_in()

    cookies = browser.get("/_stcore/health").headers.get_list("set-cookie")

    assert [each.partition("=")[0] for each in cookies] == ["_streamlit_xsrf"]
    assert "secure" not in cookies[0].lower()

"""A server with an OpenID provider, without one, with incomplete settings, and while the provider is down."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from api.middleware import authentication
from api.site import openid_provider
from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from tests.support.openid_provider import CLIENT_SECRET
from tests.support.openid_visitor import (
    Visitor,
    assert_refused,
    configure_openid,
    create_colleague,
    find_staff,
    stranger_claims,
)
from ticketing import db, settings
from ticketing.models import Staff

pytestmark = [pytest.mark.usefixtures("admin"), pytest.mark.system]  # starts an OpenID provider


def test_unreachable_provider_is_503_and_passwords_still_work(browser, provider, monkeypatch):
    configure_openid(monkeypatch, ISSUER="http://localhost:9")

    answer = browser.post("/session/openid", data={"next": "/packages"}, headers=ACCEPT_HTML)

    assert_refused(answer, "", "Your Harbor Lights account does not answer.", 503)
    assert answer.headers["retry-after"] == "5"
    assert 'next=%2Fpackages"' in answer.text
    person = make.staff(password=make.PASSWORD)
    credentials = {"email": person.email, "password": make.PASSWORD}
    assert browser.post("/session/sign-in", data=credentials).status_code == 303


def test_provider_with_another_issuer_is_503(browser, provider, monkeypatch):
    configure_openid(monkeypatch, ISSUER=f"{provider.url}/")

    assert browser.post("/session/openid", headers=ACCEPT_HTML).status_code == 503


@pytest.fixture
def no_cached_metadata() -> Iterator[None]:
    openid_provider._create_client.cache_clear()
    yield
    openid_provider._create_client.cache_clear()


@pytest.mark.usefixtures("no_cached_metadata")
def test_discovery_document_does_not_switch_off_pkce(visitor):
    visitor.provider.extra_metadata = {"code_challenge_method": None, "verify": False, "client_id": "another-client"}

    sent = parse_qs(urlsplit(visitor.start()).query)

    assert sent["code_challenge_method"] == ["S256"]
    assert sent["client_id"] == ["ticket-desk"]


@pytest.mark.usefixtures("no_cached_metadata")
def test_discovery_document_of_another_issuer_is_not_cached(visitor):
    visitor.provider.extra_metadata = {"issuer": "https://another.example"}
    assert visitor.browser.post("/session/openid", headers=ACCEPT_HTML).status_code == 503

    visitor.provider.reset()

    assert visitor.browser.post("/session/openid", headers=ACCEPT_HTML).status_code == 200


@pytest.mark.usefixtures("no_cached_metadata")
def test_client_secret_is_posted_where_basic_is_not_supported(visitor):
    visitor.provider.extra_metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    _, claims = create_colleague()

    visitor.sign_in(**claims)

    (token_request,) = visitor.provider.token_requests
    assert token_request["client_secret"] == CLIENT_SECRET


def test_malformed_keys_are_unavailable_and_not_cached(visitor):
    person, claims = create_colleague()
    visitor.provider.rotate_keys()
    visitor.provider.publishes_keys = False
    assert_refused(visitor.sign_in(**claims), person.email, "does not answer", 503)

    visitor.provider.reset()

    assert visitor.sign_in(**claims).status_code == 303


def test_sign_in_page_shows_button_for_provider(browser, provider):
    shown = browser.get("/session/sign-in?next=/packages%3Fevent=7%26q=a%2520b").text

    assert shown.count('<input type="hidden" name="next" value="/packages?event=7&amp;q=a%20b">') == 2
    assert 'action="/session/openid"' in shown
    assert "Sign in with Harbor Lights account" in shown
    assert 'name="password"' in shown


def test_without_provider_there_is_no_button_and_no_route(browser):
    assert "/session/openid" not in browser.get("/session/sign-in").text
    for path in ("/session/openid", "/session/openid/back?state=x&code=y"):
        assert browser.get(path, headers=ACCEPT_HTML).status_code == 404
    assert browser.post("/session/openid", headers=ACCEPT_HTML).status_code == 404


def test_first_run_is_closed_with_provider(browser, empty_database, groups, visitor):
    assert browser.get("/", headers=ACCEPT_HTML).headers["location"] == "/session/sign-in?next=%2F"
    assert browser.get("/session/first-run").headers["location"] == "/session/sign-in"
    assert browser.post("/session/first-run", data={"way": "sample"}).headers["location"] == "/session/sign-in"
    with db.read_session() as session:
        assert session.scalars(select(Staff)).all() == []

    claims = stranger_claims(groups=["gala-admins"])
    assert visitor.sign_in(**claims).status_code == 303
    assert find_staff(claims["email"]).role == "admin"


def test_sample_visitor_is_signed_out_by_first_openid_sign_in(browser, empty_database, monkeypatch, groups):
    monkeypatch.delenv("TICKETDESK_OPENID_ISSUER")
    browser.post("/session/first-run", data={"way": "sample"})
    sample = browser.cookies[authentication.COOKIE_NAME]
    browser.cookies.clear()
    configure_openid(monkeypatch, ISSUER=groups.url)

    Visitor(browser, groups).sign_in(**stranger_claims(groups=["gala-admins"]))

    browser.cookies.clear()
    browser.cookies.set(authentication.COOKIE_NAME, sample)
    assert browser.get("/packages").status_code == 401


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ISSUER", "http://login.example.org", "begins with https://"),
        ("CLIENT_ID", "", "CLIENT_ID must be"),
        ("CLIENT_SECRET", " ", "CLIENT_SECRET must be"),
        ("DOMAINS", "", "DOMAINS must be"),
        ("ROLES", "gala-team=coordinator", "are set together"),
        ("ROLE_CLAIM", "groups", "are set together"),
        ("ROLES", "gala-team=owner", "gala-team=owner is not"),
        ("ROLES", "admin", "admin is not"),
    ],
)
def test_incomplete_settings_are_refused_at_start(provider, monkeypatch, name, value, sentence):
    assert settings.load().openid.domains == {"example.org", "harbor.example"}
    configure_openid(monkeypatch, **{name: value})

    with pytest.raises(ValueError, match=sentence):
        settings.load()

"""Sign-in with OpenID Connect in a browser: to the provider, back to the requested page, and sign-out."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support import make, openid_provider
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.support.server import run_server


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with openid_provider.run_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def server(provider: Provider, database_of_module: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own with the provider configured."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "ISSUER": provider.url,
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": CLIENT_SECRET,
            "DOMAINS": "example.org",
            "NAME": "Harbor Lights account",
        }.items():
            patch.setenv(f"TICKETDESK_OPENID_{name}", value)
        with run_server(database_of_module, tmp_path_factory.mktemp("openid")) as started:
            yield started.url


def test_deep_link_survives_openid_sign_in_and_sign_out_works(page: Page, server: str, provider: Provider) -> None:
    event = make.event(name="Harbor Lights")
    make.package(event, name="Captain's Table")
    ana = make.staff(event=event)
    provider.person = {"sub": "ana", "email": ana.email, "email_verified": True, "name": "Ana Ruiz"}

    page.goto(f"{server}/packages?event={event.id}")
    page.get_by_role("button", name="Sign in with Harbor Lights account").click()
    expect(page).to_have_url(re.compile(rf"^{provider.url}/authorize\?"))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Captain's Table")).to_be_visible()
    expect(page).to_have_url(f"{server}/packages?event={event.id}")
    assert {each["name"] for each in page.context.cookies(server)} >= {"ticketdesk_session"}
    assert {each["name"] for each in page.context.cookies(f"{server}/session/openid")}.isdisjoint({"ticketdesk_openid"})

    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    page.goto(f"{server}/packages?event={event.id}")
    expect(page.get_by_role("button", name="Sign in with Harbor Lights account")).to_be_visible()


def test_refused_person_reads_why_and_returns_to_sign_in(page: Page, server: str, provider: Provider) -> None:
    provider.person = {"sub": "eve", "email": "eve@evil.example", "email_verified": True}

    page.goto(server)
    page.get_by_role("button", name="Sign in with Harbor Lights account").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("eve@evil.example is not an address of this organization.")).to_be_visible()

    page.get_by_role("link", name="Back to sign-in").click()
    expect(page.get_by_label("Password")).to_be_visible()

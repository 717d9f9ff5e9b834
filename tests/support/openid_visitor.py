"""A person who signs in with OpenID: a browser that goes to the provider and back, and checks of the result."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import select
from starlette.testclient import TestClient

from api.site import openid
from tests.support import make
from tests.support.openid_provider import Provider
from ticketing import db
from ticketing.models import SignInSession, Staff
from ticketing.validation import email_key

UNKNOWN_SIGN_IN = "was started in another browser"
NOT_CONFIRMED = "did not confirm this sign-in"


def configure_openid(monkeypatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"TICKETDESK_OPENID_{name}", value)


@dataclass
class Visitor:
    """A browser that goes to the provider and comes back."""

    browser: TestClient
    provider: Provider

    def start(self, next_path: str = "/packages?event=7") -> str:
        """Start a sign-in and return the provider's URL."""
        return find_provider_url(self.browser.post("/session/openid", data={"next": next_path}))

    def consent(self, url: str) -> str:
        """Consent at the provider and return the path it redirects back to."""
        answer = httpx.post(url)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].removeprefix("http://testserver")

    def open_callback(self, url: str):
        return self.browser.get(url, headers={"Accept": "text/html", "User-Agent": "Visitor"})

    def sign_in(self, next_path: str = "/packages?event=7", **claims: Any):
        self.provider.person = claims
        return self.open_callback(self.consent(self.start(next_path)))


def find_provider_url(answer) -> str:
    """Return the URL to which the page that starts a sign-in sends the browser."""
    assert answer.status_code == 200, answer.text
    (url,) = re.findall('<meta http-equiv="refresh" content="0; url=([^"]+)">', answer.text)
    return html.unescape(url)


def create_colleague(**fields: Any) -> tuple[Any, dict[str, Any]]:
    """Create an account, and return its actor and the provider's claims of the same person."""
    person = make.staff(**fields)
    return person, {"sub": make.unique("sub"), "email": person.email, "email_verified": True, "name": "Ana Ruiz"}


def stranger_claims(**claims: Any) -> dict[str, Any]:
    return {"sub": make.unique("sub"), "email": make.email("new"), "email_verified": True, "name": "Nia New"} | claims


def find_staff(email: str) -> Staff | None:
    with db.read_session() as session:
        return session.scalar(select(Staff).where(Staff.email_key == email_key(email)))


def list_openid_sessions(email: str) -> list[SignInSession]:
    with db.read_session() as session:
        return list(
            session.scalars(
                select(SignInSession)
                .join(Staff, Staff.id == SignInSession.staff_id)
                .where(Staff.email_key == email_key(email), SignInSession.method == "openid")
            )
        )


def assert_refused(answer, email: str, sentence: str, status: int = 403) -> None:
    """Check that a page says why and links back, and that there is no session and no cookie left."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert sentence in answer.text.replace("&#39;", "'")
    assert 'href="/session/sign-in?next=%2F' in answer.text
    assert "Traceback" not in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert [each.partition("=")[0] for each in cookies] == [openid.COOKIE_NAME]
    assert "Max-Age=0" in cookies[0]
    assert list_openid_sessions(email) == []

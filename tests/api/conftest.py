"""The whole server in this process, and its clients: a browser with a cookie, or a program with a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

import app
from tests.support import make, openid_provider
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.support.openid_visitor import Visitor, configure_openid
from ticketing import db
from ticketing.actors import Actor

ACCEPT_HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="session")
def server(database: str) -> Iterator[TestClient]:
    """Start the server once. When it ends it leaves the embedded PostgreSQL running, which other tests use."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(db, "stop", db.dispose)
        with TestClient(app.app, raise_server_exceptions=False, follow_redirects=False) as client:
            yield client


@pytest.fixture
def browser(server: TestClient) -> Iterator[TestClient]:
    """A browser without cookies."""
    server.cookies.clear()
    yield server
    server.cookies.clear()


@pytest.fixture
def sign_in(browser: TestClient) -> Callable[..., Actor]:
    """Return a function that creates an account, signs in with the form, and returns the actor."""

    def do(**fields: Any) -> Actor:
        person = make.staff(password=make.PASSWORD, **fields)
        answer = browser.post("/session/sign-in", data={"email": person.email, "password": make.PASSWORD})
        assert answer.status_code == 303
        return person

    return do


@dataclass
class Program:
    """A client of the API with a token."""

    client: TestClient
    token: str

    def __call__(self, verb: str, path: str, body: Any = None, **headers: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} | headers
        return self.client.request(verb, f"/api/v1{path}", json=body, headers=headers)


@pytest.fixture
def program(browser: TestClient) -> Callable[[Actor], Program]:
    return lambda actor: Program(browser, make.token(actor))


@pytest.fixture
def call(program: Callable[[Actor], Program], admin: Actor) -> Program:
    """An admin's program."""
    return program(admin)


@pytest.fixture(scope="module")
def running_provider():
    with openid_provider.run_provider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: Provider, monkeypatch):
    """A provider configured without a role claim."""
    running_provider.reset()
    configure_openid(
        monkeypatch,
        ISSUER=running_provider.url,
        CLIENT_ID=CLIENT_ID,
        CLIENT_SECRET=CLIENT_SECRET,
        DOMAINS="example.org, Harbor.Example",
        NAME="Harbor Lights account",
    )
    return running_provider


@pytest.fixture
def groups(provider, monkeypatch):
    """The provider with roles from a claim."""
    configure_openid(
        monkeypatch, ROLE_CLAIM="groups", ROLES="gala-team=coordinator, gala-admins=admin, /gala=readers=viewer"
    )
    return provider


@pytest.fixture
def visitor(browser, provider) -> Visitor:
    return Visitor(browser, provider)

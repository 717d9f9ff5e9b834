"""The client's address: a trusted proxy is believed on any kind of socket, and nobody else."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from api.middleware.client_address import ClientAddressMiddleware, find_client_address

CLIENT = "203.0.113.7"


def get_seen_client(peer: str, forwarded_for: str | None = None) -> list[str | None]:
    """Return the address and the scheme that a handler sees."""

    async def answer(request):
        return JSONResponse([find_client_address(request.scope), request.url.scheme])

    app = Starlette(routes=[Route("/", answer)], middleware=[Middleware(ClientAddressMiddleware)])
    headers = {} if forwarded_for is None else {"X-Forwarded-For": forwarded_for, "X-Forwarded-Proto": "https"}
    return TestClient(app, client=(peer, 50000)).get("/", headers=headers).json()


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_proxy_on_this_machine_is_believed(peer):
    assert get_seen_client(peer, CLIENT) == [CLIENT, "https"]


@pytest.mark.parametrize("peer", ["10.0.0.5", "::ffff:10.0.0.5"])
def test_proxy_elsewhere_is_believed_when_it_is_named(monkeypatch, peer):
    assert get_seen_client(peer, CLIENT) == ["10.0.0.5", "http"]
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.0/24")
    assert get_seen_client(peer, CLIENT) == [CLIENT, "https"]
    assert get_seen_client("10.0.1.5", CLIENT) == ["10.0.1.5", "http"]


def test_what_a_client_adds_before_the_proxy_is_not_believed():
    assert get_seen_client("127.0.0.1", f"198.51.100.1, {CLIENT}") == [CLIENT, "https"]


@pytest.mark.parametrize(
    ("peer", "address"),
    [(CLIENT, CLIENT), (f"::ffff:{CLIENT}", CLIENT), ("2001:DB8::1", "2001:db8::1"), ("/run/desk.sock", None)],
)
def test_address_of_a_direct_client(peer, address):
    assert get_seen_client(peer) == [address, "http"]


def test_text_in_place_of_an_address_is_not_logged():
    assert get_seen_client("127.0.0.1", "nobody actor=admin") == [None, "https"]

"""The address of the client: the peer of the connection, or what a trusted proxy says about it."""

from __future__ import annotations

from functools import cached_property
from ipaddress import IPv6Address, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ticketing import settings


class ClientAddressMiddleware:
    """ASGI middleware, the outermost: corrects the client and the scheme of the scope from X-Forwarded-*.

    uvicorn does so as well, but it compares addresses as they come: on a socket for IPv4 and IPv6, which is what
    Streamlit opens by default, an IPv4 proxy is ::ffff:10.0.0.5 and never the 10.0.0.5 of FORWARDED_ALLOW_IPS.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope.get("client"):
            host, port = scope["client"]
            scope["client"] = (unmap_address(host), port)
        await self._forwarded(scope, receive, send)  # type: ignore[arg-type]

    @cached_property
    def _forwarded(self) -> ProxyHeadersMiddleware:
        return ProxyHeadersMiddleware(self._app, settings.load().trusted_proxies)  # type: ignore[arg-type]


def unmap_address(host: str) -> str:
    """Return 10.0.0.5 for ::ffff:10.0.0.5, and any other text unchanged."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return host if mapped is None else str(mapped)


def find_client_address(scope: Scope) -> str | None:
    """Return the IP address of the client, or None where there is none: a Unix socket, or text that a proxy sent."""
    host, _ = scope.get("client") or ("", 0)
    try:
        return str(ip_address(host))
    except ValueError:
        return None

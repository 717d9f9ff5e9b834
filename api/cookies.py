"""Signed cookies: their names, their attributes, and how old a signature may be."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from itsdangerous import SignatureExpired, TimestampSigner, URLSafeTimedSerializer
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from ticketing import secret_key, settings

# How far the clocks of two servers may differ, or one clock be set back.
MAX_CLOCK_SKEW_SECONDS = 60


class ClockTolerantSigner(TimestampSigner):
    """Accept signatures that are up to MAX_CLOCK_SKEW_SECONDS in the future, which itsdangerous calls expired."""

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        """Return the value, with `return_timestamp` also when it was signed. Raises BadSignature."""
        value, signed_at = super().unsign(signed_value, return_timestamp=True)
        age = (datetime.now(UTC) - signed_at).total_seconds()
        if max_age is not None and not -MAX_CLOCK_SKEW_SECONDS <= age <= max_age:
            raise SignatureExpired(f"Signed {age:.0f} s ago", payload=value, date_signed=signed_at)
        return (value, signed_at) if return_timestamp else value


@cache
def get_signer(salt: str) -> ClockTolerantSigner:
    return ClockTolerantSigner(secret_key.get(), salt=salt)


@cache
def get_serializer(salt: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key.get(), salt=salt, signer=ClockTolerantSigner)


def is_https(connection: HTTPConnection) -> bool:
    """Return whether cookies must be marked Secure."""
    return connection.scope.get("scheme") in ("https", "wss") or settings.load().is_behind_tls


def get_name(connection: HTTPConnection, name: str) -> str:
    """Return the cookie's name for this connection. By https browsers accept "__Host-" names from this host only.

    Without the prefix a page of another subdomain, or of the same host by http, could plant a cookie of ours.
    """
    return f"__Host-{name}" if is_https(connection) else name


def find(connection: HTTPConnection, name: str) -> str | None:
    """Return the value of a cookie, still signed, or None."""
    return connection.cookies.get(get_name(connection, name))


def set_cookie(response: Response, request: Request, name: str, value: str, *, max_age_seconds: int) -> None:
    """Set a cookie that scripts cannot read and other sites do not send."""
    response.set_cookie(
        get_name(request, name),
        value,
        max_age=max_age_seconds,
        httponly=True,
        samesite="lax",
        secure=is_https(request),
    )


def delete_cookie(response: Response, request: Request, name: str) -> None:
    response.delete_cookie(get_name(request, name), httponly=True, samesite="lax", secure=is_https(request))

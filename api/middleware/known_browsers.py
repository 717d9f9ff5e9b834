"""A signed cookie that says which accounts a browser has signed in to, so that it has wrong passwords of its own.

Its random id also tells the tills of the box office apart, since people at one table share a login.
It opens nothing: sign-in still needs the password (ticketing/access/sign_in.py, count_attempt).
"""

from __future__ import annotations

import hashlib
import secrets
import uuid

from itsdangerous import BadData
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from api import cookies
from api.middleware.client_address import find_client_address
from ticketing.access.sign_in import Browser, SignIn

COOKIE_NAME = "ticketdesk_browser"
MAX_AGE_SECONDS = 180 * 24 * 60 * 60
MAX_ACCOUNTS = 10


def find_browser(connection: HTTPConnection) -> Browser:
    """Return where a request comes from, with the accounts of its cookie, if that is ours and not expired."""
    address = find_client_address(connection.scope) or ""
    browser_id, accounts = _read_cookie(connection)
    return Browser(address, browser_id, frozenset(map(uuid.UUID, accounts)))


def find_till(connection: HTTPConnection) -> str | None:
    """Return the id of this device at the box office, which reveals nothing of the cookie; None without a cookie."""
    browser_id, _ = _read_cookie(connection)
    return hashlib.sha256(f"till {browser_id}".encode()).hexdigest()[:32] if browser_id else None


def remember_sign_in(response: Response, request: Request, signed_in: SignIn) -> None:
    """Add the account to the browser's cookie; beyond MAX_ACCOUNTS the one that signed in longest ago is dropped."""
    browser_id, accounts = _read_cookie(request)
    account = str(signed_in.staff_id)
    latest = [*(each for each in accounts if each != account), account][-MAX_ACCOUNTS:]
    signed = cookies.get_serializer(COOKIE_NAME).dumps([browser_id or secrets.token_urlsafe(16), latest])
    cookies.set_cookie(response, request, COOKIE_NAME, str(signed), max_age_seconds=MAX_AGE_SECONDS)


def _read_cookie(connection: HTTPConnection) -> tuple[str, list[str]]:
    try:
        signed = cookies.find(connection, COOKIE_NAME) or ""
        browser_id, accounts = cookies.get_serializer(COOKIE_NAME).loads(signed, max_age=MAX_AGE_SECONDS)
    except BadData:
        return "", []
    return browser_id, accounts

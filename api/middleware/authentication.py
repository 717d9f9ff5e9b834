"""Authentication: turns the session cookie or bearer token of a request into an Actor before anything else runs.

Pages, their websocket, downloads and media require a session, `/api/v1` a bearer token, pictures and the API
documentation either of them. PUBLIC_PATHS require nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

from anyio import CapacityLimiter, to_thread
from itsdangerous import BadSignature
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import cookies, errors
from api.middleware import known_browsers
from ticketing import db, settings
from ticketing.access import permissions, sign_in, staff
from ticketing.access.sign_in import SignIn
from ticketing.actors import Actor
from ticketing.errors import NotSignedIn, TicketingError

P = ParamSpec("P")
T = TypeVar("T")
COOKIE_NAME = "ticketdesk_session"
# Passed to pages by Streamlit's server.trustedUserHeaders: the id of the SignInSession, never its secret.
SESSION_HEADER = b"x-ticketdesk-session"
# The device and tab whose drafts of orders the box office continues.
TILL_HEADER = b"x-ticketdesk-till"
_TAB = re.compile("[a-z0-9]{1,40}")
OWN_HEADERS = (SESSION_HEADER, TILL_HEADER)
COOKIE_MAX_AGE_SECONDS = sign_in.SESSION_DAYS * 24 * 60 * 60
PICTURES_PATH = "/pictures/"
TILL_STOCK_PATH = "/till/stock/"
INVALID_TOKEN_MESSAGE = "Send a token that is valid: Authorization: Bearer td_..."  # noqa: S105
# Every request is authenticated first, so this must not wait for the threads in which requests are answered.
_LIMITER = CapacityLimiter(8)
PUBLIC_PATHS = {
    "/healthz",
    "/livez",
    "/metrics",  # requires a token of its own
    "/session/sign-in",
    "/session/sign-out",
    "/session/first-run",
    "/session/invitation",
    "/session/openid",
    "/session/openid/back",
    "/session/style.css",
    "/session/icon.svg",
}


class AuthenticationMiddleware:
    """ASGI middleware for requests and websockets: puts the Actor into `scope["state"]`, or refuses the request."""

    def __init__(self, app: ASGIApp, static_path: str) -> None:
        self.app = app
        self._static_path = static_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        # Change the scope in place: the request log reads the actor from it (api/middleware/request_log.py).
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() not in OWN_HEADERS]
        scope["state"] = {**scope.get("state", {}), "actor": None}
        try:
            refusal_response = await self._authenticate(scope)
        except TicketingError as refusal:
            refusal_response = errors.refusal_response(scope, refusal)
        if refusal_response is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401})
        else:
            await refusal_response(scope, receive, send)

    async def _authenticate(self, scope: Scope) -> Response | None:
        """Put the Actor into the scope and return None, or return the response that refuses the request."""
        path = scope["path"]
        connection = HTTPConnection(scope)
        if path in PUBLIC_PATHS:
            return None
        # Streamlit's scripts and styles, about 60 per page, contain no data: check the signature without the database.
        if path.startswith(self._static_path) and find_cookie_secret(connection):
            return None
        # Asked every 2 seconds by each open till, and answered from memory: the route itself checks the session, but
        # not each time (api/site/till.py).
        if path.startswith(TILL_STOCK_PATH) and find_cookie_secret(connection):
            return None
        actor = await run_in_thread(_find_actor, connection)
        if actor is None:
            return await self._unauthenticated_response(scope)
        scope["state"]["actor"] = actor
        if actor.session_id is not None:
            scope["headers"].append((SESSION_HEADER, str(actor.session_id).encode()))
            scope["headers"].append((TILL_HEADER, name_till(connection, actor).encode()))
        return None

    async def _unauthenticated_response(self, scope: Scope) -> Response:
        if errors.is_api_path(scope["path"]):
            return errors.problem_response(
                401, NotSignedIn.code, INVALID_TOKEN_MESSAGE, errors.get_headers(NotSignedIn())
            )
        if not errors.is_page_request(scope):
            return errors.refusal_response(scope, NotSignedIn())
        if await run_in_thread(is_first_run):
            return RedirectResponse("/session/first-run", 303)
        query = scope["query_string"].decode("latin-1")
        target = quote(scope["path"]) + (f"?{query}" if query else "")
        return RedirectResponse(f"/session/sign-in?next={quote(target, safe='')}", 303)


async def run_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function of authentication in a thread that no other request occupies."""
    return await to_thread.run_sync(partial(function, *args, **kwargs), limiter=_LIMITER)


def get_actor(request: HTTPConnection) -> Actor:
    """Return the actor of an authenticated request. Raises NotSignedIn on public paths."""
    actor: Actor | None = request.state.actor
    if actor is None:
        raise NotSignedIn
    return actor


def name_till(connection: HTTPConnection, actor: Actor) -> str:
    """Return the id of the device, with that of the tab where its page sends one (ui/scripts/shell.js)."""
    device = known_browsers.find_till(connection) or str(actor.session_id)
    tab = connection.query_params.get("tab", "")
    return f"{device}.{tab}" if _TAB.fullmatch(tab) else device


def _find_actor(connection: HTTPConnection) -> Actor | None:
    path = connection.scope["path"]
    if errors.is_api_path(path):
        return find_token_actor(connection)
    if path.startswith((*errors.DOCUMENTATION_PATHS, PICTURES_PATH)):
        return find_session_actor(connection) or find_token_actor(connection)
    return find_session_actor(connection)


def find_session_actor(connection: HTTPConnection) -> Actor | None:
    """Return the actor of the session cookie, or None if it is absent, forged, or its session has ended."""
    secret = find_cookie_secret(connection)
    if secret is None:
        return None
    with db.read_session() as session:
        actor = permissions.find_session_actor(session, secret)
    return touch_last_used(actor)


def find_token_actor(connection: HTTPConnection) -> Actor | None:
    """Return the actor of the bearer token, or None if it is absent or not valid."""
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        return None
    with db.read_session() as session:
        actor = permissions.find_token_actor(session, secret.strip())
    return touch_last_used(actor)


def touch_last_used(actor: Actor | None) -> Actor | None:
    """Return the actor unchanged, after updating the last use of the session or token if that is due."""
    if actor is not None and actor.needs_last_used_update:
        db.write(lambda session: permissions.touch_last_used(session, actor))
    return actor


def find_cookie_secret(connection: HTTPConnection) -> str | None:
    """Return the secret in the session cookie, or None if there is no valid cookie."""
    cookie = cookies.find(connection, COOKIE_NAME)
    return None if cookie is None else unsign_cookie(cookie)


def unsign_cookie(cookie: str) -> str | None:
    """Return the secret in a signed cookie, or None if the signature is not ours or has expired."""
    try:
        secret: bytes = cookies.get_signer(COOKIE_NAME).unsign(cookie, max_age=COOKIE_MAX_AGE_SECONDS)
        return secret.decode()
    except (BadSignature, UnicodeError):
        return None


def set_session_cookie(response: Response, request: Request, signed_in: SignIn) -> None:
    """Set the cookie of a session that was just opened, and the one by which the browser is known from now on."""
    known_browsers.remember_sign_in(response, request, signed_in)
    signed = cookies.get_signer(COOKIE_NAME).sign(signed_in.secret).decode()
    cookies.set_cookie(response, request, COOKIE_NAME, signed, max_age_seconds=COOKIE_MAX_AGE_SECONDS)


def delete_session_cookie(response: Response, request: Request) -> None:
    cookies.delete_cookie(response, request, COOKIE_NAME)


def is_same_origin(connection: HTTPConnection) -> bool:
    """Return whether one of our own pages sent the request. Programs send no Origin, and have no cookie to abuse.

    Where TICKETDESK_BASE_URL is https, an http page of the same host is not ours.
    """
    if connection.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    sender, ours = urlsplit(origin), urlsplit(settings.load().base_url or "")
    if sender.scheme not in ("http", "https") or not sender.netloc:
        return False
    if sender.netloc == ours.netloc:
        return sender.scheme == ours.scheme
    return sender.netloc == connection.headers.get("host")


def is_first_run() -> bool:
    """Return whether there is no account yet, so that the first-run page is shown.

    False with an OpenID provider: such a server can be reached by others, and its first visitor would become admin.
    """
    if settings.load().openid is not None:
        return False
    with db.read_session() as session:
        return staff.is_first_run(session)

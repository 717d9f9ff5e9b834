"""Who is asking: a browser's signed cookie or a program's bearer token, turned into an Actor before anything runs.

Pages, their websocket, downloads and media are open to a signed-in browser, `/api/v1` to a bearer token, pictures and
the API's documentation to either. Everybody else reaches OPEN and nothing more.
"""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import quote, urlsplit

from itsdangerous import BadSignature, TimestampSigner
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from ticketing import db, settings
from ticketing.access import permissions, sign_in, staff
from ticketing.access.sign_in import SignIn
from ticketing.actors import Actor
from ticketing.errors import NotFound, NotSignedIn, TicketingError

COOKIE_NAME = "ticketdesk_session"
# Read by the frame through server.trustedUserHeaders: the id of the SignInSession, never its secret.
SESSION_HEADER = b"x-ticketdesk-session"
COOKIE_MAX_AGE_SECONDS = sign_in.SESSION_DAYS * 24 * 60 * 60
PICTURES_PATH = "/pictures/"
INVALID_TOKEN_MESSAGE = "Send a token that is valid: Authorization: Bearer td_..."  # noqa: S105
_LINE_BREAK = re.compile(r"[\r\n]")
PUBLIC_PATHS = {
    "/healthz",
    "/livez",
    "/metrics",  # asks for a token of its own
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
    """ASGI middleware for requests and websockets: puts the Actor into `scope["state"]`, or turns the caller away."""

    def __init__(self, app: ASGIApp, static_path: str) -> None:
        self.app = app
        self._static_path = static_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        # In place: the log of the request reads there who was let in (api/middleware/request_log.py).
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() != SESSION_HEADER]
        scope["state"] = {**scope.get("state", {}), "actor": None}
        try:
            turned_away = await self._authenticate(scope)
        except TicketingError as refusal:
            turned_away = errors.refusal_response(scope, refusal)
        if turned_away is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401})
        else:
            await turned_away(scope, receive, send)

    async def _authenticate(self, scope: Scope) -> Response | None:
        """None lets the request in."""
        path = scope["path"]
        connection = HTTPConnection(scope)
        if path in PUBLIC_PATHS:
            return None
        # Streamlit's own scripts and styles, some 60 for one page: the signature alone shows that we know the browser.
        if path.startswith(self._static_path) and find_cookie_secret(connection):
            return None
        actor = await run_in_threadpool(_find_actor, connection)
        if actor is None:
            return await self._unauthenticated_response(scope)
        if errors.is_api_path(path) and _LINE_BREAK.search(path):
            raise NotFound("address")  # no route matches it, so it would get Streamlit's answer
        scope["state"]["actor"] = actor
        if actor.session_id is not None:
            scope["headers"].append((SESSION_HEADER, str(actor.session_id).encode()))
        return None

    async def _unauthenticated_response(self, scope: Scope) -> Response:
        if errors.is_api_path(scope["path"]):
            return errors.problem_response(
                401, NotSignedIn.code, INVALID_TOKEN_MESSAGE, errors.get_headers(NotSignedIn())
            )
        if not errors.is_page_request(scope):
            return errors.refusal_response(scope, NotSignedIn())
        if await run_in_threadpool(is_first_run):
            return RedirectResponse("/session/first-run", 303)
        query = scope["query_string"].decode("latin-1")
        wanted = quote(scope["path"]) + (f"?{query}" if query else "")
        return RedirectResponse(f"/session/sign-in?next={quote(wanted, safe='')}", 303)


def get_actor(request: HTTPConnection) -> Actor:
    """Whom the guard let in. Raises NotSignedIn."""
    actor: Actor | None = request.state.actor
    if actor is None:
        raise NotSignedIn
    return actor


def _find_actor(connection: HTTPConnection) -> Actor | None:
    path = connection.scope["path"]
    if errors.is_api_path(path):
        return find_token_actor(connection)
    if path.startswith((*errors.DOCUMENTATION_PATHS, PICTURES_PATH)):
        return find_session_actor(connection) or find_token_actor(connection)
    return find_session_actor(connection)


def find_session_actor(connection: HTTPConnection) -> Actor | None:
    """Whom the cookie speaks for; None when it is absent, forged, or its session has ended."""
    secret = find_cookie_secret(connection)
    if secret is None:
        return None
    with db.read_session() as session:
        actor = permissions.find_session_actor(session, secret)
    return _touch_last_used(actor)


def find_token_actor(connection: HTTPConnection) -> Actor | None:
    """Whom the bearer token speaks for."""
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        return None
    with db.read_session() as session:
        actor = permissions.find_token_actor(session, secret.strip())
    return _touch_last_used(actor)


def _touch_last_used(actor: Actor | None) -> Actor | None:
    """The same, having noted now and then when the session or token was last used."""
    if actor is not None and actor.needs_last_used_update:
        db.write(lambda session: permissions.touch_last_used(session, actor))
    return actor


def find_cookie_secret(connection: HTTPConnection) -> str | None:
    """The secret inside the cookie that came along, if there is one and it is ours."""
    cookie = connection.cookies.get(COOKIE_NAME)
    return None if cookie is None else unsign_cookie(cookie)


def unsign_cookie(cookie: str) -> str | None:
    """The secret, if the signature is ours and not older than a session lives."""
    try:
        return _signer().unsign(cookie, max_age=COOKIE_MAX_AGE_SECONDS).decode()
    except (BadSignature, UnicodeError):
        return None


def set_session_cookie(response: Response, request: Request, signed_in: SignIn) -> None:
    """Gives the browser the cookie of a session that was just opened."""
    response.set_cookie(
        COOKIE_NAME,
        _signer().sign(signed_in.secret).decode(),
        max_age=COOKIE_MAX_AGE_SECONDS,
        httponly=True,
        samesite="lax",
        secure=is_https(request),
    )


def delete_session_cookie(response: Response, request: Request) -> None:
    response.delete_cookie(COOKIE_NAME, httponly=True, samesite="lax", secure=is_https(request))


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether one of our own pages sent it; programs, which say nothing of an origin, have no cookie to abuse.

    Where people come by https, a page under our name that came without it was put there by somebody else.
    """
    if connection.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    sent_by, ours = urlsplit(origin), urlsplit(settings.load().base_url or "")
    if sent_by.scheme not in ("http", "https") or not sent_by.netloc:
        return False
    if sent_by.netloc == ours.netloc:
        return sent_by.scheme == ours.scheme
    return sent_by.netloc == connection.headers.get("host")


def is_https(request: Request) -> bool:
    """Whether cookies are for https alone."""
    return request.url.scheme == "https" or settings.load().is_behind_tls


def is_first_run() -> bool:
    """Whether nobody has an account yet, so that the first-run screen is offered.

    Not where an OpenID provider is set up: such a server is for others, and whoever found it first would own it.
    """
    if settings.load().openid is not None:
        return False
    with db.read_session() as session:
        return staff.is_first_run(session)


@cache
def _signer() -> TimestampSigner:
    return TimestampSigner(settings.get_secret(), salt=COOKIE_NAME)

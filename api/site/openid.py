"""Sign-in by OpenID Connect beside passwords: to the provider with PKCE, back with a code, into the same session row.

What must be remembered meanwhile is in a signed cookie of the browser that began, so that any server can finish what
another began, and nobody can finish what somebody else began.
"""

from __future__ import annotations

import secrets
from functools import cache
from urllib.parse import urlencode

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api import errors, html
from api.middleware import authentication
from api.site import openid_provider
from api.site.openid_provider import ProviderAway, Refused
from api.site.sign_in import safe_next
from ticketing import db, settings
from ticketing.access import openid
from ticketing.errors import TicketingError
from ticketing.settings import OpenId

START = "/session/openid"
BACK = "/session/openid/back"
COOKIE = "ticketdesk_openid"
SECONDS_TO_SIGN_IN = 600
NOT_SET_UP = "Sign-in by OpenID is not set up here. Sign in with your e-mail address and password."
NOT_BEGUN_HERE = "This sign-in was not begun in this browser, or more than 10 minutes ago. Begin again."
NOT_CONFIRMED = "Your {name} did not confirm this sign-in. Begin again."
AWAY = "Your {name} does not answer. Try again in a few minutes, or sign in with a password."


async def start(request: Request) -> Response:
    """Sends the browser to the provider, with what it must bring back."""
    onward = safe_next(request.query_params.get("next"))
    rules = settings.openid()
    if rules is None:
        return _refused(request, 404, NOT_SET_UP, onward)
    if await run_in_threadpool(authentication.find_signed_in, request):
        return RedirectResponse(onward, 303)
    try:
        provider = await openid_provider.find(rules)
    except ProviderAway:
        return _away(request, rules, onward)
    begun = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
    }
    response = RedirectResponse(provider.address_to_sign_in(redirect_uri=_redirect_uri(request), **begun), 303)
    response.set_cookie(
        COOKIE,
        _serializer().dumps(begun | {"next": onward}),
        max_age=SECONDS_TO_SIGN_IN,
        path=START,
        httponly=True,
        samesite="lax",
        secure=authentication.is_https(request),
    )
    return response


async def back(request: Request) -> Response:
    """The provider's answer, which only the browser that began may bring, once."""
    rules = settings.openid()
    if rules is None:
        return _refused(request, 404, NOT_SET_UP, "/")
    begun = _begun(request)
    brought = request.query_params.get("state", "").encode()
    if begun is None or not secrets.compare_digest(begun["state"].encode(), brought):
        return _refused(request, 403, NOT_BEGUN_HERE, "/")
    onward = begun["next"]
    if not (code := request.query_params.get("code")):
        return _refused(request, 403, NOT_CONFIRMED.format(name=rules.name), onward)
    agent = request.headers.get("user-agent", "")
    try:
        provider = await openid_provider.find(rules)
        claims = await provider.claims(
            code=code,
            redirect_uri=_redirect_uri(request),
            nonce=begun["nonce"],
            verifier=begun["verifier"],
        )
        signed_in = await run_in_threadpool(
            db.write,
            lambda session: openid.admit(
                session, claims, rules, user_agent=agent, replaced=authentication.cookie_secret(request)
            ),
        )
    except ProviderAway:
        return _away(request, rules, onward)
    except Refused:
        return _refused(request, 403, NOT_CONFIRMED.format(name=rules.name), onward)
    except TicketingError as refusal:
        return _refused(request, errors.status_of(refusal), str(refusal), onward)
    response = RedirectResponse(onward, 303)
    _forget(response, request)
    authentication.remember(response, request, signed_in)
    return response


def _begun(request: Request) -> dict[str, str] | None:
    try:
        begun: dict[str, str] = _serializer().loads(request.cookies.get(COOKIE, ""), max_age=SECONDS_TO_SIGN_IN)
    except BadData:
        return None
    return begun


def _redirect_uri(request: Request) -> str:
    return (settings.base_url() or str(request.base_url).rstrip("/")) + BACK


def _away(request: Request, rules: OpenId, onward: str) -> Response:
    response = _refused(request, 503, AWAY.format(name=rules.name), onward)
    response.headers["Retry-After"] = str(errors.RETRY_SECONDS)
    return response


def _refused(request: Request, status: int, sentence: str, onward: str) -> Response:
    """What began ends with it: the next try begins anew."""
    response = html.page(
        "problem.html",
        status,
        title="You are not signed in",
        sentence=sentence,
        way_on="/session/sign-in?" + urlencode({"next": onward}),
        way_on_says="Back to sign-in",
    )
    _forget(response, request)
    return response


def _forget(response: Response, request: Request) -> None:
    response.delete_cookie(COOKIE, path=START, httponly=True, samesite="lax", secure=authentication.is_https(request))


@cache
def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret(), salt=COOKIE)


routes = [Route(START, start), Route(BACK, back)]

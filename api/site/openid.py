"""Sign-in with OpenID Connect (authorization code flow with PKCE), which opens the same sessions as a password.

State, nonce and verifier are kept in a signed cookie of the browser that starts, so that any server can finish a
sign-in that another one started, and no other browser can.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from itsdangerous import BadData
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api import cookies, errors, html
from api.middleware import authentication
from api.site import openid_provider
from api.site.openid_provider import ProviderUnavailable, SignInRejected
from api.site.sign_in import read_form, safe_next
from ticketing import db, settings
from ticketing.access import openid, sign_in_log
from ticketing.errors import TicketingError
from ticketing.settings import OpenIdSettings

START_PATH = "/session/openid"
CALLBACK_PATH = "/session/openid/back"
COOKIE_NAME = "ticketdesk_openid"
MAX_SIGN_IN_SECONDS = 600
FAILURE_REASONS = {404: "not_configured", 503: "unavailable"}  # in the log, by status; any other is "refused"
NOT_CONFIGURED_MESSAGE = "Sign-in with OpenID is not set up here. Sign in with your e-mail address and password."
UNKNOWN_SIGN_IN_MESSAGE = "This sign-in was started in another browser, or more than 10 minutes ago. Start again."
NOT_CONFIRMED_MESSAGE = "Your {name} did not confirm this sign-in. Start again."
PROVIDER_UNAVAILABLE_MESSAGE = "Your {name} does not answer. Try again in a few minutes, or sign in with a password."


async def start(request: Request) -> Response:
    """Send the browser to the provider (POST), or show the sign-in page, which has the button for that (GET).

    So nobody is signed in by a link on another site: forms of other sites are refused (api/middleware/csrf.py).
    """
    is_confirmed = request.method == "POST"
    next_path = safe_next((await read_form(request) if is_confirmed else request.query_params).get("next"))
    rules = settings.load().openid
    if rules is None:
        return _refusal_response(request, 404, NOT_CONFIGURED_MESSAGE, next_path)
    if not is_confirmed:
        return RedirectResponse(_sign_in_path(next_path), 303)
    if await authentication.run_in_thread(authentication.find_session_actor, request):
        return RedirectResponse(next_path, 303)
    pending = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
    }
    try:
        url = await openid_provider.create_sign_in_url(rules, redirect_uri=_redirect_uri(request), **pending)
    except ProviderUnavailable:
        return _unavailable_response(request, rules, next_path)
    # A page and no redirect: Chromium applies form-action of the sign-in page's policy to every redirect after a form,
    # those of the provider to further hosts included, and we do not know these.
    response = html.render_page("openid_start.html", name=rules.name, url=url)
    signed = cookies.get_serializer(COOKIE_NAME).dumps(pending | {"next": next_path})
    cookies.set_cookie(response, request, COOKIE_NAME, signed, max_age_seconds=MAX_SIGN_IN_SECONDS)
    return response


async def callback(request: Request) -> Response:
    """Handle the redirect back from the provider. Only the browser that started the sign-in may bring it, and once."""
    rules = settings.load().openid
    if rules is None:
        return _refusal_response(request, 404, NOT_CONFIGURED_MESSAGE, "/")
    pending = _find_pending_sign_in(request)
    state = request.query_params.get("state", "").encode()
    if pending is None or not secrets.compare_digest(pending["state"].encode(), state):
        return _refusal_response(request, 403, UNKNOWN_SIGN_IN_MESSAGE, "/")
    next_path = pending["next"]
    if not (code := request.query_params.get("code")):
        return _refusal_response(request, 403, NOT_CONFIRMED_MESSAGE.format(name=rules.name), next_path)
    user_agent = request.headers.get("user-agent", "")
    try:
        claims = await openid_provider.get_claims(
            rules,
            code=code,
            redirect_uri=_redirect_uri(request),
            nonce=pending["nonce"],
            verifier=pending["verifier"],
        )
        signed_in = await run_in_threadpool(
            db.write,
            lambda session: openid.sign_in_with_claims(
                session,
                claims,
                rules,
                user_agent=user_agent,
                previous_secret=authentication.find_cookie_secret(request),
            ),
        )
    except ProviderUnavailable:
        return _unavailable_response(request, rules, next_path)
    except SignInRejected:
        return _refusal_response(request, 403, NOT_CONFIRMED_MESSAGE.format(name=rules.name), next_path)
    except TicketingError as refusal:
        return _refusal_response(request, errors.get_status(refusal), str(refusal), next_path)
    response = RedirectResponse(next_path, 303)
    cookies.delete_cookie(response, request, COOKIE_NAME)
    authentication.set_session_cookie(response, request, signed_in)
    return response


def _find_pending_sign_in(request: Request) -> dict[str, str] | None:
    try:
        signed = cookies.find(request, COOKIE_NAME) or ""
        pending: dict[str, str] = cookies.get_serializer(COOKIE_NAME).loads(signed, max_age=MAX_SIGN_IN_SECONDS)
    except BadData:
        return None
    return pending


def _sign_in_path(next_path: str) -> str:
    return "/session/sign-in?" + urlencode({"next": next_path})


def _redirect_uri(request: Request) -> str:
    return (settings.load().base_url or str(request.base_url).rstrip("/")) + CALLBACK_PATH


def _unavailable_response(request: Request, rules: OpenIdSettings, next_path: str) -> Response:
    response = _refusal_response(request, 503, PROVIDER_UNAVAILABLE_MESSAGE.format(name=rules.name), next_path)
    response.headers["Retry-After"] = str(errors.RETRY_AFTER_SECONDS)
    return response


def _refusal_response(request: Request, status: int, sentence: str, next_path: str) -> Response:
    """Show why the sign-in failed, and delete its cookie so that the next attempt starts over."""
    sign_in_log.log_failure("openid", reason=FAILURE_REASONS.get(status, "refused"))
    response = html.render_page(
        "problem.html",
        status,
        title="You are not signed in",
        sentence=sentence,
        link=_sign_in_path(next_path),
        link_text="Back to sign-in",
    )
    cookies.delete_cookie(response, request, COOKIE_NAME)
    return response


routes = [Route(START_PATH, start, methods=["GET", "POST"]), Route(CALLBACK_PATH, callback)]

"""The page that an invitation link opens: choose the password of the account."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import errors, html
from api.middleware import authentication, known_browsers
from api.site.hashing_queue import get_lane
from api.site.sign_in import HASHING_QUEUE, form_messages, read_form, signed_in_response
from ticketing import db
from ticketing.access import invitations, sign_in_log
from ticketing.access.invitations import AcceptDraft
from ticketing.access.sign_in import SignIn
from ticketing.errors import Conflict, LinkRefused, TicketingError
from ticketing.validation import validate

# The URL contains a secret, so send only the origin as referrer. Not "no-referrer": browsers would then send
# "Origin: null" with the form, and over plain http the origin is all that shows the form is ours.
REFERRER_POLICY = {"Referrer-Policy": "strict-origin"}


async def invitation_page(request: Request) -> Response:
    """Show the form (GET), or set the password and open a session (POST)."""
    if request.method == "POST":
        return await _handle_post(request)
    return await run_in_threadpool(_render_form, request.query_params.get("code", "").replace("\0", ""))


async def _handle_post(request: Request) -> Response:
    form = await read_form(request)
    code = form.get("code", "")
    user_agent = request.headers.get("user-agent", "")
    previous_secret = authentication.find_cookie_secret(request)
    try:
        lane = get_lane(known_browsers.find_browser(request))
        signed_in = await HASHING_QUEUE.run(
            lane, _accept_invitation, code, form.get("password", ""), user_agent, previous_secret
        )
    except Conflict as refusal:
        return _refusal_response(refusal)
    except TicketingError as refusal:
        return await run_in_threadpool(_render_form, code, refusal)
    return signed_in_response(request, signed_in, "/")


def _accept_invitation(code: str, password: str, user_agent: str, previous_secret: str | None) -> SignIn:
    draft = validate(AcceptDraft, {"password": password})
    return db.write(
        lambda session: invitations.accept(session, code, draft, user_agent=user_agent, previous_secret=previous_secret)
    )


def _render_form(code: str, refusal: TicketingError | None = None) -> Response:
    try:
        with db.read_session() as session:
            person = invitations.get_account(session, code)
    except Conflict as link_refusal:
        return _refusal_response(link_refusal)
    status = 200 if refusal is None else errors.get_status(refusal)
    headers = {} if refusal is None else errors.get_headers(refusal)
    fields, alert = ({}, None) if refusal is None else form_messages(refusal)
    variables = {"name": person.name, "email": person.email, "is_new": person.password_hash is None, "code": code}
    return html.render_page(
        "invitation.html", status, headers | REFERRER_POLICY, **variables, fields=fields, alert=alert
    )


def _refusal_response(refusal: Conflict) -> Response:
    reason = refusal.reason if isinstance(refusal, LinkRefused) else "passwords_off"
    sign_in_log.log_failure("invitation", reason=reason)
    status = errors.get_status(refusal)
    return html.render_page(
        "problem.html", status, REFERRER_POLICY, title="This link does not work", sentence=str(refusal)
    )


routes = [Route("/session/invitation", invitation_page, methods=["GET", "POST"])]

"""The page behind an invitation's link, where its holder chooses the account's password."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api import errors, html
from api.middleware import authentication
from api.site.sign_in import read_form, told, welcome
from ticketing import db
from ticketing.access import invitations
from ticketing.access.invitations import AcceptDraft
from ticketing.access.sign_in import SignIn
from ticketing.errors import LinkRefused, TicketingError
from ticketing.validation import validated

# The address holds a secret, so nothing but the origin leaves as referrer. Not "no-referrer", with which browsers send
# "Origin: null" with the form; over plain http nothing else tells that it is ours.
QUIET = {"Referrer-Policy": "strict-origin"}


async def invitation_page(request: Request) -> Response:
    """GET shows the form, POST takes the password and opens a session."""
    if request.method == "POST":
        return await _accept(request)
    return await run_in_threadpool(_form, request.query_params.get("code", "").replace("\0", ""))


async def _accept(request: Request) -> Response:
    sent = await read_form(request)
    code = sent.get("code", "")
    agent, replaced = request.headers.get("user-agent", ""), authentication.cookie_secret(request)
    try:
        signed_in = await run_in_threadpool(_open, code, sent.get("password", ""), agent, replaced)
    except LinkRefused as refusal:
        return _refused(refusal)
    except TicketingError as refusal:
        return await run_in_threadpool(_form, code, refusal)
    return welcome(request, signed_in, "/")


def _open(code: str, password: str, agent: str, replaced: str | None) -> SignIn:
    draft = validated(AcceptDraft, {"password": password})
    return db.write(lambda session: invitations.accept(session, code, draft, user_agent=agent, replaced=replaced))


def _form(code: str, refusal: TicketingError | None = None) -> Response:
    try:
        with db.reading() as session:
            person = invitations.find(session, code)
    except LinkRefused as refused:
        return _refused(refused)
    status = 200 if refusal is None else errors.status_of(refusal)
    headers = {} if refusal is None else errors.headers_of(refusal)
    fields, alert = ({}, None) if refusal is None else told(refusal)
    shown = {"name": person.name, "email": person.email, "is_new": person.password_hash is None, "code": code}
    return html.page("invitation.html", status, headers | QUIET, **shown, fields=fields, alert=alert)


def _refused(refusal: LinkRefused) -> Response:
    status = errors.status_of(refusal)
    return html.page("problem.html", status, QUIET, title="This link does not open", sentence=str(refusal))


routes = [Route("/session/invitation", invitation_page, methods=["GET", "POST"])]

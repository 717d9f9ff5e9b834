"""Signing in and out, and the first start: plain forms that work before, and without, the app itself.

What comes from another site never gets here (api/middleware/csrf.py).
"""

from __future__ import annotations

from urllib.parse import urlencode

from anyio import CapacityLimiter, to_thread
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from api import errors, html
from api.middleware import authentication
from ticketing import db, settings
from ticketing.access import sign_in, staff
from ticketing.access.sign_in import SignIn
from ticketing.access.staff import StaffDraft
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, TicketingError
from ticketing.validation import validate

# To check a password takes 64 MB and a database connection for as long as it takes. When all come in the morning they
# wait for each other here, and nobody else waits for them.
_SIGN_IN_LIMITER = CapacityLimiter(2)


def safe_next(target: str | None) -> str:
    """A place inside the app to go on to; anything that could lead elsewhere is the start page."""
    if (
        not target
        or not target.startswith("/")
        or target.startswith(("//", "/session/"))
        or "\\" in target
        or any(ord(letter) < 32 for letter in target)
    ):
        return "/"
    return target


async def sign_in_page(request: Request) -> Response:
    """GET shows the form, POST opens a session and goes on to `next`."""
    if request.method == "POST":
        return await _handle_sign_in(request)
    onward = safe_next(request.query_params.get("next"))
    if await run_in_threadpool(authentication.find_session_actor, request):
        return RedirectResponse(onward, 303)
    if await run_in_threadpool(authentication.is_first_run):
        return RedirectResponse("/session/first-run", 303)
    return _render_sign_in_page(onward)


async def _handle_sign_in(request: Request) -> Response:
    typed = await read_form(request)
    onward = safe_next(typed.get("next"))
    email = typed.get("email", "")
    missing = {name: "Fill this in." for name in ("email", "password") if not typed.get(name, "").strip()}
    if missing:
        return _render_sign_in_page(onward, email, fields=missing)
    agent = request.headers.get("user-agent", "")
    try:
        signed_in = await to_thread.run_sync(
            _count_and_sign_in,
            email,
            typed["password"],
            agent,
            authentication.find_cookie_secret(request),
            limiter=_SIGN_IN_LIMITER,
        )
    except TicketingError as refusal:
        return _render_sign_in_page(onward, email, refusal)
    return signed_in_response(request, signed_in, onward)


def _count_and_sign_in(email: str, password: str, user_agent: str, previous_secret: str | None) -> SignIn:
    """The attempt is counted in a transaction of its own, so that a refusal does not take it back."""
    attempt = db.write(lambda session: sign_in.count_attempt(session, email))
    return db.write(
        lambda session: sign_in.sign_in(
            session, attempt, password, user_agent=user_agent, previous_secret=previous_secret
        )
    )


async def sign_out_page(request: Request) -> Response:
    """POST ends the session; so does a click on a link of ours. Any other GET asks first."""
    if request.method != "POST" and not _is_same_origin_navigation(request):
        return html.render_page("sign_out.html")
    secret = authentication.find_cookie_secret(request)
    if secret is not None:
        await run_in_threadpool(db.write, lambda session: sign_in.sign_out(session, secret))
    response = RedirectResponse("/session/sign-in", 303)
    authentication.delete_session_cookie(response, request)
    return response


async def first_run_page(request: Request) -> Response:
    """GET offers the two ways to begin, POST takes one; once somebody has an account there is neither."""
    if not await run_in_threadpool(authentication.is_first_run):
        return RedirectResponse("/session/sign-in", 303)
    if request.method != "POST":
        return html.render_page("first_run.html", name="", email="", fields={}, alert=None)
    typed = await read_form(request)
    agent = request.headers.get("user-agent", "")
    try:
        if typed.get("way") == "sample":
            signed_in, onward = await run_in_threadpool(db.write, lambda session: _open_sample_gala(session, agent))
        else:
            signed_in, onward = await run_in_threadpool(_create_first_admin, typed, agent), "/"
    except TicketingError as refusal:
        fields, alert = form_messages(refusal)
        shown = {"name": typed.get("name", ""), "email": typed.get("email", "")}
        return html.render_page(
            "first_run.html",
            errors.get_status(refusal),
            errors.get_headers(refusal),
            **shown,
            fields=fields,
            alert=alert,
        )
    return signed_in_response(request, signed_in, onward)


def _create_first_admin(form: dict[str, str], user_agent: str) -> SignIn:
    given = {field: form.get(field, "") for field in ("name", "email", "password")}
    draft = validate(StaffDraft, given | {"role": "admin"})

    def work(session: Session) -> SignIn:
        person = staff.create_first_admin(session, draft)
        return sign_in.open_session(session, person, user_agent=user_agent, method="first_run")

    return db.write(work)


def _open_sample_gala(session: Session, user_agent: str) -> tuple[SignIn, str]:
    from ticketing.ops import demo

    visitor = staff.get_or_create_sample_visitor(session)
    event = demo.load(session, OPERATOR)
    signed_in = sign_in.open_session(session, visitor, user_agent=user_agent, method="first_run")
    return signed_in, "/?" + urlencode({"event": event.id})


def _render_sign_in_page(
    next_path: str, email: str = "", refusal: TicketingError | None = None, *, fields: dict[str, str] | None = None
) -> Response:
    status, headers, alert = 200, {}, None
    if refusal is not None:
        status, headers = errors.get_status(refusal), errors.get_headers(refusal)
        fields, alert = form_messages(refusal)
    elif fields:
        status = 422
    shown = {
        "onward": next_path,
        "email": email,
        "fields": fields or {},
        "alert": alert,
        "openid": settings.load().openid,
    }
    return html.render_page("sign_in.html", status, headers, **shown)


def form_messages(refusal: TicketingError) -> tuple[dict[str, str], str | None]:
    """What to say beside which field, and what to say on top."""
    if isinstance(refusal, InvalidInput):
        return refusal.fields, None
    return {}, str(refusal)


def signed_in_response(request: Request, signed_in: SignIn, next_path: str) -> Response:
    response = RedirectResponse(next_path, 303)
    authentication.set_session_cookie(response, request, signed_in)
    return response


def _is_same_origin_navigation(request: Request) -> bool:
    """A person followed a link on one of our pages: browsers say so in headers that no site can set."""
    sent = request.headers
    return (
        sent.get("sec-fetch-site") == "same-origin"
        and sent.get("sec-fetch-mode") == "navigate"
        and sent.get("sec-fetch-dest") == "document"
        and sent.get("sec-fetch-user") == "?1"
    )


async def read_form(request: Request) -> dict[str, str]:
    form = await request.form(max_files=0, max_fields=20)
    # PostgreSQL's text holds every character but NUL, and nobody types one.
    return {name: value.replace("\0", "") for name, value in form.items() if isinstance(value, str)}


def _static_route(name: str) -> Route:
    path = html.API_DIR / "static" / name

    async def serve(_request: Request) -> Response:
        return FileResponse(path, headers={"Cache-Control": "public, max-age=3600"})

    return Route(f"/session/{name}", serve)


routes = [
    Route("/session/sign-in", sign_in_page, methods=["GET", "POST"]),
    Route("/session/sign-out", sign_out_page, methods=["GET", "POST"]),
    Route("/session/first-run", first_run_page, methods=["GET", "POST"]),
    _static_route("style.css"),
    _static_route("icon.svg"),
]

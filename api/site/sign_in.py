"""Sign-in, sign-out and the first account: plain forms that work without Streamlit.

Forms from other sites are refused before they get here (api/middleware/csrf.py).
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from urllib.parse import unquote, urlencode

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from api import errors, html
from api.middleware import authentication, known_browsers
from api.site.hashing_queue import HashingQueue, get_lane
from ticketing import db, settings
from ticketing.access import sign_in, staff
from ticketing.access.sign_in import Browser, SignIn
from ticketing.access.staff import StaffDraft
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, TicketingError
from ticketing.validation import validate

# For all forms with a password: sign-in, first run and invitations.
HASHING_QUEUE = HashingQueue()
MISSING_MESSAGES = {"email": "Enter your e-mail address.", "password": "Enter your password."}


def safe_next(target: str | None) -> str:
    """Return the path to continue to after sign-in, or "/" for anything that could lead to another site or sign out.

    The path is checked as it arrives: a browser resolves dot segments, encoded or not, and the server decodes the rest.
    """
    path = unquote((target or "").partition("#")[0].partition("?")[0])
    if (
        not target
        or not target.startswith("/")
        or "//" in path
        or f"{posixpath.normpath(path)}/".startswith("/session/")
        or any(character == "\\" or ord(character) < 32 for character in target + path)
    ):
        return "/"
    return target


async def sign_in_page(request: Request) -> Response:
    """Show the form (GET), or open a session and redirect to `next` (POST)."""
    if request.method == "POST":
        return await _handle_sign_in(request)
    next_path = safe_next(request.query_params.get("next"))
    if await authentication.run_in_thread(authentication.find_session_actor, request):
        return RedirectResponse(next_path, 303)
    if await authentication.run_in_thread(authentication.is_first_run):
        return RedirectResponse("/session/first-run", 303)
    return _render_sign_in_page(next_path)


async def _handle_sign_in(request: Request) -> Response:
    form = await read_form(request)
    next_path = safe_next(form.get("next"))
    email = form.get("email", "").strip()
    form["email"] = email  # blanks of a password count as typed
    missing = {name: message for name, message in MISSING_MESSAGES.items() if not form.get(name)}
    if missing:
        return _render_sign_in_page(next_path, email, fields=missing)
    browser = known_browsers.find_browser(request)
    user_agent = request.headers.get("user-agent", "")
    try:
        signed_in = await HASHING_QUEUE.run(
            get_lane(browser),
            _count_and_sign_in,
            email,
            form["password"],
            browser,
            user_agent,
            authentication.find_cookie_secret(request),
        )
    except TicketingError as refusal:
        return _render_sign_in_page(next_path, email, refusal)
    return signed_in_response(request, signed_in, next_path)


def _count_and_sign_in(
    email: str, password: str, browser: Browser, user_agent: str, previous_secret: str | None
) -> SignIn:
    """Count the attempt in a transaction of its own, so that a refusal does not roll it back; then sign in."""
    attempt = db.write(lambda session: sign_in.count_attempt(session, email, browser))
    return db.write(
        lambda session: sign_in.sign_in(
            session, attempt, password, user_agent=user_agent, previous_secret=previous_secret
        )
    )


async def sign_out_page(request: Request) -> Response:
    """End the session on POST, or when a link of our own pages was clicked. Any other GET asks first."""
    if request.method != "POST" and not _is_same_origin_navigation(request):
        return html.render_page("sign_out.html")
    secret = authentication.find_cookie_secret(request)
    if secret is not None:
        await authentication.run_in_thread(db.write, lambda session: sign_in.sign_out(session, secret))
    response = RedirectResponse("/session/sign-in", 303)
    authentication.delete_session_cookie(response, request)
    return response


async def first_run_page(request: Request) -> Response:
    """Offer to create the first account or open the sample gala (GET), and do it (POST), until there is an account."""
    if not await authentication.run_in_thread(authentication.is_first_run):
        return RedirectResponse("/session/sign-in", 303)
    if request.method != "POST":
        return html.render_page("first_run.html", name="", email="", fields={}, alert=None)
    form = await read_form(request)
    user_agent = request.headers.get("user-agent", "")
    try:
        if form.get("way") == "sample":
            signed_in, next_path = await run_in_threadpool(
                db.write, lambda session: _open_sample_gala(session, user_agent)
            )
        else:
            lane = get_lane(known_browsers.find_browser(request))
            signed_in, next_path = await HASHING_QUEUE.run(lane, _create_first_admin, form, user_agent), "/"
    except TicketingError as refusal:
        fields, alert = form_messages(refusal)
        values = {"name": form.get("name", ""), "email": form.get("email", "")}
        return html.render_page(
            "first_run.html",
            errors.get_status(refusal),
            errors.get_headers(refusal),
            **values,
            fields=fields,
            alert=alert,
        )
    return signed_in_response(request, signed_in, next_path)


def _create_first_admin(form: dict[str, str], user_agent: str) -> SignIn:
    values = {field: form.get(field, "") for field in ("name", "email", "password")}
    draft = validate(StaffDraft, values | {"role": "admin"})

    def work(session: Session) -> SignIn:
        person = staff.create_first_admin(session, draft)
        return sign_in.open_session(session, person, user_agent=user_agent, method="first_run")

    return db.write(work)


def _open_sample_gala(session: Session, user_agent: str) -> tuple[SignIn, str]:
    from ticketing.ops import demo

    visitor = staff.get_or_create_sample_visitor(session)
    event = demo.load(session, replace(OPERATOR, via="app"))
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
    variables = {
        "next_path": next_path,
        "email": email,
        "fields": fields or {},
        "alert": alert,
        "openid": settings.load().openid,
        "has_password_sign_in": settings.load().only_provider is None,
    }
    return html.render_page("sign_in.html", status, headers, **variables)


def form_messages(refusal: TicketingError) -> tuple[dict[str, str], str | None]:
    """Return the messages beside fields by name, and the message above the form."""
    if isinstance(refusal, InvalidInput):
        return refusal.fields, None
    return {}, str(refusal)


def signed_in_response(request: Request, signed_in: SignIn, next_path: str) -> Response:
    """Redirect to `next_path` with the cookie of the new session."""
    response = RedirectResponse(next_path, 303)
    authentication.set_session_cookie(response, request, signed_in)
    return response


def _is_same_origin_navigation(request: Request) -> bool:
    """Return whether a person followed a link of one of our pages, by headers that no page can forge."""
    headers = request.headers
    return (
        headers.get("sec-fetch-site") == "same-origin"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and headers.get("sec-fetch-user") == "?1"
    )


async def read_form(request: Request) -> dict[str, str]:
    """Return the text fields of a form, without the NUL characters that PostgreSQL cannot store."""
    form = await request.form(max_files=0, max_fields=20)
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

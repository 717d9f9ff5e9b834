"""How a refusal is told: problem details (RFC 9457) to programs, a page to people, one line to everything else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match
from starlette.types import Scope

from api import html
from ticketing import errors
from ticketing.errors import TicketingError
from ticketing.validation import sentences

MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[TicketingError], int] = {
    errors.NotSignedIn: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.InvalidInput: 422,
    errors.IdempotencyMismatch: 422,
    errors.RateLimited: 429,
    errors.ScannerAway: 503,
    errors.Unavailable: 503,
    TicketingError: 400,
}
CODES = {404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large"}
RETRY_SECONDS = 5
RETRY_LATER_SECONDS = 60  # where somebody has to look into it first
DOCUMENTATION = ("/api/docs", "/api/openapi.json")
RETRY_AFTER = {"description": "When to try again, in seconds.", "schema": {"type": "integer", "minimum": 1}}
PLACES = ("body", "query", "path", "header", "cookie")


class FieldProblem(BaseModel):
    field: str = Field(examples=["price"])
    message: str = Field(examples=["Use at most two decimals."])


class FieldChange(BaseModel):
    """What somebody else did to one field since the version that was sent."""

    field: str
    old: Any
    new: Any
    by: str
    at: datetime


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `detail` is a sentence for people and may change."""

    type: str = "about:blank"
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["60 of 60 sold. Raise the limit of Table of Ten, or choose another package."])
    code: str = Field(examples=["sold_out"])
    errors: list[FieldProblem] | None = Field(None, description="With 422: what to do about each field.")
    changes: list[FieldChange] | None = Field(None, description="With stale_version: what happened meanwhile.")
    current_version: int | None = Field(None, description="With stale_version: the version to send next.")
    reason: str | None = Field(
        None,
        description="With promo_refused: unknown, inactive, expired, used_up or used_up_by_donor.",
    )
    reference: str | None = Field(None, description="With unexpected: what to tell the operator.")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems an endpoint may answer with, for its OpenAPI entry; 401, 429 and 503 can always happen."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": {"Retry-After": RETRY_AFTER}} if status in (429, 503) else {}),
        }
        for status in (401, *statuses, 429, 503)
    }


def status_of(refusal: TicketingError) -> int:
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def headers_of(refusal: TicketingError) -> dict[str, str]:
    match refusal:
        case errors.NotSignedIn():
            return {"WWW-Authenticate": 'Bearer realm="Ticket Desk"'}
        case errors.RateLimited():
            return {"Retry-After": str(refusal.retry_after)}
        case errors.Unavailable(passes=False):
            return {"Retry-After": str(RETRY_LATER_SECONDS)}
        case errors.Unavailable() | errors.ScannerAway():
            return {"Retry-After": str(RETRY_SECONDS)}
    return {}


def is_for_programs(path: str) -> bool:
    """The HTTP interface, without its documentation, which people read."""
    return (path == "/api" or path.startswith("/api/")) and not path.startswith(DOCUMENTATION)


def wants_page(scope: Scope) -> bool:
    """Whether a person's browser is opening an address, so that a page is the right answer."""
    return scope.get("method") in ("GET", "HEAD") and _shows_pages(scope) and not is_for_programs(scope["path"])


def _shows_pages(scope: Scope) -> bool:
    """Whether a person sees what is answered, as after opening an address or sending a form."""
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def answer(scope: Scope, refusal: TicketingError) -> Response:
    """The refusal in the form that the caller understands. A page that may work in a moment tries by itself."""
    sentence, headers = str(refusal), headers_of(refusal)
    if isinstance(refusal, errors.Unavailable) and refusal.passes and wants_page(scope):
        sentence, headers = (
            f"{refusal.what} This page tries again by itself.",
            headers | {"Refresh": str(RETRY_SECONDS)},
        )
    return tell(scope, status_of(refusal), refusal.code, sentence, headers, **_details(refusal))


def tell(
    scope: Scope, status: int, code: str, sentence: str, headers: Mapping[str, str] | None = None, **details: Any
) -> Response:
    """What is no refusal of the domain, in the form that the caller understands."""
    if is_for_programs(scope["path"]):
        return problem(status, code, sentence, headers, **details)
    if _shows_pages(scope):
        return html.page("problem.html", status, headers, title=_heading(status), sentence=sentence)
    return PlainTextResponse(sentence, status, dict(headers or {}))


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code, **more)
    members = {name: value for name, value in told.model_dump(mode="json").items() if value is not None}
    return JSONResponse(members, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Every error of the HTTP interface leaves as problem details."""
    app.add_exception_handler(TicketingError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def _refused(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, TicketingError)
    return problem(status_of(refusal), refusal.code, str(refusal), headers_of(refusal), **_details(refusal))


def _invalid(request: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, RequestValidationError)
    found = invalid.errors()
    if any(error["loc"][0] == "path" for error in found):
        return _refused(request, errors.NotFound("address"))
    return _refused(request, errors.InvalidInput(sentences([{**error, "loc": _field(error)} for error in found])))


def _field(error: Mapping[str, Any]) -> tuple[Any, ...]:
    """The field's name as the caller wrote it: without the place, and for broken JSON without the position in it."""
    if error["type"] == "json_invalid":
        return ()
    place, *rest = error["loc"]
    return tuple(rest) if place in PLACES else (place, *rest)


def _http(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException)
    if refusal.status_code == 400:  # before its fields could be judged: no UTF-8, or no form
        return _refused(request, errors.InvalidInput({"body": "This cannot be read. Send what its content type says."}))
    code = CODES.get(refusal.status_code, "refused")
    detail = {
        404: "There is nothing at this address. The addresses are listed at /api/docs.",
        405: "This address does not take that method. The Allow header lists the ones it takes.",
    }.get(refusal.status_code, str(refusal.detail))
    headers = {"Allow": ", ".join(_taken(request))} if refusal.status_code == 405 else refusal.headers
    return problem(refusal.status_code, code, detail, headers)


def _taken(request: Request) -> list[str]:
    """The methods that an address takes. Each has a route of its own, so the one that refused knows but one."""
    routes = request.app.router.routes
    return [
        method
        for method in ("GET", "POST", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _details(refusal: TicketingError) -> dict[str, Any]:
    match refusal:
        case errors.InvalidInput():
            return {"errors": [FieldProblem(field=f, message=m) for f, m in refusal.fields.items()]}
        case errors.StaleVersion():
            changes = [FieldChange(field=c.field, old=c.old, new=c.new, by=c.by, at=c.at) for c in refusal.changes]
            return {"changes": changes, "current_version": refusal.current_version}
        case errors.PromoRefused():
            return {"reason": refusal.reason}
    return {}


def _heading(status: int) -> str:
    return {
        401: "Signed out",
        403: "Not allowed",
        404: "Not found",
        409: "That did not work",
        413: "Too large",
        422: "That was not understood",
        429: "Too many tries",
        503: "Not now",
    }.get(status, "Something went wrong")

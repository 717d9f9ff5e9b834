"""How a refusal is told: problem details (RFC 9457) to programs, a page to people, one line to everything else."""

from __future__ import annotations

from collections.abc import Mapping
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
from ticketing.errors import FieldChange, TicketingError
from ticketing.validation import format_errors

MEDIA_TYPE = "application/problem+json"
STATUS_BY_ERROR: dict[type[TicketingError], int] = {
    errors.NotSignedIn: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.InvalidInput: 422,
    errors.IdempotencyMismatch: 422,
    errors.RateLimited: 429,
    errors.ScannerUnavailable: 503,
    errors.Unavailable: 503,
    TicketingError: 400,
}
CODE_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large"}
RETRY_AFTER_SECONDS = 5
LONG_RETRY_AFTER_SECONDS = 60  # where somebody has to look into it first
DOCUMENTATION_PATHS = ("/api/docs", "/api/openapi.json")
RETRY_AFTER_HEADER = {"description": "When to try again, in seconds.", "schema": {"type": "integer", "minimum": 1}}
PARAMETER_LOCATIONS = ("body", "query", "path", "header", "cookie")


class FieldProblem(BaseModel):
    field: str = Field(examples=["price"])
    message: str = Field(examples=["Use at most two decimals."])


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


def document_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems an endpoint may answer with, for its OpenAPI entry; 401, 429 and 503 can always happen."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": {"Retry-After": RETRY_AFTER_HEADER}} if status in (429, 503) else {}),
        }
        for status in (401, *statuses, 429, 503)
    }


def get_status(refusal: TicketingError) -> int:
    return next(STATUS_BY_ERROR[kind] for kind in type(refusal).__mro__ if kind in STATUS_BY_ERROR)


def get_headers(refusal: TicketingError) -> dict[str, str]:
    match refusal:
        case errors.NotSignedIn():
            return {"WWW-Authenticate": 'Bearer realm="Ticket Desk"'}
        case errors.RateLimited():
            return {"Retry-After": str(refusal.retry_after)}
        case errors.Unavailable(is_transient=False):
            return {"Retry-After": str(LONG_RETRY_AFTER_SECONDS)}
        case errors.Unavailable() | errors.ScannerUnavailable():
            return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}


def is_api_path(path: str) -> bool:
    """The HTTP interface, without its documentation, which people read."""
    return (path == "/api" or path.startswith("/api/")) and not path.startswith(DOCUMENTATION_PATHS)


def is_page_request(scope: Scope) -> bool:
    """Whether a person's browser is opening an address, so that a page is the right answer."""
    return scope.get("method") in ("GET", "HEAD") and _accepts_html(scope) and not is_api_path(scope["path"])


def _accepts_html(scope: Scope) -> bool:
    """Whether a person sees what is answered, as after opening an address or sending a form."""
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def refusal_response(scope: Scope, refusal: TicketingError) -> Response:
    """The refusal in the form that the caller understands. A page that may work in a moment tries by itself."""
    sentence, headers = str(refusal), get_headers(refusal)
    if isinstance(refusal, errors.Unavailable) and refusal.is_transient and is_page_request(scope):
        sentence, headers = (
            f"{refusal.summary} This page tries again by itself.",
            headers | {"Refresh": str(RETRY_AFTER_SECONDS)},
        )
    return error_response(scope, get_status(refusal), refusal.code, sentence, headers, **_problem_details(refusal))


def error_response(
    scope: Scope, status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **details: Any
) -> Response:
    """What is no refusal of the domain, in the form that the caller understands."""
    if is_api_path(scope["path"]):
        return problem_response(status, code, message, headers, **details)
    if _accepts_html(scope):
        return html.render_page("problem.html", status, headers, title=_page_title(status), sentence=message)
    return PlainTextResponse(message, status, dict(headers or {}))


def problem_response(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **extra: Any
) -> Response:
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code, **extra)
    members = {name: value for name, value in told.model_dump(mode="json").items() if value is not None}
    return JSONResponse(members, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install_handlers(app: FastAPI) -> None:
    """Every error of the HTTP interface leaves as problem details."""
    app.add_exception_handler(TicketingError, _handle_refusal)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_exception)


def _handle_refusal(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, TicketingError)
    return problem_response(
        get_status(refusal), refusal.code, str(refusal), get_headers(refusal), **_problem_details(refusal)
    )


def _handle_validation_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    found = exc.errors()
    if any(error["loc"][0] == "path" for error in found):
        return _handle_refusal(request, errors.NotFound("address"))
    return _handle_refusal(
        request, errors.InvalidInput(format_errors([{**error, "loc": _strip_location(error)} for error in found]))
    )


def _strip_location(error: Mapping[str, Any]) -> tuple[Any, ...]:
    """The field's name as the caller wrote it: without the place, and for broken JSON without the position in it."""
    if error["type"] == "json_invalid":
        return ()
    place, *rest = error["loc"]
    return tuple(rest) if place in PARAMETER_LOCATIONS else (place, *rest)


def _handle_http_exception(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException)
    if refusal.status_code == 400:  # before its fields could be judged: no UTF-8, or no form
        return _handle_refusal(
            request, errors.InvalidInput({"body": "This cannot be read. Send what its content type says."})
        )
    code = CODE_BY_STATUS.get(refusal.status_code, "refused")
    detail = {
        404: "There is nothing at this address. The addresses are listed at /api/docs.",
        405: "This address does not take that method. The Allow header lists the ones it takes.",
    }.get(refusal.status_code, str(refusal.detail))
    headers = {"Allow": ", ".join(_list_allowed_methods(request))} if refusal.status_code == 405 else refusal.headers
    return problem_response(refusal.status_code, code, detail, headers)


def _list_allowed_methods(request: Request) -> list[str]:
    """The methods that an address takes. Each has a route of its own, so the one that refused knows but one."""
    routes = request.app.router.routes
    return [
        method
        for method in ("GET", "POST", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _problem_details(refusal: TicketingError) -> dict[str, Any]:
    match refusal:
        case errors.InvalidInput():
            return {"errors": [FieldProblem(field=f, message=m) for f, m in refusal.fields.items()]}
        case errors.StaleVersion():
            return {"changes": refusal.changes, "current_version": refusal.current_version}
        case errors.PromoRefused():
            return {"reason": refusal.reason}
    return {}


def _page_title(status: int) -> str:
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

"""Error responses: problem details (RFC 9457) for the API, HTML for browsers, plain text for everything else."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
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
from ticketing.catalog.questions import OptionsRefused
from ticketing.errors import FieldChange, TicketingError
from ticketing.formatting import replace_control_characters
from ticketing.imports import ImportRefused
from ticketing.imports.column_mapping import ColumnMapping, format_title
from ticketing.imports.rows import Problem as ImportProblem
from ticketing.imports.table import SheetRow
from ticketing.sales.order_donor import AnotherDonor
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
    errors.QueueFull: 503,
    errors.ScannerUnavailable: 503,
    errors.Unavailable: 503,
    TicketingError: 400,
}
CODE_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large"}
UNKNOWN_ADDRESS_MESSAGE = "There is nothing at this address. See /api/docs for all addresses."
RETRY_AFTER_SECONDS = 5
LONG_RETRY_AFTER_SECONDS = 60  # when an operator has to act first
DOCUMENTATION_PATHS = ("/api/docs", "/api/openapi.json")
RETRY_AFTER_HEADER = {
    "description": "Seconds until the request can be sent again.",
    "schema": {"type": "integer", "minimum": 1},
}
MAX_LISTED_ROWS = 1000
PARAMETER_LOCATIONS = ("body", "query", "path", "header", "cookie")


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(
        description="Name of the field as it was sent; nested ones with dots, `guests.0.name`.", examples=["price"]
    )
    message: str = Field(
        description="What to do about it, as a sentence for people.", examples=["Use at most two decimals."]
    )


class LineShortage(BaseModel):
    """A line that asks for more packages than are left."""

    line: int = Field(description="Place of the line in the request, from 0.", examples=[1])
    package_id: uuid.UUID = Field(
        description="The package that is short.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"]
    )
    left: int = Field(description="How many packages are left.", examples=[3])


class PackageInTheWay(BaseModel):
    """A package for which a change of several was refused."""

    package_id: uuid.UUID = Field(description="Id of the package.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"])
    name: str = Field(description="Name of the package.", examples=["Table of Ten"])
    code: str = Field(description="The error as it would be for this package alone.", examples=["stale_version"])
    message: str = Field(
        description="What is the case and what to do, as a sentence for people.",
        examples=["Ben Okafor changed Dinner after you opened it: choices."],
    )


class KnownDonor(BaseModel):
    """A donor of the event who has orders."""

    id: uuid.UUID = Field(
        description="Id of the donor, to confirm that they are the same person.",
        examples=["01a207b5-1d40-7f3e-a2c6-58b90e47d1fa"],
    )
    name: str = Field(description="Full name.", examples=["Ben Okafor"])


class RowProblem(BaseModel):
    """A problem or warning at one place of an imported file."""

    row: int = Field(description="Number of the row, as the spreadsheet program shows it.", examples=[20])
    sheet: str | None = Field(description="Name of the sheet when several were read.", examples=["November"])
    column: str | None = Field(
        description="Our name of the column; null when the row as a whole is meant.", examples=["purchase_date"]
    )
    title: str | None = Field(description="Title of the column in the file.", examples=["Created (UTC)"])
    message: str = Field(
        description="What to do about it, as a sentence for people.", examples=["This cell is empty. Enter a value."]
    )
    kind: str = Field(
        description="Group of a warning: left_out, column, part_refunded, refund_row, total, rounded, status, here, "
        "voided, or empty.",
        examples=["total"],
    )


class Problem(BaseModel):
    """Problem details (RFC 9457). `code` is stable; `detail` is a sentence for people and may change."""

    type: str = Field("about:blank", description="Always `about:blank`; see `code`.", examples=["about:blank"])
    title: str = Field(description="Phrase of the HTTP status.", examples=["Conflict"])
    status: int = Field(description="HTTP status.", examples=[409])
    detail: str = Field(
        description="What is the case and what to do, as a sentence for people.",
        examples=["60 of 60 sold. Raise the limit of Table of Ten, or choose another package."],
    )
    code: str = Field(description="Stable name of the error, for programs.", examples=["sold_out"])
    errors: list[FieldProblem] | None = Field(
        None,
        description="With `invalid_input`, and with other errors about one field: what is wrong with each field.",
        examples=[[{"field": "price", "message": "Use at most two decimals."}]],
    )
    shortages: list[LineShortage] | None = Field(
        None,
        description="With `sold_out`: every line that asks for more than is left.",
        examples=[[{"line": 1, "package_id": "01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77", "left": 3}]],
    )
    packages: list[PackageInTheWay] | None = Field(
        None,
        description="With `several_refused`: every package that stands in the way.",
        examples=[
            [
                {
                    "package_id": "01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77",
                    "name": "Table of Ten",
                    "code": "conflict",
                    "message": "This package has 4 options already. Stop asking one first.",
                }
            ]
        ],
    )
    donor: KnownDonor | None = Field(
        None,
        description="With `another_donor`: whose e-mail address it is.",
        examples=[{"id": "01a207b5-1d40-7f3e-a2c6-58b90e47d1fa", "name": "Ben Okafor"}],
    )
    rows: list[RowProblem] | None = Field(
        None,
        description="With `import_refused`: the first 1,000 problems of the file, in the order of its rows.",
        examples=[
            [
                {
                    "row": 20,
                    "sheet": None,
                    "column": "purchase_date",
                    "title": "Created (UTC)",
                    "message": "This cell is empty. Enter a value.",
                    "kind": "",
                }
            ]
        ],
    )
    changes: list[FieldChange] | None = Field(
        None,
        description="With `stale_version`: the changes since the version that was sent.",
        examples=[
            [{"field": "price", "old": "100.00", "new": "120.00", "by": "Ben Okafor", "at": "2026-09-12T15:04:05Z"}]
        ],
    )
    current_version: int | None = Field(
        None, description="With `stale_version`: the version to send next.", examples=[5]
    )
    reason: str | None = Field(
        None,
        description="With `promo_refused`: unknown, inactive, expired, used_up or used_up_by_donor.",
        examples=["expired"],
    )
    reference: str | None = Field(
        None, description="With `unexpected`: find the error in the log by it.", examples=["9f2c41aa"]
    )


def document_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error responses of an endpoint for its OpenAPI entry. 401, 429 and 503 are always among them."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": {"Retry-After": RETRY_AFTER_HEADER}} if status in (429, 503) else {}),
        }
        for status in (401, *statuses, 429, 503)
    }


def get_status(refusal: TicketingError) -> int:
    """Return the HTTP status of a domain error."""
    return next(STATUS_BY_ERROR[kind] for kind in type(refusal).__mro__ if kind in STATUS_BY_ERROR)


def get_headers(refusal: TicketingError) -> dict[str, str]:
    """Return the headers that belong to a domain error: WWW-Authenticate or Retry-After."""
    match refusal:
        case errors.NotSignedIn():
            return {"WWW-Authenticate": 'Bearer realm="Ticket Desk"'}
        case errors.RateLimited() | errors.QueueFull():
            return {"Retry-After": str(refusal.retry_after)}
        case errors.Unavailable(is_transient=False):
            return {"Retry-After": str(LONG_RETRY_AFTER_SECONDS)}
        case errors.Unavailable() | errors.ScannerUnavailable():
            return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}


def is_api_path(path: str) -> bool:
    """Return whether a path belongs to the API. Its documentation does not: people open that in a browser."""
    return (path == "/api" or path.startswith("/api/")) and not path.startswith(DOCUMENTATION_PATHS)


def is_page_request(scope: Scope) -> bool:
    """Return whether a browser opens an address, so that the answer should be a page."""
    return scope.get("method") in ("GET", "HEAD") and _accepts_html(scope) and not is_api_path(scope["path"])


def _accepts_html(scope: Scope) -> bool:
    """Return whether a person sees the response, as after opening an address or sending a form."""
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


def refusal_response(scope: Scope, refusal: TicketingError) -> Response:
    """Return the response to a domain error. After a transient outage, a page reloads itself (Refresh header)."""
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
    """Return an error in the format that the caller understands: problem details, HTML or plain text."""
    if is_api_path(scope["path"]):
        return problem_response(status, code, message, headers, **details)
    if _accepts_html(scope):
        return html.render_page("problem.html", status, headers, title=_page_title(status), sentence=message)
    return PlainTextResponse(message, status, dict(headers or {}))


def problem_response(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **extra: Any
) -> Response:
    """Return problem details (RFC 9457); members that are None are left out."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code, **extra)
    members = {name: value for name, value in problem.model_dump(mode="json").items() if value is not None}
    return JSONResponse(members, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install_handlers(app: FastAPI) -> None:
    """Make the API answer every error with problem details."""
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
    problems = exc.errors()
    if any(problem["loc"][0] == "path" for problem in problems):
        return _handle_refusal(request, errors.NotFound("address"))
    return _handle_refusal(
        request,
        errors.InvalidInput(format_errors([{**problem, "loc": _strip_location(problem)} for problem in problems])),
    )


def _strip_location(error: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the location of an error without "body" or "query", and for malformed JSON without the position in it."""
    if error["type"] == "json_invalid":
        return ()
    first, *rest = error["loc"]
    return tuple(rest) if first in PARAMETER_LOCATIONS else (first, *rest)


def _handle_http_exception(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException)
    if refusal.status_code == 400:  # before validation: no UTF-8, or no form
        return _handle_refusal(
            request, errors.InvalidInput({"body": "The body cannot be read. It must match its Content-Type."})
        )
    code = CODE_BY_STATUS.get(refusal.status_code, "refused")
    detail = {
        404: UNKNOWN_ADDRESS_MESSAGE,
        405: "This method is not allowed here. The Allow header lists the ones that are.",
    }.get(refusal.status_code, str(refusal.detail))
    headers = {"Allow": ", ".join(_list_allowed_methods(request))} if refusal.status_code == 405 else refusal.headers
    return problem_response(refusal.status_code, code, detail, headers)


def _list_allowed_methods(request: Request) -> list[str]:
    """Return all methods of the requested address. Each method is a route of its own, which only knows itself."""
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
    details: dict[str, Any] = {}
    if refusal.field is not None:
        details["errors"] = [FieldProblem(field=refusal.field, message=str(refusal))]
    match refusal:
        case errors.PromoRefused():
            details["reason"] = refusal.reason
        case OptionsRefused():
            details["packages"] = [
                PackageInTheWay(
                    package_id=each.package_id, name=each.name, code=each.error.code, message=str(each.error)
                )
                for each in refusal.packages
            ]
        case AnotherDonor():
            details["donor"] = KnownDonor(id=refusal.donor_id, name=refusal.name)
        case ImportRefused():
            details["rows"] = list_row_problems(refusal.check.problems, refusal.mapping)
        case errors.SoldOut():
            details["shortages"] = [
                LineShortage(line=each.line, package_id=each.package_id, left=each.left) for each in refusal.shortages
            ]
    return details


def list_row_problems(problems: Sequence[ImportProblem], mapping: ColumnMapping | None) -> list[RowProblem]:
    """Return the first MAX_LISTED_ROWS problems or warnings of a file that was read with this mapping."""
    return [
        RowProblem(
            row=each.row.row if isinstance(each.row, SheetRow) else each.row,
            sheet=each.row.sheet if isinstance(each.row, SheetRow) else None,
            column=replace_control_characters(each.column) or None,
            title=replace_control_characters(format_title(mapping, each.column)) or None,
            message=replace_control_characters(each.message),
            kind=each.kind,
        )
        for each in problems[:MAX_LISTED_ROWS]
    ]


def _page_title(status: int) -> str:
    return {
        401: "Signed out",
        403: "Not allowed",
        404: "Not found",
        409: "That did not work",
        413: "Too large",
        422: "Check what you entered",
        429: "Too many attempts",
        503: "Temporarily unavailable",
    }.get(status, "Something went wrong")

"""The HTTP API: one FastAPI application, mounted at /api, with the rules and messages of the pages."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from api import documentation, errors, schemas
from api.middleware.errors import FaultMiddleware
from api.v1 import (
    audit,
    event_overview,
    events,
    images,
    import_files,
    imports,
    options,
    order_details,
    orders,
    packages,
    promo_codes,
    purchases,
    questions,
    sales,
    search,
)
from api.v1.import_mapping import ImportMapping

DESCRIPTION = """\
Everything that staff do in Ticket Desk, and what a website that sells to donors needs.

**Authentication.** Send `Authorization: Bearer td_...` with a token created in the app. It has its owner's role.

**Formats.** Amounts are strings with two decimals (`"100.00"`, US dollars). Timestamps are ISO 8601 with an offset.
Ids are UUIDs.

**Errors** are problem details (RFC 9457) with a stable `code`. An unknown id, and the id of an event that you are not
assigned to, answer 404.

**Versions.** To change something, send the `version` that you last read. If it was changed since, the answer is 409
`stale_version`, with the changes.

**Sales.** An order is what one donor buys in one go: up to 20 packages, with at most one promo code. Record it with
`POST /v1/events/{event_id}/tickets/orders`. `POST .../purchases` is for a shop that always sells one package at a time,
and records an order of one line. Each order is recorded whole or not at all.

**Imports.** Check a file of sales with `POST /v1/admin/events/{event_id}/tickets/imports/check`, then send the same
file and mapping with the check's token to `POST .../imports`. Nothing is kept in between.

**Limits.** A body may have 1 MB (413 `too_large`; an image 5 MB, a file of sales 25 MB) and must arrive within 30
seconds (408 `too_slow`; an image 120 seconds, a file of sales 10 minutes). Each person may create 10 packages and try
10 promo codes that do not apply per minute, over all tokens, pages and servers together. Above that the answer is 429
`rate_limited`, with the seconds to wait in `Retry-After`. Each person may have 2 CSV exports running on a server (429
`rate_limited`), and all persons together 8 (503 `too_busy`). A server takes one image and one file of sales at a time
while four more of each wait (503 `queue_full`). A client that takes nothing of a response for 30 seconds is
disconnected.

**Outages.** 503 with `Retry-After` means that the database or the malware scanner does not answer. Unless the `code` is
`outcome_unknown`, nothing was changed, and the request can be sent again.
"""


def create_app() -> FastAPI:
    app = FastAPI(
        title="Ticket Desk",
        version="1",
        description=DESCRIPTION,
        servers=[{"url": "/api"}],
        root_path_in_servers=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[Middleware(FaultMiddleware)],
        redirect_slashes=False,
    )
    errors.install_handlers(app)
    for module in (
        event_overview,
        events,
        packages,
        audit,
        images,
        import_files,
        imports,
        options,
        questions,
        promo_codes,
        orders,
        order_details,
        purchases,
        sales,
        search,
    ):
        app.include_router(module.router, prefix="/v1", dependencies=[schemas.bearer])
    app.router.routes.extend(documentation.routes)
    app.openapi = lambda: _build_openapi(app)  # type: ignore[method-assign]
    return app


def _build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return FastAPI's OpenAPI document, with the schemas that endpoints refer to without being their bodies."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
        )
        for model in (errors.Problem, ImportMapping):  # which FastAPI does not know, or only as an answer
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            document["components"]["schemas"] |= schema.pop("$defs", {}) | {model.__name__: schema}
        app.openapi_schema = document
    return app.openapi_schema


api_app = create_app()

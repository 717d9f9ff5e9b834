"""The HTTP API: one FastAPI application, mounted at /api, with the rules and messages of the pages."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from api import documentation, errors, schemas
from api.middleware.errors import FaultMiddleware
from api.v1 import audit, events, images, options, packages, promo_codes, purchases, sales

DESCRIPTION = """\
Everything that staff do in Ticket Desk, and what a website that sells to donors needs.

**Authentication.** Send `Authorization: Bearer td_...` with a token created in the app. It has its owner's role.

**Formats.** Amounts are strings with two decimals (`"100.00"`, US dollars). Timestamps are ISO 8601 with an offset.
Ids are UUIDs.

**Errors** are problem details (RFC 9457) with a stable `code`. An unknown id, and the id of an event that you are not
assigned to, answer 404.

**Versions.** To change something, send the `version` that you last read. If it was changed since, the answer is 409
`stale_version`, with the changes.

**Limits.** A body may have 1 MB (413 `too_large`; an image 5 MB) and must arrive within 30 seconds (408 `too_slow`; an
image 120 seconds). Each person may create 10 packages and try 10 promo codes that do not apply per minute, over all
tokens, pages and servers together. Above that the answer is 429 `rate_limited`, with the seconds to wait in
`Retry-After`. Each person may have 2 CSV exports running on a server (429 `rate_limited`), and all persons together 8
(503 `too_busy`). A client that takes nothing of a response for 30 seconds is disconnected.

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
    for module in (events, packages, audit, images, options, promo_codes, purchases, sales):
        app.include_router(module.router, prefix="/v1", dependencies=[schemas.bearer])
    app.router.routes.extend(documentation.routes)
    app.openapi = lambda: _build_openapi(app)  # type: ignore[method-assign]
    return app


def _build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return FastAPI's OpenAPI document, with the schema of the problem details that every endpoint refers to."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
        )
        schema = errors.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= schema.pop("$defs") | {"Problem": schema}
        app.openapi_schema = document
    return app.openapi_schema


api_app = create_app()

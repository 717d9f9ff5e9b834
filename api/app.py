"""The HTTP interface as one FastAPI application, mounted at /api. Same rules and sentences as the pages."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from api import documentation, errors, schemas
from api.middleware.errors import FaultMiddleware
from api.v1 import audit, events, images, options, packages, promo_codes, purchases, sales

DESCRIPTION = """\
What staff do in Ticket Desk, and what the site that sells to donors needs, over HTTP.

Send `Authorization: Bearer td_...` with a token made in the app; it carries its owner's role. Amounts are text with
two decimals ("100.00", USD), moments ISO 8601 with an offset, ids UUIDs. Errors are problem details (RFC 9457) with a
stable `code`. Another event's data, and an id that is none, answer 404. To change something, send the `version` you
saw: when somebody changed it since, the answer is 409 `stale_version` and tells what they changed. A body may be 1 MB
(413 `too_large`; a picture 5 MB) and must arrive within 30 seconds (408 `too_slow`; a picture 120).

What may be done only so often a minute answers 429 `rate_limited` after that, with the seconds to wait in
`Retry-After`: making packages (10) and trying promo codes that do not apply (10). All tokens of a person and their
pages are counted together, on all servers. 503 with `Retry-After` is a database or scanner that does not answer;
nothing was changed then, and the same request can be sent again.
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
    for concept in (events, packages, audit, images, options, promo_codes, purchases, sales):
        app.include_router(concept.router, prefix="/v1", dependencies=[schemas.bearer])
    app.router.routes.extend(documentation.routes)
    app.openapi = lambda: _build_openapi(app)  # type: ignore[method-assign]
    return app


def _build_openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the shape of problems that every endpoint refers to."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
        )
        shape = errors.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= shape.pop("$defs") | {"Problem": shape}
        app.openapi_schema = document
    return app.openapi_schema


api_app = create_app()

"""/api/docs: Swagger UI, served from an installed package so that browsers load nothing from other hosts."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from api import html

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


def _swagger_folder() -> Path:
    spec = find_spec("fastapi_offline")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "static"


STATIC_FILES = {
    "swagger-ui-bundle.js": _swagger_folder() / "swagger-ui-bundle.js",
    "swagger-ui.css": _swagger_folder() / "swagger-ui.css",
    "start.js": html.API_DIR / "static" / "swagger-start.js",
}


async def docs_page(_request: Request) -> Response:
    return html.render_page("docs.html", 200, {"Content-Security-Policy": CONTENT_SECURITY_POLICY})


async def openapi_document(request: Request) -> Response:
    return JSONResponse(request.app.openapi())


def _static_route(name: str) -> Route:
    async def serve(_request: Request) -> Response:
        return FileResponse(STATIC_FILES[name], headers={"Cache-Control": "private, max-age=3600"})

    return Route(f"/docs/{name}", serve)


routes = [
    Route("/docs", docs_page),
    Route("/openapi.json", openapi_document),
    *(_static_route(name) for name in STATIC_FILES),
]

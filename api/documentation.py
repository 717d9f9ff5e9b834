"""/api/docs: Swagger UI from an installed package, so that nothing is loaded from elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from api import html

POLICY = "; ".join(
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


FILES = {
    "swagger-ui-bundle.js": _swagger_folder() / "swagger-ui-bundle.js",
    "swagger-ui.css": _swagger_folder() / "swagger-ui.css",
    "start.js": html.HERE / "static" / "swagger-start.js",
}


async def docs(_request: Request) -> Response:
    return html.page("docs.html", 200, {"Content-Security-Policy": POLICY})


async def document(request: Request) -> Response:
    return JSONResponse(request.app.openapi())


def _file(name: str) -> Route:
    async def serve(_request: Request) -> Response:
        return FileResponse(FILES[name], headers={"Cache-Control": "private, max-age=3600"})

    return Route(f"/docs/{name}", serve)


routes = [Route("/docs", docs), Route("/openapi.json", document), *(_file(name) for name in FILES)]

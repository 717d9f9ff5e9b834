"""/healthz: alive, database reachable, schema current. For load balancers and monitoring; it tells no more."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ticketing import db, schema
from ticketing.errors import Unavailable


def healthz(_request: Request) -> Response:
    database, schema = _database_and_schema()
    healthy = database == "reachable" and schema == "current"
    told = {"status": "ok" if healthy else "failing", "alive": True, "database": database, "schema": schema}
    return JSONResponse(told, 200 if healthy else 503, headers={"Cache-Control": "no-store"})


def _database_and_schema() -> tuple[str, str]:
    try:
        with db.reading() as session:
            is_current = schema.is_current(session)
    except Unavailable:
        return "unreachable", "unknown"
    return "reachable", "current" if is_current else "outdated"


routes = [Route("/healthz", healthz)]

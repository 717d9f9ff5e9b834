"""/healthz: alive, database reachable, schema current. For load balancers and monitoring; it tells no more."""

from __future__ import annotations

from functools import cache

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ticketing import db, settings
from ticketing.errors import Unavailable


def healthz(_request: Request) -> Response:
    database, schema = _database_and_schema()
    healthy = database == "reachable" and schema == "current"
    told = {"status": "ok" if healthy else "failing", "alive": True, "database": database, "schema": schema}
    return JSONResponse(told, 200 if healthy else 503, headers={"Cache-Control": "no-store"})


def _database_and_schema() -> tuple[str, str]:
    try:
        with db.reading() as session:
            applied = MigrationContext.configure(session.connection()).get_current_revision()
    except Unavailable:
        return "unreachable", "unknown"
    return "reachable", "current" if applied == _newest() else "outdated"


@cache
def _newest() -> str | None:
    """The revision that this code was written for."""
    return ScriptDirectory.from_config(Config(settings.ROOT / "alembic.ini")).get_current_head()


routes = [Route("/healthz", healthz)]

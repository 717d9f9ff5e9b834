"""/healthz: may people be sent to this server? /livez: does it run at all? Open to all; they tell no more than that."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ticketing import db
from ticketing.db import migrations, replica
from ticketing.errors import DatabaseTimeout, TooBusy, Unavailable

log = logging.getLogger("ticketing.health")

MAX_WAIT_SECONDS = 2.0  # seconds; who asks has a time limit, too
REASONS = {
    "stopping": "This server was told to stop.",
    "database_unreachable": "The database does not answer.",
    "database_busy": "The database, or this server's share of it, has no free connection.",
    "database_slow": f"The database did not answer within {MAX_WAIT_SECONDS:.0f} seconds.",
    "schema_missing": "The database has no tables yet. Restart the server, or run `python -m ticketing migrate`.",
    "schema_outdated": "The database is older than this server. Restart it, or run `python -m ticketing migrate`.",
    "schema_newer": "The database is newer than this server. Upgrade the server.",
    "fault": "The look at the database failed. The log says why.",
}


@dataclass(frozen=True)
class HealthReport:
    """What a look at the database found; `reasons` are keys of REASONS, none when people may come."""

    database: str
    schema: str
    reasons: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        return not self.reasons


_REASON_BY_ERROR: dict[type[Unavailable], str] = {TooBusy: "database_busy", DatabaseTimeout: "database_slow"}
TIMED_OUT = HealthReport("unreachable", "unknown", ("database_slow",))


class _Check:
    """One look, in a thread of its own that ends with it. However many ask meanwhile, there is no second."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + MAX_WAIT_SECONDS
        self._report: Future[HealthReport] = Future()
        threading.Thread(target=self._run, name="health", daemon=True).start()

    @property
    def is_done(self) -> bool:
        return self._report.done()

    async def wait_for_report(self) -> HealthReport:
        left = max(0.0, self._deadline - time.monotonic())
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._report)), left)
        except TimeoutError:
            return TIMED_OUT

    def _run(self) -> None:
        try:
            self._report.set_result(_check_database())
        except Exception:
            log.exception("the look at the database failed")
            self._report.set_result(HealthReport("unreachable", "unknown", ("fault",)))
        _update_replica_state()


_running_check: _Check | None = None
_is_stopping = False
_replica_state: replica.State | None = None
_replica_lock = threading.Lock()


def _update_replica_state() -> None:
    """For whoever asks next: nobody waits for a replica, without which a server is as ready as with it."""
    global _replica_state
    if not replica.is_configured():
        _replica_state = None
    elif _replica_lock.acquire(blocking=False):
        try:
            _replica_state = replica.state()
        except Unavailable:
            _replica_state = None  # there is nothing to measure it against
        finally:
            _replica_lock.release()


def find_replica_state() -> replica.State | None:
    """How the replica stood at the last look; None before the first, and where there is none."""
    return _replica_state


async def check() -> HealthReport:
    """How the server stands now; answers within two seconds, whatever the database does."""
    global _running_check
    if _running_check is None or _running_check.is_done:
        _running_check = _Check()
    found = await _running_check.wait_for_report()
    return HealthReport(found.database, found.schema, ("stopping", *found.reasons)) if _is_stopping else found


def set_stopping(value: bool) -> None:
    """From now on nobody new is to be sent here."""
    global _is_stopping
    _is_stopping = value


def _check_database() -> HealthReport:
    try:
        with db.read_session() as session:
            state = migrations.state(session)
    except Unavailable as away:
        return HealthReport("unreachable", "unknown", (_REASON_BY_ERROR.get(type(away), "database_unreachable"),))
    return HealthReport("reachable", state, () if state == "current" else (f"schema_{state}",))


async def healthz(_request: Request) -> Response:
    found = await check()
    told: dict[str, Any] = {
        "status": "ok" if found.is_ready else "failing",
        "alive": True,
        "ready": found.is_ready,
        "database": found.database,
        "schema": found.schema,
        "reasons": [{"code": code, "detail": REASONS[code]} for code in found.reasons],
    }
    if seen := find_replica_state():
        told["replica"] = {"condition": seen.condition, "lag_seconds": seen.seconds, "lag_bytes": seen.lag_bytes}
    return JSONResponse(told, 200 if found.is_ready else 503, headers={"Cache-Control": "no-store"})


async def livez(_request: Request) -> Response:
    """Asks nobody: a restart helps against a server that does not answer, and against nothing that is elsewhere."""
    return JSONResponse({"alive": True}, headers={"Cache-Control": "no-store"})


routes = [Route("/healthz", healthz), Route("/livez", livez)]

"""Health checks without sign-in: /healthz (readiness: send traffic here?) and /livez (liveness: does it run?)."""

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

import ticketing
from ticketing import db
from ticketing.db import migrations, replica
from ticketing.errors import DatabaseTimeout, TooBusy, Unavailable

log = logging.getLogger("ticketing.health")

MAX_WAIT_SECONDS = 2.0  # less than the time limits of load balancers and Kubernetes probes
REASONS = {
    "stopping": "This server is shutting down.",
    "database_unreachable": "The database does not answer.",
    "database_busy": "The database, or this server's share of it, has no free connection.",
    "database_slow": f"The database did not answer within {MAX_WAIT_SECONDS:.0f} seconds.",
    "schema_missing": "The database has no tables yet. Restart the server, or run `python -m ticketing migrate`.",
    "schema_outdated": "The database is older than this server. Restart it, or run `python -m ticketing migrate`.",
    "schema_newer": "The database is newer than this server. Upgrade the server.",
    "fault": "The check of the database failed. See the log.",
}


@dataclass(frozen=True)
class HealthReport:
    """Result of a check of the database. `reasons` are keys of REASONS, empty when the server is ready."""

    database: str
    schema: str
    reasons: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        return not self.reasons


_REASON_BY_ERROR: dict[type[Unavailable], str] = {TooBusy: "database_busy", DatabaseTimeout: "database_slow"}
TIMED_OUT = HealthReport("unreachable", "unknown", ("database_slow",))


class _Check:
    """One check of the database in a thread of its own. Requests that come meanwhile share it."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + MAX_WAIT_SECONDS
        self._report: Future[HealthReport] = Future()
        threading.Thread(target=self._run, name="health", daemon=True).start()

    @property
    def is_done(self) -> bool:
        return self._report.done()

    async def wait_for_report(self) -> HealthReport:
        seconds_left = max(0.0, self._deadline - time.monotonic())
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._report)), seconds_left)
        except TimeoutError:
            return TIMED_OUT

    def _run(self) -> None:
        try:
            self._report.set_result(_check_database())
        except Exception:
            log.exception("the check of the database failed")
            self._report.set_result(HealthReport("unreachable", "unknown", ("fault",)))
        _update_replica_state()


_running_check: _Check | None = None
_is_stopping = False
_replica_state: replica.State | None = None
_replica_lock = threading.Lock()


def _update_replica_state() -> None:
    """Measure the replica for the next request. Readiness neither waits for the replica nor depends on it."""
    global _replica_state
    if not replica.is_configured():
        _replica_state = None
    elif _replica_lock.acquire(blocking=False):
        try:
            _replica_state = replica.state()
        except Unavailable:
            _replica_state = None  # without the primary there is nothing to compare with
        finally:
            _replica_lock.release()


def find_replica_state() -> replica.State | None:
    """Return the replica's state at the last check, or None before the first and without a replica."""
    return _replica_state


async def check() -> HealthReport:
    """Check the database, and return a report within MAX_WAIT_SECONDS whatever the database does."""
    global _running_check
    if _running_check is None or _running_check.is_done:
        _running_check = _Check()
    report = await _running_check.wait_for_report()
    return HealthReport(report.database, report.schema, ("stopping", *report.reasons)) if _is_stopping else report


def set_stopping(value: bool) -> None:
    """Set whether /healthz fails because the server is shutting down."""
    global _is_stopping
    _is_stopping = value


def _check_database() -> HealthReport:
    try:
        with db.read_session() as session:
            state = migrations.state(session)
    except Unavailable as error:
        return HealthReport("unreachable", "unknown", (_REASON_BY_ERROR.get(type(error), "database_unreachable"),))
    return HealthReport("reachable", state, () if state == "current" else (f"schema_{state}",))


async def healthz(_request: Request) -> Response:
    """Answer 200 when users can be sent to this server, else 503 with the reasons."""
    report = await check()
    body: dict[str, Any] = {
        "version": ticketing.__version__,
        "status": "ok" if report.is_ready else "failing",
        "alive": True,
        "ready": report.is_ready,
        "database": report.database,
        "schema": report.schema,
        "reasons": [{"code": code, "detail": REASONS[code]} for code in report.reasons],
    }
    if state := find_replica_state():
        body["replica"] = {"condition": state.condition, "lag_seconds": state.seconds, "lag_bytes": state.lag_bytes}
    return JSONResponse(body, 200 if report.is_ready else 503, headers={"Cache-Control": "no-store"})


async def livez(_request: Request) -> Response:
    """Answer without any check: a restart helps a server that hangs, not a database that is down."""
    return JSONResponse({"alive": True}, headers={"Cache-Control": "no-store"})


routes = [Route("/healthz", healthz), Route("/livez", livez)]

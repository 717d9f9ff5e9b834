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
from ticketing.errors import TooBusy, TookTooLong, Unavailable

log = logging.getLogger("ticketing.health")

PATIENCE = 2.0  # seconds; who asks has a time limit, too
REASONS = {
    "stopping": "This server was told to stop.",
    "database_unreachable": "The database does not answer.",
    "database_busy": "The database, or this server's share of it, has no free connection.",
    "database_slow": f"The database did not answer within {PATIENCE:.0f} seconds.",
    "schema_missing": "The database has no tables yet. Restart the server, or run `python -m ticketing migrate`.",
    "schema_outdated": "The database is older than this server. Restart it, or run `python -m ticketing migrate`.",
    "schema_newer": "The database is newer than this server. Upgrade the server.",
    "fault": "The look at the database failed. The log says why.",
}


@dataclass(frozen=True)
class Findings:
    """What a look at the database found; `reasons` are keys of REASONS, none when people may come."""

    database: str
    schema: str
    reasons: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        return not self.reasons


_WHY: dict[type[Unavailable], str] = {TooBusy: "database_busy", TookTooLong: "database_slow"}
TOO_SLOW = Findings("unreachable", "unknown", ("database_slow",))


class _Look:
    """One look, in a thread of its own that ends with it. However many ask meanwhile, there is no second."""

    def __init__(self) -> None:
        self._until = time.monotonic() + PATIENCE
        self._found: Future[Findings] = Future()
        threading.Thread(target=self._run, name="health", daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self._found.done()

    async def findings(self) -> Findings:
        left = max(0.0, self._until - time.monotonic())
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._found)), left)
        except TimeoutError:
            return TOO_SLOW

    def _run(self) -> None:
        try:
            self._found.set_result(_findings())
        except Exception:
            log.exception("the look at the database failed")
            self._found.set_result(Findings("unreachable", "unknown", ("fault",)))
        _look_at_replica()


_look: _Look | None = None
_is_stopping = False
_replica: replica.State | None = None
_asking_replica = threading.Lock()


def _look_at_replica() -> None:
    """For whoever asks next: nobody waits for a replica, without which a server is as ready as with it."""
    global _replica
    if not replica.is_set():
        _replica = None
    elif _asking_replica.acquire(blocking=False):
        try:
            _replica = replica.state()
        except Unavailable:
            _replica = None  # there is nothing to measure it against
        finally:
            _asking_replica.release()


def replica_seen() -> replica.State | None:
    """How the replica stood at the last look; None before the first, and where there is none."""
    return _replica


async def look() -> Findings:
    """How the server stands now; answers within two seconds, whatever the database does."""
    global _look
    if _look is None or _look.is_over:
        _look = _Look()
    found = await _look.findings()
    return Findings(found.database, found.schema, ("stopping", *found.reasons)) if _is_stopping else found


def say_stopping(is_stopping: bool) -> None:
    """From now on nobody new is to be sent here."""
    global _is_stopping
    _is_stopping = is_stopping


def _findings() -> Findings:
    try:
        with db.reading() as session:
            state = migrations.state(session)
    except Unavailable as away:
        return Findings("unreachable", "unknown", (_WHY.get(type(away), "database_unreachable"),))
    return Findings("reachable", state, () if state == "current" else (f"schema_{state}",))


async def healthz(_request: Request) -> Response:
    found = await look()
    told: dict[str, Any] = {
        "status": "ok" if found.is_ready else "failing",
        "alive": True,
        "ready": found.is_ready,
        "database": found.database,
        "schema": found.schema,
        "reasons": [{"code": code, "detail": REASONS[code]} for code in found.reasons],
    }
    if seen := replica_seen():
        told["replica"] = {"condition": seen.condition, "lag_seconds": seen.seconds, "lag_bytes": seen.bytes}
    return JSONResponse(told, 200 if found.is_ready else 503, headers={"Cache-Control": "no-store"})


async def livez(_request: Request) -> Response:
    """Asks nobody: a restart helps against a server that does not answer, and against nothing that is elsewhere."""
    return JSONResponse({"alive": True}, headers={"Cache-Control": "no-store"})


routes = [Route("/healthz", healthz), Route("/livez", livez)]

"""What the database is asked, seen from this process: how long it takes, what is slow and why, how the pool stands.

Statements are told without their values, and so are their plans: a donor may be among the values.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import re
import threading
import time
from collections.abc import Mapping
from typing import Any

import psycopg
from sqlalchemy import Engine
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.event import listen
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from ticketing import logs, metrics, settings

log = logging.getLogger("ticketing.statements")

logging.getLogger(f"{__name__}.Pool").setLevel(logging.WARNING)  # SQLAlchemy's own, under the name of our class

MAX_STATEMENT_LENGTH = 2_000
PLAN_INTERVAL_SECONDS = 60.0
MAX_QUEUED_PLANS = 8
_EXPLAINABLE = re.compile(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")
_PLANNING_SETTINGS = """
    SET TRANSACTION READ ONLY;
    SET LOCAL statement_timeout = '2s';
    SET LOCAL lock_timeout = '500ms';
    SET LOCAL plan_cache_mode = force_generic_plan
"""


class Pool(QueuePool):
    """SQLAlchemy's, which also tells how many wait for a connection, and how many did so in vain.

    An engine with such a pool names its database by `pool_logging_name`.
    """

    def connect(self) -> PoolProxiedConnection:
        with metrics.POOL_WAITING.labels(self.logging_name).track_inprogress():
            try:
                return super().connect()
            except PoolExhausted:
                metrics.POOL_EXHAUSTED.labels(self.logging_name).inc()
                raise


def instrument(engine: Engine) -> None:
    """Counts and times every statement of this engine, logs the slow ones, and tells how its Pool stands."""
    planner, slow = _Planner(engine), settings.load().slow_query_ms / 1000

    def begun(_connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
        context.begun = time.perf_counter()

    def ended(_connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        seconds = time.perf_counter() - context.begun
        metrics.STATEMENT_SECONDS.observe(seconds)
        if seconds >= slow:
            _log_slow_statement(statement, seconds, planner)

    def failed(context: ExceptionContext) -> None:
        """One that was cut off after a long wait is slow, too."""
        if context.statement is not None and hasattr(context.execution_context, "begun"):
            ended(None, None, context.statement, None, context.execution_context, False)

    listen(engine, "before_cursor_execute", begun)
    listen(engine, "after_cursor_execute", ended)
    listen(engine, "handle_error", failed)
    database = engine.pool.logging_name
    metrics.POOL_EXHAUSTED.labels(database)  # at 0 from the start
    metrics.POOL_SIZE.labels(database).set_function(lambda: engine.pool.size())  # type: ignore[attr-defined]
    metrics.POOL_IN_USE.labels(database).set_function(lambda: engine.pool.checkedout())  # type: ignore[attr-defined]


def _log_slow_statement(statement: str, seconds: float, planner: _Planner) -> None:
    metrics.SLOW_STATEMENTS.inc()
    name = hashlib.sha256(statement.encode()).hexdigest()[:8]
    shown = " ".join(statement.split())[:MAX_STATEMENT_LENGTH]
    milliseconds = round(seconds * 1000)
    log.warning("slow query, %s ms: %s", milliseconds, shown, extra={"statement": name, "milliseconds": milliseconds})
    planner.ask(name, statement)


class _Planner:
    """Asks for the plan of a slow statement afterwards, in one thread and on a connection of its own.

    EXPLAIN without ANALYZE runs nothing. Each statement is planned at most once a minute; while the thread is busy
    with as many as it remembers, further ones stay without a plan.
    """

    def __init__(self, engine: Engine) -> None:
        self._url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._queue: queue.Queue[tuple[str, str, Mapping[str, str]]] = queue.Queue(MAX_QUEUED_PLANS)
        self._planned_at: dict[str, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self, name: str, statement: str) -> None:
        if not _EXPLAINABLE.match(statement):
            return
        now = time.monotonic()
        with self._lock:
            self._planned_at = {n: t for n, t in self._planned_at.items() if now - t < PLAN_INTERVAL_SECONDS}
            if name in self._planned_at or self._queue.full():
                return
            self._planned_at[name] = now
            self._queue.put_nowait((name, statement, logs.get_context()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="plans", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            name, statement, known = self._queue.get()
            with logs.log_context(lambda known=known: known):  # type: ignore[misc]
                try:
                    plan = self._explain(name, statement)
                except psycopg.Error as failure:
                    said = " ".join(logs.redact_quoted_rows(str(failure)).split())
                    log.warning("the slow query %s has no plan: %s", name, said, extra={"statement": name})
                else:
                    log.warning("plan of the slow query %s:\n%s", name, plan, extra={"statement": name, "plan": plan})

    def _explain(self, name: str, statement: str) -> str:
        """The plan that holds whatever the values are. A prepared statement has one on every PostgreSQL we support;
        EXPLAIN (GENERIC_PLAN) is younger."""
        prepared, values = number_placeholders(statement)
        given = f"({', '.join(['NULL'] * values)})" if values else ""
        with (
            psycopg.connect(self._url, autocommit=True, connect_timeout=5, prepare_threshold=None) as connection,
            connection.transaction(force_rollback=True),  # and in it all settings, which a pooler would not pass on
        ):
            connection.execute(_PLANNING_SETTINGS)
            connection.execute(f"PREPARE slow_{name} AS {prepared}".encode())
            try:
                with connection.transaction():
                    lines = connection.execute(f"EXPLAIN EXECUTE slow_{name}{given}".encode()).fetchall()
            finally:
                connection.execute(f"DEALLOCATE slow_{name}".encode())  # behind a pooler it would stay
        return "\n".join(line for (line,) in lines)


def number_placeholders(statement: str) -> tuple[str, int]:
    """A statement with `%(name)s` as PostgreSQL itself writes it, with $1, $2 ...; and how many there are."""
    places: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        return f"${places.setdefault(found[1], len(places) + 1)}" if found[1] else "%"

    return _PLACEHOLDER.sub(place, statement), len(places)

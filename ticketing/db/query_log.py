"""Statement timing, the log of slow queries, and the metrics of the connection pools.

Statements are logged without their values, since a donor may be among them.
"""

from __future__ import annotations

import hashlib
import logging
import time
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.event import listen
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from ticketing import metrics, settings

log = logging.getLogger("ticketing.statements")

# SQLAlchemy logs under the name of the pool's class, and at INFO each checkout.
logging.getLogger(f"{__name__}.Pool").setLevel(logging.WARNING)

MAX_STATEMENT_LENGTH = 2_000


class Pool(QueuePool):
    """SQLAlchemy's pool with metrics for threads that wait for a connection and for waits that timed out.

    `pool_logging_name` of the engine is the `database` label of these metrics.
    """

    def connect(self) -> PoolProxiedConnection:
        with metrics.POOL_WAITING.labels(self.logging_name).track_inprogress():
            try:
                return super().connect()
            except PoolExhausted:
                metrics.POOL_EXHAUSTED.labels(self.logging_name).inc()
                raise


def instrument(engine: Engine) -> None:
    """Count and time every statement of an engine, log the slow ones, and export the state of its Pool."""
    threshold_seconds = settings.load().slow_query_ms / 1000

    def start_timing(_conn: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
        context.started_at = time.perf_counter()

    def stop_timing(_conn: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        seconds = time.perf_counter() - context.started_at
        metrics.STATEMENT_SECONDS.observe(seconds)
        if seconds >= threshold_seconds:
            _log_slow_statement(statement, seconds)

    def stop_timing_of_failed(context: ExceptionContext) -> None:
        # A statement that was cut off by a timeout is slow, too.
        if context.statement is not None and hasattr(context.execution_context, "started_at"):
            stop_timing(None, None, context.statement, None, context.execution_context, False)

    listen(engine, "before_cursor_execute", start_timing)
    listen(engine, "after_cursor_execute", stop_timing)
    listen(engine, "handle_error", stop_timing_of_failed)
    database = engine.pool.logging_name
    metrics.POOL_EXHAUSTED.labels(database)  # exported as 0 from the start
    metrics.POOL_SIZE.labels(database).set_function(lambda: engine.pool.size())  # type: ignore[attr-defined]
    metrics.POOL_IN_USE.labels(database).set_function(lambda: engine.pool.checkedout())  # type: ignore[attr-defined]


def _log_slow_statement(statement: str, seconds: float) -> None:
    """Log duration, statement and a hash by which equal statements are found; the line's context has the ids."""
    metrics.SLOW_STATEMENTS.inc()
    statement_id = hashlib.sha256(statement.encode()).hexdigest()[:8]
    excerpt = " ".join(statement.split())[:MAX_STATEMENT_LENGTH]
    milliseconds = round(seconds * 1000)
    extra = {"statement": statement_id, "milliseconds": milliseconds}
    log.warning("slow query, %s ms: %s", milliseconds, excerpt, extra=extra)

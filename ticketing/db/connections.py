"""The engine of this process: a pool of connections to DATABASE_URL, or to the embedded PostgreSQL."""

from __future__ import annotations

import threading
from typing import Any

import psycopg.errors
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import ConnectionPoolEntry

from ticketing import settings
from ticketing.db import embedded, liveness, query_log

POOL_SIZE = 16
POOL_TIMEOUT_SECONDS = 8
CONNECT_TIMEOUT_SECONDS = 3
# Connections to a machine that vanished end after half a minute.
KEEPALIVE_ARGS: dict[str, Any] = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# What holds in every session of this server.
SESSION_SETTINGS = {
    "timezone": "UTC",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}

_engine: Engine | None = None
_engine_lock = threading.Lock()
_health_check_lock = threading.Lock()


def engine() -> Engine:
    """Return the one engine of this process; starts the embedded PostgreSQL when no DATABASE_URL is set."""
    global _engine
    if _engine is None:
        with _engine_lock:
            if _engine is None:
                new = build_engine(settings.load().database_url or embedded.start(), "primary")
                listen(new, "do_connect", _connect_or_restart_embedded)
                listen(new, "handle_error", _invalidate_read_only_connection)
                _engine = new
    return _engine


def build_engine(url: str, pool_name: str, *, connect_timeout_seconds: int = CONNECT_TIMEOUT_SECONDS) -> Engine:
    """Return a pool of connections to `url`, each with SESSION_SETTINGS; `pool_name` labels its logs and metrics.

    Behind a transaction pooler the database role must have these settings (see `pooler.check`).
    """
    new = create_engine(
        to_sqlalchemy_url(url),
        poolclass=query_log.Pool,
        pool_logging_name=pool_name,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_use_lifo=True,  # the connection used last has its data in the caches of the processor
        pool_timeout=POOL_TIMEOUT_SECONDS,
        hide_parameters=True,  # the log of a failed statement must not contain a donor
        connect_args={
            "connect_timeout": connect_timeout_seconds,
            **KEEPALIVE_ARGS,
            **_get_session_connect_args(),
        },
    )
    liveness.install(new)
    query_log.instrument(new)
    return new


def _get_session_connect_args() -> dict[str, Any]:
    # A transaction pooler passes no options on, and does not know which of its sessions prepared a statement.
    if settings.load().uses_transaction_pooler:
        return {"prepare_threshold": None}
    return {"options": " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items())}


def _connect_or_restart_embedded(dialect: Any, _record: ConnectionPoolEntry, arguments: Any, options: Any) -> Any:
    try:
        return dialect.connect(*arguments, **options)
    except psycopg.OperationalError:
        if not embedded.restart_if_gone():
            raise
        return dialect.connect(*arguments, **options)


def _invalidate_read_only_connection(context: ExceptionContext) -> None:
    """Drop a connection to a server that became read-only: after a failover a new one may reach the primary."""
    if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
        context.is_disconnect = True


def dispose() -> None:
    """Close the pool; the next use opens a new one (tests change DATABASE_URL between)."""
    global _engine
    if _engine is not None:
        _engine.dispose()
    _engine = None


def stop() -> None:
    """Close the pool and release the embedded PostgreSQL; a server that ends by a signal runs no exit handlers."""
    dispose()
    embedded.stop()


def to_sqlalchemy_url(url: str) -> str:
    """Return `postgres://...` or `postgresql://...` with the driver that SQLAlchemy uses here."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def libpq_url(bind: Engine | None = None) -> str:
    """Return the address of an engine, by default the process's own, for psycopg itself, which can stream results."""
    return (bind or engine()).url.set(drivername="postgresql").render_as_string(hide_password=False)


def is_reachable() -> bool:
    """Return whether the database answers now.

    One caller at a time checks. Others get False at once and ask again later, so that checks do not fill the pool.
    """
    if not _health_check_lock.acquire(blocking=False):
        return False
    try:
        with engine().connect() as connection:
            connection.execute(text("SELECT 1"))
    except (DBAPIError, PoolExhausted):
        return False
    finally:
        _health_check_lock.release()
    return True

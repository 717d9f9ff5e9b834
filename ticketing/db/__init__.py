"""Connections and transactions: PostgreSQL named by DATABASE_URL, or the embedded one in the data folder.

One click is one transaction, opened by a page's callback or an API handler through `write`, never inside a concept
function. Pages that only show read through `reading`, which sees one moment, so that figures add up.
"""

from __future__ import annotations

import logging
import random
import re
import selectors
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg.errors
from psycopg import generators
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session as Session
from sqlalchemy.pool import ConnectionPoolEntry

from ticketing import metrics, settings
from ticketing.db import embedded, query_log
from ticketing.errors import DatabaseTimeout, DiskFull, OutcomeUnknown, ReadOnly, TooBusy, Unavailable

log = logging.getLogger("ticketing.db")
T = TypeVar("T")

MAX_ATTEMPTS = 3
# Somebody looks at a spinner meanwhile: no attempt begins later than this after the first one. The last to begin
# may still wait for a connection, so the answer comes within 10 seconds.
RETRY_WINDOW_SECONDS = 5.0
POOL_TIMEOUT_SECONDS = 8
CONNECT_TIMEOUT_SECONDS = 3
PING_TIMEOUT_SECONDS = 3.0
IDLE_BEFORE_PING_SECONDS = 1.0
# Requests that meet in these only need to start over: they find what the other did, or draw new ticket codes.
RETRY_CONSTRAINTS = {
    "uq_purchases_idempotency",
    "uq_assigned_tickets_event_id_code",
    "uq_staff_email_key",
    "uq_staff_openid_issuer_openid_subject",
}
# By SQLSTATE, or by its class.
ERRORS_BY_SQLSTATE: dict[str, type[Unavailable]] = {
    "25006": ReadOnly,
    "25P03": DatabaseTimeout,
    "40001": TooBusy,
    "40P01": TooBusy,
    "53100": DiskFull,
    "55P03": DatabaseTimeout,
    "57014": DatabaseTimeout,
    "08": Unavailable,
    "53": TooBusy,
    "57": Unavailable,
    "58": Unavailable,
}
# Who is turned away at the door is told no SQLSTATE. PostgreSQL's words, and PgBouncer's.
_NO_CONNECTION_SLOT = re.compile(
    "too many (clients|connections)|connection slots|no more connections|query_wait_timeout"
)
# What holds in every session of ours.
SESSION_SETTINGS = {
    "timezone": "UTC",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}

_engine: Engine | None = None
_engine_lock = threading.Lock()
_health_check_lock = threading.Lock()


class RetryTransaction(Exception):
    """Raised by work that finds that another request did the same meanwhile; run again, it will see the result."""


def engine() -> Engine:
    """The one engine of this process; starts the embedded PostgreSQL at first use when no DATABASE_URL is set."""
    global _engine
    if _engine is None:
        with _engine_lock:
            if _engine is None:
                made = build_engine(settings.load().database_url or embedded.start(), "primary")
                listen(made, "do_connect", _connect_or_restart_embedded)
                listen(made, "handle_error", _invalidate_read_only_connection)
                _engine = made
    return _engine


def build_engine(url: str, pool_name: str, *, connect_timeout_seconds: int = CONNECT_TIMEOUT_SECONDS) -> Engine:
    """A pool of connections to `url`, each with SESSION. Behind a transaction pooler the role must have it.

    Logs and figures tell pools apart by what each is `called`.
    """
    made = create_engine(
        to_sqlalchemy_url(url),
        poolclass=query_log.Pool,
        pool_logging_name=pool_name,
        pool_size=16,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        hide_parameters=True,  # a failed statement is logged, the donor in it is not
        connect_args={
            "connect_timeout": connect_timeout_seconds,
            # A machine that vanished says nothing any more: its connections end after half a minute.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
            **_get_session_connect_args(),
        },
    )
    listen(made, "checkin", _record_checkin_time)
    listen(made, "checkout", _check_connection)
    query_log.instrument(made)
    return made


def _get_session_connect_args() -> dict[str, Any]:
    """A transaction pooler passes no options on, and does not know what was prepared in which of its sessions."""
    if settings.load().uses_transaction_pooler:
        return {"prepare_threshold": None}
    return {"options": " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items())}


def _connect_or_restart_embedded(dialect: Any, _record: ConnectionPoolEntry, arguments: Any, options: Any) -> Any:
    """A private PostgreSQL that is gone is started again by whoever needs it first."""
    try:
        return dialect.connect(*arguments, **options)
    except psycopg.OperationalError:
        if not embedded.restart_if_gone():
            raise
        return dialect.connect(*arguments, **options)


def _record_checkin_time(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["returned"] = time.monotonic()


def _check_connection(connection: Any, record: ConnectionPoolEntry, _checked_out: Any) -> None:
    """Connections that broke while nobody used them are thrown away, all at once, before they reach anybody.

    What a server says unasked is its farewell, and looking for it costs nothing. One that lay idle is asked, too:
    a network that dropped it, or a server that hangs, says no farewell.
    """
    try:
        with selectors.DefaultSelector() as socket:
            socket.register(connection, selectors.EVENT_READ)
            if socket.select(0):
                raise psycopg.OperationalError("the server closed the connection meanwhile")
        if time.monotonic() - record.info.get("returned", time.monotonic()) > IDLE_BEFORE_PING_SECONDS:
            connection.pgconn.send_query(b"SELECT 1")
            connection.wait(generators.execute(connection.pgconn), timeout=PING_TIMEOUT_SECONDS)
    except (psycopg.Error, OSError, ValueError) as dead:
        connection.close()  # or giving it back would wait for the same server
        raise InvalidatePoolError from dead


def _invalidate_read_only_connection(context: ExceptionContext) -> None:
    """After a change of servers the address may lead to another, to which only a new connection leads."""
    if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
        context.is_disconnect = True


def dispose() -> None:
    """Closes the pool; the next use opens a new one (tests change DATABASE_URL between)."""
    global _engine
    if _engine is not None:
        _engine.dispose()
    _engine = None


def stop() -> None:
    """Closes the pool and lets go of the embedded PostgreSQL. A server told to end by a signal never gets to exit."""
    dispose()
    embedded.stop()


def to_sqlalchemy_url(url: str) -> str:
    """`postgres://...` or `postgresql://...` as people write it, with the driver we use."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def libpq_url(bind: Engine | None = None) -> str:
    """The address of an engine, or of the one, for psycopg itself, which streams what SQLAlchemy would collect."""
    return (bind or engine()).url.set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def read_session() -> Iterator[Session]:
    """A read-only session that sees the database as it is at its first query.

    Connecting is tried up to 3 times; what is read then is not. Raises Unavailable, in the kind that `told` finds.
    """
    snapshot = engine().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with metrics.count_refusals():
        try:
            with _open_session(snapshot) as session:
                yield session
        except (DBAPIError, PoolExhausted) as failure:
            away = unavailable_error(failure)
            if away is None or isinstance(away, ReadOnly):  # this is no place to write: a fault of ours
                raise
            log.warning("could not be read: %s", _to_single_line(failure))
            raise away from failure


def is_reachable() -> bool:
    """Whether the database can be reached now. One caller at a time looks; the others hear no, and ask again later."""
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


def after_commit(session: Session, callback: Callable[[], object]) -> None:
    """Has `write` call `tell` once what was done in this session is committed; not when it is undone or starts over.

    For counting, not for working: `tell` must not fail, because what it tells of has happened.
    """
    session.info.setdefault("after_commit", []).append(callback)


@metrics.count_refusals()
def write(work: Callable[[Session], T]) -> T:
    """Runs `work` in one transaction and commits it; up to 3 attempts with growing pauses.

    `work` must do all its writing through the session it is given. It is run again when nothing can have been saved
    and another attempt may go better: see `_pause`. A connection lost while committing is not tried again, since
    nobody knows whether it was done: the caller repeats with its idempotency key.
    Raises Unavailable, in the kind that `told` finds, and whatever `work` raises; then nothing is changed. Raises
    OutcomeUnknown, of all of them the only one after which it may be.
    """
    began = time.monotonic()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        committing = False
        try:
            with Session(engine(), expire_on_commit=False) as session:
                result = work(session)
                session.flush()
                committing = True
                session.commit()
                for tell in session.info.get("after_commit", ()):
                    tell()
                return result
        except (DBAPIError, PoolExhausted, RetryTransaction) as failure:
            away = unavailable_error(failure)
            if committing and type(away) is Unavailable:
                log.warning("lost while committing: %s", _to_single_line(failure))
                raise OutcomeUnknown from failure
            pause = _get_retry_delay(failure, attempt, began)
            if pause is None:
                if away is None:
                    raise
                log.warning("could not be written, attempt %s: %s", attempt, _to_single_line(failure))
                raise away from failure
            metrics.TRANSACTION_RETRIES.inc()
            log.warning("transaction starts over, attempt %s: %s", attempt, _to_single_line(failure))
            time.sleep(pause)
    raise AssertionError("unreachable")


def unavailable_error(failure: BaseException) -> Unavailable | None:
    """What a failure of the database or its driver means for who waits; None for a fault of ours."""
    if isinstance(failure, PoolExhausted):
        return TooBusy()
    cause = failure.orig if isinstance(failure, DBAPIError) else failure
    if not isinstance(cause, psycopg.Error):
        return None
    if cause.sqlstate is None:
        is_about_the_connection = isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
        return (
            (TooBusy() if _NO_CONNECTION_SLOT.search(str(cause)) else Unavailable())
            if is_about_the_connection
            else None
        )
    kind = ERRORS_BY_SQLSTATE.get(cause.sqlstate) or ERRORS_BY_SQLSTATE.get(cause.sqlstate[:2])
    return kind() if kind else None


def _open_session(bind: Engine) -> Session:
    began = time.monotonic()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        session = Session(bind, expire_on_commit=False)
        try:
            session.connection()
            return session
        except (DBAPIError, PoolExhausted) as failure:
            session.close()
            pause = _get_retry_delay(failure, attempt, began)
            if pause is None:
                raise
            time.sleep(pause)
    raise AssertionError("unreachable")


def _get_retry_delay(failure: BaseException, attempt: int, began: float) -> float | None:
    """How many seconds to wait before another attempt; None when there is to be none.

    Two requests that met start over at once. A server that went away, has no slot left or became read-only is given
    a second to come back. Not again: what took too long would take as long, a full disk stays full, and who waited
    for the pool has waited.
    """
    if attempt == MAX_ATTEMPTS:
        return None
    growing: float = 4 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311
    if _is_lost_race(failure):
        return 0.05 * growing
    passes = type(unavailable_error(failure)) in (Unavailable, TooBusy, ReadOnly) and not isinstance(
        failure, PoolExhausted
    )
    in_time = time.monotonic() - began < RETRY_WINDOW_SECONDS
    return 0.25 * growing if passes and in_time else None


def _is_lost_race(failure: BaseException) -> bool:
    cause = failure.orig if isinstance(failure, DBAPIError) else None
    if isinstance(failure, RetryTransaction):
        return True
    if isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
        return True
    return isinstance(failure, IntegrityError) and constraint_name(failure) in RETRY_CONSTRAINTS


def _to_single_line(failure: BaseException) -> str:
    """For the log: the database quotes the row that it refused, with what somebody typed in it."""
    return " ".join(str(failure).split())


def constraint_name(failure: IntegrityError) -> str | None:
    """The name of the constraint that refused, by which concept modules translate it into a sentence."""
    diagnostics = getattr(failure.orig, "diag", None)
    return diagnostics.constraint_name if diagnostics else None

"""Connections and transactions: PostgreSQL named by DATABASE_URL, or the embedded one in the data folder.

One click is one transaction, opened by a page's callback or an API handler through `write`, never inside a concept
function. Pages that only show read through `reading`, which sees one moment, so that figures add up.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg.errors
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from ticketing import embedded, settings
from ticketing.errors import Unavailable

log = logging.getLogger("ticketing.db")
T = TypeVar("T")

ATTEMPTS = 3
RESTED_SECONDS = 1.0
# Requests that meet in these only need to start over: they find what the other did, or draw new ticket codes.
START_OVER = {
    "uq_purchases_idempotency",
    "uq_assigned_tickets_event_id_code",
    "uq_staff_email_key",
    "uq_staff_openid_issuer_openid_subject",
}
# What holds in every session of ours.
SESSION = {
    "timezone": "UTC",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}

_engine: Engine | None = None


class StartOver(Exception):
    """Raised by work that finds that another request did the same meanwhile; run again, it will see the result."""


def engine() -> Engine:
    """The one engine of this process; starts the embedded PostgreSQL at first use when no DATABASE_URL is set."""
    global _engine
    if _engine is None:
        _engine = engine_for(settings.database_url() or embedded.start())
    return _engine


def engine_for(url: str, *, seconds_to_connect: int = 5) -> Engine:
    """A pool of connections to `url`, each with SESSION. Behind a transaction pooler the role must have it."""
    made = create_engine(
        sqlalchemy_url(url),
        pool_size=16,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,  # a failed statement is logged, the donor in it is not
        connect_args={"connect_timeout": seconds_to_connect, **_session_arguments()},
    )
    listen(made, "checkin", _note_the_time)
    listen(made, "checkout", _ping_if_rested)
    return made


def _session_arguments() -> dict[str, Any]:
    """A transaction pooler passes no options on, and does not know what was prepared in which of its sessions."""
    if settings.pools_transactions():
        return {"prepare_threshold": None}
    return {"options": " ".join(f"-c {name}={value}" for name, value in SESSION.items())}


def _note_the_time(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["returned"] = time.monotonic()


def _ping_if_rested(connection: Any, record: ConnectionPoolEntry, _checked_out: Any) -> None:
    """A connection that lay idle is asked whether it lives. One in steady use is not: `write` starts over."""
    if time.monotonic() - record.info.get("returned", time.monotonic()) > RESTED_SECONDS:
        try:
            engine().dialect.do_ping(connection)
        except psycopg.Error as dead:
            raise InvalidatePoolError() from dead


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


def sqlalchemy_url(url: str) -> str:
    """`postgres://...` or `postgresql://...` as people write it, with the driver we use."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def libpq_url(of: Engine | None = None) -> str:
    """The address of an engine, or of the one, for psycopg itself, which streams what SQLAlchemy would collect."""
    return (of or engine()).url.set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def reading() -> Iterator[Session]:
    """A read-only session that sees the database as it is at its first query. Raises Unavailable."""
    snapshot = engine().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    try:
        with Session(snapshot, expire_on_commit=False) as session:
            yield session
    except (OperationalError, InterfaceError, PoolExhausted) as failure:
        raise Unavailable() from failure


def answers() -> bool:
    """Whether the database can be reached now."""
    try:
        with engine().connect() as connection:
            connection.execute(text("SELECT 1"))
    except (OperationalError, InterfaceError, PoolExhausted):
        return False
    return True


def write(work: Callable[[Session], T]) -> T:
    """Runs `work` in one transaction and commits it; up to 3 attempts with growing pauses.

    `work` must do all its writing through the session it is given. It is run again after a deadlock, after a
    connection that was lost before the commit was sent, after the races in START_OVER, and when it raises StartOver.
    A connection lost while committing is not tried again, since nobody knows whether it was done: the caller repeats
    with its idempotency key.
    Raises Unavailable when the database does not answer, and whatever `work` raises; then nothing is changed.
    """
    for attempt in range(1, ATTEMPTS + 1):
        session = Session(engine(), expire_on_commit=False)
        committing = False
        try:
            with session:
                result = work(session)
                session.flush()
                committing = True
                session.commit()
                return result
        except (DBAPIError, PoolExhausted, StartOver) as failure:
            lost = isinstance(failure, OperationalError | InterfaceError | PoolExhausted)
            again = _rolled_back_and_repeatable(failure) or (lost and not committing)
            if not again and not lost:
                raise
            if not again or attempt == ATTEMPTS:
                if lost:
                    raise Unavailable() from failure
                raise
            # In one line: the database quotes the row that it refused, with what somebody typed in it.
            log.warning("transaction starts over, attempt %s: %s", attempt, " ".join(str(failure).split()))
            time.sleep(0.05 * 4 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311
    raise AssertionError("unreachable")


def _rolled_back_and_repeatable(failure: BaseException) -> bool:
    cause = failure.orig if isinstance(failure, DBAPIError) else None
    if isinstance(failure, StartOver):
        return True
    if isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
        return True
    return isinstance(failure, IntegrityError) and constraint_name(failure) in START_OVER


def constraint_name(failure: IntegrityError) -> str | None:
    """The name of the constraint that refused, by which concept modules translate it into a sentence."""
    diagnostics = getattr(failure.orig, "diag", None)
    return diagnostics.constraint_name if diagnostics else None

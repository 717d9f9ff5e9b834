"""Transactions: `write` with retries, `read_session` on one snapshot, and what a database failure means to users.

A page's callback or an API handler opens one transaction per click or request. Functions of the domain never commit.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg.errors
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session

from ticketing import metrics
from ticketing.db.connections import engine
from ticketing.errors import DatabaseTimeout, DiskFull, OutcomeUnknown, ReadOnly, TooBusy, Unavailable

log = logging.getLogger("ticketing.db")
T = TypeVar("T")

MAX_ATTEMPTS = 3
# A user waits meanwhile: no attempt begins later than this after the first one. The last one may still wait for a
# connection, so the answer comes within 10 seconds.
RETRY_WINDOW_SECONDS = 5.0
# A transaction that violates one of these lost a race. Run again, it finds the row of the other, or draws new codes.
RETRY_CONSTRAINTS = {
    "uq_orders_idempotency",
    "uq_orders_event_id_number",
    "uq_assigned_tickets_event_id_code",
    "uq_staff_email_key",
    "uq_staff_openid_issuer_openid_subject",
}
# By SQLSTATE, or by its class (https://www.postgresql.org/docs/current/errcodes-appendix.html).
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
# Refused connections carry no SQLSTATE, so match the messages of PostgreSQL and PgBouncer.
_NO_CONNECTION_SLOT = re.compile(
    "too many (clients|connections)|connection slots|no more connections|query_wait_timeout"
)


class RetryTransaction(Exception):
    """Raised by work that found the result of a concurrent request; run again, it will see it."""


@contextmanager
def read_session() -> Iterator[Session]:
    """Open a read-only session that sees the database as it is at its first query, so that figures add up.

    Connecting is tried up to 3 times; queries are not. Raises Unavailable or a subclass (see `unavailable_error`).
    """
    snapshot = engine().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with translate_read_failures(), _open_session(snapshot) as session:
        yield session


@contextmanager
def translate_read_failures() -> Iterator[None]:
    """Raise and count the domain error for a failure of the database or its driver in a block that only reads.

    Raises Unavailable or a subclass (see `unavailable_error`). Bugs pass as they are, and a write is one.
    """
    with metrics.count_refusals():
        try:
            yield
        except (DBAPIError, PoolExhausted, psycopg.Error) as failure:
            error = unavailable_error(failure)
            if error is None or isinstance(error, ReadOnly):
                raise
            log.warning("could not be read: %s", _to_single_line(failure))
            raise error from failure


def after_commit(session: Session, callback: Callable[[], object]) -> None:
    """Have `write` run `callback` once this session is committed; not when it is rolled back or retried.

    The callback must not raise, since the change is already saved. It is meant for metrics, not for work.
    """
    session.info.setdefault("after_commit", []).append(callback)


@metrics.count_refusals()
def write(work: Callable[[Session], T]) -> T:
    """Run `work` in one transaction, commit it and return its result; up to 3 attempts with growing pauses.

    `work` must write only through the session it is given. It is run again when nothing can have been saved and another
    attempt may succeed (see `_get_retry_delay`). A connection lost during the commit is not retried, since the outcome
    is unknown: the caller repeats with its idempotency key.

    Raises Unavailable or a subclass, and whatever `work` raises; then nothing is changed. Only after OutcomeUnknown
    the change may be saved.
    """
    started_at = time.monotonic()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        committing = False
        try:
            with Session(engine(), expire_on_commit=False) as session:
                result = work(session)
                session.flush()
                committing = True
                session.commit()
                for callback in session.info.get("after_commit", ()):
                    callback()
                return result
        except (DBAPIError, PoolExhausted, RetryTransaction) as failure:
            error = unavailable_error(failure)
            if committing and type(error) is Unavailable:
                log.warning("lost while committing: %s", _to_single_line(failure))
                raise OutcomeUnknown from failure
            delay = _get_retry_delay(failure, attempt, started_at)
            if delay is None:
                if error is None:
                    raise
                log.warning("could not be written, attempt %s: %s", attempt, _to_single_line(failure))
                raise error from failure
            metrics.TRANSACTION_RETRIES.inc()
            log.warning("transaction starts over, attempt %s: %s", attempt, _to_single_line(failure))
            time.sleep(delay)
    raise AssertionError("unreachable")


def unavailable_error(failure: BaseException) -> Unavailable | None:
    """Return the domain error for a failure of the database or its driver; None when the failure is a bug."""
    if isinstance(failure, PoolExhausted):
        return TooBusy()
    cause = failure.orig if isinstance(failure, DBAPIError) else failure
    if not isinstance(cause, psycopg.Error):
        return None
    if cause.sqlstate is None:
        if not isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
            return None
        return TooBusy() if _NO_CONNECTION_SLOT.search(str(cause)) else Unavailable()
    kind = ERRORS_BY_SQLSTATE.get(cause.sqlstate) or ERRORS_BY_SQLSTATE.get(cause.sqlstate[:2])
    return kind() if kind else None


def constraint_name(failure: IntegrityError) -> str | None:
    """Return the name of the violated constraint, by which domain modules choose a sentence."""
    diagnostics = getattr(failure.orig, "diag", None)
    return diagnostics.constraint_name if diagnostics else None


def _open_session(bind: Engine) -> Session:
    started_at = time.monotonic()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        session = Session(bind, expire_on_commit=False)
        try:
            session.connection()
            return session
        except (DBAPIError, PoolExhausted) as failure:
            session.close()
            delay = _get_retry_delay(failure, attempt, started_at)
            if delay is None:
                raise
            time.sleep(delay)
    raise AssertionError("unreachable")


def _get_retry_delay(failure: BaseException, attempt: int, started_at: float) -> float | None:
    """Return how many seconds to wait before another attempt; None when there is to be none.

    A lost race is retried at once. A server that went away, has no free slot or became read-only gets about a second to
    recover. Timeouts, full disks and an exhausted pool are not retried: they would take as long again.
    """
    if attempt == MAX_ATTEMPTS:
        return None
    backoff: float = 4 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311
    if _is_lost_race(failure):
        return 0.05 * backoff
    may_recover = type(unavailable_error(failure)) in (Unavailable, TooBusy, ReadOnly)
    has_time_left = time.monotonic() - started_at < RETRY_WINDOW_SECONDS
    return 0.25 * backoff if may_recover and has_time_left and not isinstance(failure, PoolExhausted) else None


def _is_lost_race(failure: BaseException) -> bool:
    cause = failure.orig if isinstance(failure, DBAPIError) else None
    if isinstance(failure, RetryTransaction):
        return True
    if isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
        return True
    return isinstance(failure, IntegrityError) and constraint_name(failure) in RETRY_CONSTRAINTS


def _to_single_line(failure: BaseException) -> str:
    return " ".join(str(failure).split())

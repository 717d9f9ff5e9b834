"""Read reports and exports from a streaming replica, so that they do not slow down sales on the primary.

A report contains everything that was committed before it was requested: the primary is asked for its WAL position, and
the replica is read only once it has replayed up to it. Otherwise the primary is read, as without a replica
(docs/decisions/0018).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session

from ticketing import db, settings
from ticketing.errors import TooBusy, Unavailable

log = logging.getLogger("ticketing.replica")
T = TypeVar("T")

MAX_WAIT_SECONDS = 0.5  # for the replica to catch up
POLL_SECONDS = 0.01
STATE_TTL_SECONDS = 5.0  # how long an "away" replica is not asked, and a "behind" one not waited for
CONNECT_TIMEOUT_SECONDS = 2
RESERVED_CONNECTIONS = 3  # two for a backup, one for an operator's psql

# The position up to which commits have returned: each waited for the flush, unless synchronous_commit is off.
_WAL_POSITION_QUERY = """
    SELECT system_identifier, ('x' || left(pg_walfile_name(reached.lsn), 8))::bit(32)::int, reached.lsn::text
    FROM pg_control_system(), LATERAL (SELECT CASE current_setting('synchronous_commit')
        WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END) AS reached (lsn)
"""
_REPLAY_STATUS_QUERY = """
    SELECT pg_is_in_recovery(), system_identifier, timeline_id,
        pg_wal_lsn_diff(CAST(%(lsn)s AS pg_lsn), pg_last_wal_replay_lsn())::bigint,
        extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float
    FROM pg_control_system(), pg_control_checkpoint()
"""
# Sessions that count against max_connections; a role without rights to see them sees that they exist.
_FREE_CONNECTIONS_QUERY = """
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*)
    FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL
"""


@dataclass(frozen=True)
class State:
    """The condition of the replica.

    `following`: it has replayed the primary's position, if need be within MAX_WAIT_SECONDS. `behind`: it has not.
    `away`: it does not answer, or is not a replica of this database. `lag_bytes` is the WAL that it lacked when asked.
    `seconds` is how long it took to catch up or, when behind, the age of its newest transaction. Both are None when
    nothing was measured.
    """

    condition: Literal["not set", "following", "behind", "away"]
    seconds: float | None = None
    lag_bytes: int | None = None


class _WalPosition(NamedTuple):
    """A position in the WAL of one cluster and timeline."""

    cluster: int
    timeline: int
    lsn: str


class _ReplayStatus(NamedTuple):
    """The replica's own state, relative to a position of the primary."""

    is_following: bool
    cluster: int
    timeline: int
    missing_bytes: int
    age: float | None


class _ReplicaUnusable(Exception):
    """The replica cannot be read; str() says why."""


class _ReplicaBehind(Exception):
    """The replica lacks transactions that were committed before the report was requested."""


class _ReplicaHealth:
    """The last known condition of the replica, so that not every report waits for one that is away or behind."""

    def __init__(self) -> None:
        self._away_until = self._behind_until = 0.0
        self._condition = "following"

    def is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def poll_delays(self) -> Iterator[float]:
        """Yield the delay before each further poll; nothing while another report has just waited in vain."""
        if time.monotonic() < self._behind_until:
            return
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while time.monotonic() < deadline:
            yield POLL_SECONDS
        self._behind_until = time.monotonic() + STATE_TTL_SECONDS

    def record(self, condition: str, reason: object = "") -> None:
        """Store the condition, and log it when it changed."""
        if condition == "away":
            self._away_until = time.monotonic() + STATE_TTL_SECONDS
        elif condition == "following":
            self._behind_until = 0.0
        if condition != self._condition:
            source = "replica" if condition == "following" else "primary"
            log.warning(
                "the replica is %s, reports are read from the %s. %s", condition, source, " ".join(str(reason).split())
            )
        self._condition = condition


_health = _ReplicaHealth()
_engine: Engine | None = None


def read(work: Callable[[Session], T]) -> T:
    """Run `work` on one snapshot that contains everything committed before now, and return its result.

    `work` must only read, and may be run twice: when the replica goes away or cancels the query, the primary is read.
    Raises Unavailable when the primary does not answer either, and whatever `work` raises.
    """
    if is_configured() and not _health.is_away():
        try:
            with _read_session() as session:
                return work(session)
        except _ReplicaBehind:
            _health.record("behind")
        except (_ReplicaUnusable, OperationalError, InterfaceError, PoolExhausted) as failure:
            _health.record("away", failure)
    with db.read_session() as session:
        return work(session)


async def stream(
    chunks: Callable[[psycopg.AsyncConnection[Any]], AsyncGenerator[bytes, None]],
) -> AsyncGenerator[bytes, None]:
    """Yield what `chunks` makes of a read-only connection on one snapshot, with everything committed before now.

    Falls back to the primary as `read` does, until the first chunk was yielded. Later errors are raised, since a
    partial file cannot be started again. Raises Unavailable or a subclass: TooBusy also when the primary would have
    fewer than RESERVED_CONNECTIONS left.
    """
    with db.translate_read_failures():
        async with aclosing(_stream(chunks)) as content:
            async for chunk in content:
                yield chunk


async def _stream(
    chunks: Callable[[psycopg.AsyncConnection[Any]], AsyncGenerator[bytes, None]],
) -> AsyncGenerator[bytes, None]:
    if is_configured() and not _health.is_away():
        has_begun = False
        try:
            position = await asyncio.to_thread(_get_primary_position)
            async with await _open_async_connection(db.libpq_url(_get_engine()), CONNECT_TIMEOUT_SECONDS) as connection:
                _require_following(await _measure_async(connection, position))
                await _begin_snapshot(connection)
                async with aclosing(chunks(connection)) as content:
                    async for chunk in content:
                        has_begun = True
                        yield chunk
                return
        except _ReplicaBehind:
            _health.record("behind")
        except (_ReplicaUnusable, psycopg.OperationalError) as failure:
            _health.record("away", failure)
            if has_begun:
                raise
    async with await _open_async_connection(db.libpq_url(), 5) as connection:
        await _require_reserve(connection)
        await _begin_snapshot(connection)
        async with aclosing(chunks(connection)) as content:
            async for chunk in content:
                yield chunk


def state() -> State:
    """Measure the replica for /healthz and /metrics; one that is away is asked again every STATE_TTL_SECONDS.

    Raises Unavailable when the primary, with which it is compared, does not answer.
    """
    if not is_configured():
        return State("not set")
    if _health.is_away():
        return State("away")
    try:
        position = _get_primary_position()
        with _get_engine().connect() as connection:
            measured = _measure(connection, position)
    except (_ReplicaUnusable, OperationalError, InterfaceError, PoolExhausted) as failure:
        _health.record("away", failure)
        return State("away")
    _health.record(measured.condition)
    return measured


def is_configured() -> bool:
    """Return whether READ_DATABASE_URL is set."""
    return settings.load().read_database_url is not None


def stop() -> None:
    """Close the connections to the replica, and forget its last condition."""
    global _engine, _health
    if _engine is not None:
        _engine.dispose()
    _engine, _health = None, _ReplicaHealth()


def _get_engine() -> Engine:
    global _engine
    if _engine is None:
        _engine = db.build_engine(
            settings.load().read_database_url or "", "replica", connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS
        )
    return _engine


def _get_primary_position() -> _WalPosition:
    """Return the WAL position of the primary. Raises Unavailable, or _ReplicaUnusable when it may not be read."""
    try:
        with db.engine().execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            return _WalPosition(*connection.exec_driver_sql(_WAL_POSITION_QUERY).one())
    except (OperationalError, InterfaceError, PoolExhausted) as failure:
        raise db.unavailable_error(failure) or Unavailable() from failure
    except DBAPIError as failure:  # some hosting providers do not grant these functions
        raise _ReplicaUnusable(f"The primary does not report its WAL position: {failure.orig}") from failure


@contextmanager
def _read_session() -> Iterator[Session]:
    """Open a session on one snapshot of the replica. Raises _ReplicaBehind, _ReplicaUnusable and Unavailable."""
    position = _get_primary_position()
    with _get_engine().connect() as connection:
        _require_following(_measure(connection, position))
        # The snapshot begins with the next query, after the poll that found everything replayed. A replica is always
        # read-only, and refuses the READ WRITE to which SQLAlchemy would reset a read-only connection.
        connection.rollback()
        snapshot = connection.execution_options(isolation_level="REPEATABLE READ")
        with Session(snapshot, expire_on_commit=False) as session:
            yield session


async def _open_async_connection(url: str, connect_timeout_seconds: int) -> psycopg.AsyncConnection[Any]:
    connection = await psycopg.AsyncConnection.connect(
        url,
        connect_timeout=connect_timeout_seconds,
        cursor_factory=psycopg.AsyncClientCursor,
        **db.KEEPALIVE_ARGS,
    )
    await connection.set_read_only(True)
    return connection


async def _begin_snapshot(connection: psycopg.AsyncConnection[Any]) -> None:
    """Make all that follows one snapshot, which begins with the next query."""
    await connection.rollback()
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)


async def _require_reserve(connection: psycopg.AsyncConnection[Any]) -> None:
    """Raise TooBusy when this connection takes one of the last, which a backup and an operator need."""
    free = await (await connection.execute(_FREE_CONNECTIONS_QUERY)).fetchone()
    assert free is not None
    if free[0] < RESERVED_CONNECTIONS:
        raise TooBusy


def _measure(connection: Connection, position: _WalPosition) -> State:
    """Poll until the replica has replayed `position`, or for MAX_WAIT_SECONDS. Raises _ReplicaUnusable."""
    started_at = time.monotonic()
    first = status = _parse_status(
        connection.exec_driver_sql(_REPLAY_STATUS_QUERY, {"lsn": position.lsn}).one(), position
    )
    for pause in _health.poll_delays():
        if status.missing_bytes <= 0:
            break
        time.sleep(pause)
        status = _parse_status(connection.exec_driver_sql(_REPLAY_STATUS_QUERY, {"lsn": position.lsn}).one(), position)
    return _to_state(first, status, time.monotonic() - started_at)


async def _measure_async(connection: psycopg.AsyncConnection[Any], position: _WalPosition) -> State:
    """Poll as `_measure` does, on an asynchronous connection."""
    started_at = time.monotonic()
    first = status = _parse_status(
        await (await connection.execute(_REPLAY_STATUS_QUERY, {"lsn": position.lsn})).fetchone(), position
    )
    for pause in _health.poll_delays():
        if status.missing_bytes <= 0:
            break
        await asyncio.sleep(pause)
        status = _parse_status(
            await (await connection.execute(_REPLAY_STATUS_QUERY, {"lsn": position.lsn})).fetchone(), position
        )
    return _to_state(first, status, time.monotonic() - started_at)


def _parse_status(row: Any, position: _WalPosition) -> _ReplayStatus:
    """Raise _ReplicaUnusable when the server's WAL is not the primary's, so that positions cannot be compared."""
    status = _ReplayStatus(*row)
    if not status.is_following:
        raise _ReplicaUnusable("It is not a standby: it was promoted, or is a primary.")
    if (status.cluster, status.timeline) != (position.cluster, position.timeline):
        raise _ReplicaUnusable(
            "It follows another primary, or has not yet made a restart point since its own was replaced."
        )
    return status


def _to_state(first: _ReplayStatus, last: _ReplayStatus, waited_seconds: float) -> State:
    if last.missing_bytes > 0:
        return State("behind", last.age, last.missing_bytes)
    return State("following", waited_seconds if first.missing_bytes > 0 else 0.0, max(0, first.missing_bytes))


def _require_following(measured: State) -> None:
    if measured.condition != "following":
        raise _ReplicaBehind
    _health.record("following")

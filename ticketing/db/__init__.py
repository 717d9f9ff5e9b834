"""The database: connections, transactions with retries, and what belongs to running a PostgreSQL.

connections   the engine and its pool                transactions  read_session, write, retries
liveness      checks pooled connections              query_log     slow queries and statement metrics
embedded      the private PostgreSQL                 pooler        checks a transaction pooler's sessions
private_cluster, cluster_account, cluster_programs   its programs, their time zones, and the user that runs them
replica       reports read from a streaming replica  migrations    the schema's version
backup        backup and restore                     pg_programs   finds pg_dump, pg_restore and psql
time_zones    compares Python's rules with PostgreSQL's
"""

from sqlalchemy.orm import Session

from ticketing.db.connections import (
    KEEPALIVE_ARGS,
    SESSION_SETTINGS,
    build_engine,
    dispose,
    engine,
    is_reachable,
    libpq_url,
    stop,
    to_sqlalchemy_url,
)
from ticketing.db.transactions import (
    RetryTransaction,
    after_commit,
    constraint_name,
    read_session,
    translate_read_failures,
    unavailable_error,
    write,
)

__all__ = [
    "KEEPALIVE_ARGS",
    "SESSION_SETTINGS",
    "RetryTransaction",
    "Session",
    "after_commit",
    "build_engine",
    "constraint_name",
    "dispose",
    "engine",
    "is_reachable",
    "libpq_url",
    "read_session",
    "stop",
    "to_sqlalchemy_url",
    "translate_read_failures",
    "unavailable_error",
    "write",
]

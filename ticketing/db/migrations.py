"""The version of the tables: which one the database has, which one this code was written for, and the way there."""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Literal

import psycopg.errors
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from ticketing import db, settings
from ticketing.errors import TicketingError

log = logging.getLogger("ticketing.schema")

State = Literal["current", "outdated", "newer", "missing"]

MIGRATION_LOCK_KEY = 7_301_226
# While a migration waits for a table, whoever comes for it waits behind: so it waits shortly, then lets them through.
TABLE_LOCK_TIMEOUT = "2s"
RETRY_SECONDS = 5.0


class NewerSchema(TicketingError):
    """The tables were made by a later version. To go on with them could lose what only that one knows of."""

    code = "newer_schema"

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database has a newer schema ({revision}) than this version of Ticket Desk knows ({head_revision()}). "
            "Start the newer version, or restore the backup from before the upgrade."
        )


def migrate() -> None:
    """Brings the schema to the current version, in one transaction.

    A second server that starts meanwhile waits for the first, and a migration waits for the tables that it changes; how
    long is not limited, and the log says so. Raises NewerSchema, and OperationalError when the database goes away.
    """
    while not _try_migrate():
        time.sleep(RETRY_SECONDS)


def _try_migrate() -> bool:
    """False when a table was in use for too long; then nothing is changed."""
    config = _create_alembic_config()
    try:
        with db.engine().begin() as connection:
            if database_revision(connection) == head_revision():
                return True  # without a turn: a server that is started again does not wait for a backup
            acquire_migration_lock(connection)
            found = database_revision(connection)
            if found is not None and not is_known(found):
                raise NewerSchema(found)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as failure:
        if not isinstance(failure.orig, psycopg.errors.LockNotAvailable):
            raise
        log.warning("A table that the migration changes is in use by another connection; trying again until it is not.")
        return False
    return True


def acquire_migration_lock(connection: Connection, *, shared: bool = False) -> None:
    """Waits until nobody else migrates or restores, and keeps them waiting until this transaction ends.

    Several `shared` turns go side by side: they read, and only want the tables to stay as they are. The turn belongs to
    the transaction and not to the connection, so that it is kept and ended behind a pooler too. Nothing else that the
    transaction does is limited in time, but the wait for a table is.
    """
    for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {limit} = 0"))
    kind = "_shared" if shared else ""
    key = {"key": MIGRATION_LOCK_KEY}
    if not connection.scalar(text(f"SELECT pg_try_advisory_xact_lock{kind}(:key)"), key):
        log.warning("This database is being migrated, backed up or restored by another process; waiting for its end.")
        connection.execute(text(f"SELECT pg_advisory_xact_lock{kind}(:key)"), key)
    connection.execute(text(f"SET LOCAL lock_timeout = '{TABLE_LOCK_TIMEOUT}'"))


def state(session: Session) -> State:
    """How the database's tables relate to this code: `outdated` ones `migrate` mends, `newer` ones a newer version."""
    found = database_revision(session.connection())
    if found is None:
        return "missing"
    if found == head_revision():
        return "current"
    return "outdated" if is_known(found) else "newer"


def database_revision(connection: Connection) -> str | None:
    """The one that the database has; None is a database without our tables."""
    return MigrationContext.configure(connection).get_current_revision()


def is_known(revision: str) -> bool:
    """Whether it is the current revision or one that leads to it."""
    return revision in _list_known_revisions()


@cache
def head_revision() -> str | None:
    """The revision that this code was written for."""
    return ScriptDirectory.from_config(_create_alembic_config()).get_current_head()


@cache
def _list_known_revisions() -> frozenset[str]:
    return frozenset(
        script.revision for script in ScriptDirectory.from_config(_create_alembic_config()).walk_revisions()
    )


def _create_alembic_config() -> Config:
    return Config(settings.ROOT / "alembic.ini")

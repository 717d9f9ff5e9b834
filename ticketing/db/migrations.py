"""The schema's version in the database and in this code, and the migration from one to the other."""

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
# Queries on a table queue behind a migration that waits for it, so the wait is short and repeated.
TABLE_LOCK_TIMEOUT = "2s"
RETRY_SECONDS = 5.0


class NewerSchema(TicketingError):
    """A later version of Ticket Desk migrated the database; this one could lose data that it does not know."""

    code = "newer_schema"

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database has a newer schema ({revision}) than this version of Ticket Desk knows ({head_revision()}). "
            "Start the newer version, or restore the backup from before the upgrade."
        )


def migrate() -> None:
    """Migrate the schema to the current version, in one transaction.

    A second server that starts meanwhile waits for the first, and a migration waits for the tables that it changes,
    without a limit; the log says so. Raises NewerSchema, and OperationalError when the connection is lost.
    """
    while not _try_migrate():
        time.sleep(RETRY_SECONDS)


def _try_migrate() -> bool:
    """Return False, with nothing changed, when a table was in use for longer than TABLE_LOCK_TIMEOUT."""
    config = _create_alembic_config()
    try:
        with db.engine().begin() as connection:
            if database_revision(connection) == head_revision():
                return True  # without the lock: a restarted server does not wait for a backup
            acquire_migration_lock(connection)
            revision = database_revision(connection)
            if revision is not None and not is_known(revision):
                raise NewerSchema(revision)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise
        log.warning("A table that the migration changes is in use by another connection; trying again until it is not.")
        return False
    return True


def acquire_migration_lock(connection: Connection, *, shared: bool = False) -> None:
    """Wait for migrations and restores of other processes, and block them until this transaction ends.

    Backups take the lock `shared`: several run side by side, and the schema stays as it is. The lock belongs to the
    transaction and not to the session, so that it works behind a transaction pooler. The transaction has no time limits
    except for waiting for a table.
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
    """Compare the schema with this code: `migrate` updates an "outdated" one, a "newer" one needs a newer version."""
    revision = database_revision(session.connection())
    if revision is None:
        return "missing"
    if revision == head_revision():
        return "current"
    return "outdated" if is_known(revision) else "newer"


def database_revision(connection: Connection) -> str | None:
    """Return the revision of the database; None without the tables of Ticket Desk."""
    return MigrationContext.configure(connection).get_current_revision()


def is_known(revision: str) -> bool:
    """Return whether it is the current revision or an earlier one."""
    return revision in _list_known_revisions()


@cache
def head_revision() -> str | None:
    """Return the revision that this code needs."""
    return ScriptDirectory.from_config(_create_alembic_config()).get_current_head()


@cache
def _list_known_revisions() -> frozenset[str]:
    return frozenset(
        script.revision for script in ScriptDirectory.from_config(_create_alembic_config()).walk_revisions()
    )


def _create_alembic_config() -> Config:
    return Config(settings.ROOT / "alembic.ini")

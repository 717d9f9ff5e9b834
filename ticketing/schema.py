"""The version of the tables: which one the database has, which one this code was written for, and the way there."""

from __future__ import annotations

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

from ticketing import db, settings

MIGRATION_LOCK = 7_301_226


def migrate() -> None:
    """Brings the schema to the current version; a second server that starts meanwhile waits for the first."""
    config = _config()
    with db.engine().connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()


def state(session: Session) -> str:
    """How the database's tables stand to this code: `current`, `outdated`, or `newer`, made by code after this."""
    found = MigrationContext.configure(session.connection()).get_current_revision()
    if found == newest():
        return "current"
    return "outdated" if found is None or found in _revisions() else "newer"


@cache
def newest() -> str | None:
    """The revision that this code was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


@cache
def _revisions() -> frozenset[str]:
    return frozenset(each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    return Config(settings.ROOT / "alembic.ini")

"""The version of the tables: which one the database has, which one this code was written for, and the way there."""

from __future__ import annotations

from functools import cache
from typing import Literal

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


State = Literal["current", "outdated", "newer", "missing"]


def state(session: Session) -> State:
    """How the database's tables relate to this code: `outdated` ones `migrate` mends, `newer` ones a newer version."""
    found = MigrationContext.configure(session.connection()).get_current_revision()
    if found is None:
        return "missing"
    if found == newest():
        return "current"
    return "outdated" if found in _revisions() else "newer"


@cache
def newest() -> str | None:
    """The revision that this code was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


@cache
def _revisions() -> frozenset[str]:
    return frozenset(each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    return Config(settings.ROOT / "alembic.ini")

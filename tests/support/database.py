"""Create databases for tests, and drop them afterwards."""

from __future__ import annotations

import os

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from ticketing import db


class DatabaseServer:
    """The PostgreSQL on which this run creates its test databases."""

    def __init__(self, url: str, *, prefix: str) -> None:
        self._url = make_url(url)
        self._prefix = prefix
        self._made: list[str] = []
        self.template: str | None = None

    def run(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self.url_of(self._url.database or "postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def url_of(self, database: str) -> str:
        return self._url.set(drivername="postgresql", database=database).render_as_string(hide_password=False)

    def create(self, *, migrated: bool = True, like: str | None = None) -> str:
        """Create a database and return its URL: migrated and empty, without a schema, or a copy of `like`."""
        name = f"{self._prefix}_{len(self._made)}"
        template = make_url(like).database if like else self.template if migrated else None
        self.run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
                sql.Identifier(name), sql.Identifier(template or "template0")
            )
        )
        self._made.append(name)
        return self.url_of(name)

    def disable_fsync(self) -> None:
        """Do not wait for the disk. Only for a server of this test run."""
        self.run(sql.SQL("ALTER SYSTEM SET fsync = off"))
        self.run(sql.SQL("SELECT pg_reload_conf()"))

    def drop_all(self) -> None:
        for name in self._made:
            self.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def use_database(url: str) -> None:
    """Make this process use the database at `url`."""
    db.dispose()
    os.environ["DATABASE_URL"] = url

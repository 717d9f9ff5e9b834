"""One PostgreSQL for the whole run, one database for each worker.

Tests commit for real and stay apart by making their own event: events are the wall. So nothing is cleaned up between
tests, and a test that needs to be alone asks for `empty_database`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from tests import make
from ticketing import db
from ticketing.actors import Actor
from ticketing.models import Event

IS_CI = os.environ.get("CI") == "true"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex[:12]


def _data_folder() -> Path:
    """Not pytest's own temporary folder: root's PostgreSQL runs as another user, who must be able to enter."""
    return Path(tempfile.gettempdir()) / f"ticketdesk-tests-{RUN}"


def pytest_configure(config: pytest.Config) -> None:
    if WORKER == "main":
        config.option.testrunuid = RUN
        atexit.register(shutil.rmtree, _data_folder(), ignore_errors=True)


class Server:
    """The PostgreSQL of this run, on which every test database is made."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._prefix = f"ticketdesk_test_{os.getpid()}_{WORKER}"
        self._made: list[str] = []
        self.template: str | None = None

    def run(self, statement: sql.Composable) -> None:
        with psycopg.connect(self.url_of(self._url.database or "postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def url_of(self, database: str) -> str:
        return self._url.set(drivername="postgresql", database=database).render_as_string(hide_password=False)

    def create(self, *, migrated: bool = True) -> str:
        """A new database's address, as empty as a first start leaves it, or without even a schema."""
        name = f"{self._prefix}_{len(self._made)}"
        template = self.template if migrated and self.template else "template0"
        self.run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        self._made.append(name)
        return self.url_of(name)

    def drop_all(self) -> None:
        for name in self._made:
            self.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def use_database(url: str) -> None:
    """Everything in this process goes to `url` from now on."""
    db.dispose()
    os.environ["DATABASE_URL"] = url


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    configured = os.environ.get("DATABASE_URL")
    _data_folder().mkdir(exist_ok=True)
    os.environ["TICKETDESK_DATA"] = str(_data_folder())
    server = Server(configured or db.start_embedded())
    if not configured:
        # Nobody keeps these rows, so nothing waits for the disk.
        server.run(sql.SQL("ALTER SYSTEM SET fsync = off"))
        server.run(sql.SQL("SELECT pg_reload_conf()"))
    template = server.create(migrated=False)
    use_database(template)
    db.migrate()
    db.dispose()
    server.template = make_url(template).database
    yield server
    db.dispose()
    server.drop_all()


@pytest.fixture(scope="session", autouse=True)
def database(postgres: Server) -> str:
    """This worker's database, migrated, which the code under test uses."""
    url = postgres.create()
    use_database(url)
    return url


@pytest.fixture
def empty_database(postgres: Server, database: str) -> Iterator[str]:
    """A database of this test alone, migrated and without a row."""
    alone = postgres.create()
    use_database(alone)
    yield alone
    use_database(database)


@pytest.fixture
def database_without_schema(postgres: Server, database: str) -> Iterator[str]:
    alone = postgres.create(migrated=False)
    use_database(alone)
    yield alone
    use_database(database)


@pytest.fixture
def admin() -> Actor:
    return make.staff(role="admin")


@pytest.fixture
def event() -> Event:
    return make.event()


def lacking(what: str) -> None:
    """Skips where a developer has no `what`, and fails where everything must be there."""
    if IS_CI:
        pytest.fail(f"{what} is missing, and nothing may be skipped here")
    pytest.skip(f"needs {what}")

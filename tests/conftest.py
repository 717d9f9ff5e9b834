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

import pytest
from sqlalchemy.engine import make_url

from tests.support import every_table, make
from tests.support.database import DatabaseServer, use_database
from ticketing import db
from ticketing.actors import Actor
from ticketing.db import embedded, migrations
from ticketing.models import Event

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex[:12]


def _data_folder() -> Path:
    """Not pytest's own temporary folder: root's PostgreSQL runs as another user, who must be able to enter."""
    return Path(tempfile.gettempdir()) / f"ticketdesk-tests-{RUN}"


def pytest_configure(config: pytest.Config) -> None:
    if WORKER == "main":
        config.option.testrunuid = RUN
        atexit.register(shutil.rmtree, _data_folder(), ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[DatabaseServer]:
    configured = os.environ.get("DATABASE_URL")
    _data_folder().mkdir(exist_ok=True)
    os.environ["TICKETDESK_DATA"] = str(_data_folder())
    server = DatabaseServer(configured or embedded.start(), prefix=f"ticketdesk_test_{os.getpid()}_{WORKER}")
    if not configured:
        server.disable_fsync()
    template = server.create(migrated=False)
    use_database(template)
    migrations.migrate()
    db.dispose()
    server.template = make_url(template).database
    yield server
    db.dispose()
    server.drop_all()


@pytest.fixture(scope="session", autouse=True)
def database(postgres: DatabaseServer) -> str:
    """This worker's database, migrated, which the code under test uses."""
    url = postgres.create()
    use_database(url)
    return url


@pytest.fixture
def empty_database(postgres: DatabaseServer, database: str) -> Iterator[str]:
    """A database of this test alone, migrated and without a row."""
    alone = postgres.create()
    use_database(alone)
    yield alone
    use_database(database)


@pytest.fixture
def database_without_schema(postgres: DatabaseServer, database: str) -> Iterator[str]:
    alone = postgres.create(migrated=False)
    use_database(alone)
    yield alone
    use_database(database)


@pytest.fixture(scope="session")
def every_row(postgres: DatabaseServer, database: str) -> str:
    """A database with rows in every table, to be copied and not to be used."""
    full = postgres.create()
    use_database(full)
    every_table.fill()
    use_database(database)
    return full


@pytest.fixture
def full_database(postgres: DatabaseServer, database: str, every_row: str) -> Iterator[str]:
    """A database of this test alone, with rows in every table."""
    alone = postgres.create(like=every_row)
    use_database(alone)
    yield alone
    use_database(database)


@pytest.fixture
def admin() -> Actor:
    return make.staff(role="admin")


@pytest.fixture
def event() -> Event:
    return make.event()


@pytest.fixture
def ana(event: Event) -> Actor:
    """A coordinator of the event."""
    return make.staff(event=event, name="Ana Ruiz")

"""One PostgreSQL for the whole run, one database for each worker, one marker for each test.

Tests commit for real and stay apart by creating their own event, since rows are scoped to one event. So nothing is
cleaned up between tests, and a test that needs to be alone uses `empty_database`. Tests marked `unit` need no
PostgreSQL, and a run of nothing else starts none.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from httpx._transports import default as httpx_transports
from httpx2._transports import default as httpx2_transports
from sqlalchemy.engine import Engine, make_url
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import local_script_runner

from tests.support import every_table, make, markers
from tests.support.chromium import shared_chromium
from tests.support.database import DatabaseServer, use_database
from ticketing import db
from ticketing.access import passwords
from ticketing.actors import Actor
from ticketing.db import embedded, migrations
from ticketing.models import Event

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex[:12]


def _data_folder() -> Path:
    """Return a folder outside of pytest's own, which the user that root's PostgreSQL runs as could not enter."""
    return Path(tempfile.gettempdir()) / f"ticketdesk-tests-{RUN}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    markers.mark(items)


def pytest_collection_finish() -> None:
    """Search only what tests make for garbage, as the server does: all that is loaded stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: Any) -> None:
    """Close Chromium before a test without it, which Playwright's running event loop would keep from starting one."""
    if nextitem is None or "chromium" not in nextitem.fixturenames:
        shared_chromium.close()


def pytest_configure(config: pytest.Config) -> None:
    if WORKER == "main":
        config.option.testrunuid = RUN
        atexit.register(shutil.rmtree, _data_folder(), ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def cheap_password_hashes() -> Iterator[None]:
    """Hash passwords with the least memory and time that argon2 takes: by default one costs 0.1 s and 64 MB."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", hasher)
        patch.setattr(passwords, "_DUMMY_HASH", hasher.hash("no password"))
        yield


@pytest.fixture(scope="session", autouse=True)
def prepare_streamlit_once() -> Iterator[None]:
    """Keep what AppTest prepares anew for each page: the components in the installed packages, and compiled scripts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        patch.setattr(local_script_runner, "ScriptCache", cache(local_script_runner.ScriptCache))
        yield


@pytest.fixture(scope="session", autouse=True)
def read_certificates_once() -> Iterator[None]:
    """Share one TLS context: a new one for each HTTP client reads all certificates of this machine, in 0.1 s."""
    with pytest.MonkeyPatch.context() as patch:
        for library in (httpx_transports, httpx2_transports):
            patch.setattr(library, "create_ssl_context", cache(library.create_ssl_context))
        yield


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
    if configured:  # the other is removed whole
        server.drop_all()


@pytest.fixture(scope="session")
def database(postgres: DatabaseServer) -> str:
    """This worker's database, migrated, which the code under test uses."""
    url = postgres.create()
    use_database(url)
    return url


@pytest.fixture(scope="session", autouse=True)
def database_when_needed(request: pytest.FixtureRequest) -> None:
    """The database, before everything else, unless every test that was chosen is `unit`."""
    if all(item.get_closest_marker("unit") for item in request.session.items):
        os.environ["DATABASE_URL"] = "postgresql://unit-tests-use-no-database.invalid/none"
    else:
        request.getfixturevalue("database")


@pytest.fixture(autouse=True)
def no_database_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a unit test that uses the database, also in a run that has one: it needs the marker `database`."""
    if request.node.get_closest_marker("unit"):
        monkeypatch.setattr(Engine, "connect", lambda _: pytest.fail("a test marked `unit` uses the database"))


@pytest.fixture
def empty_database(postgres: DatabaseServer, database: str) -> Iterator[str]:
    """A database of this test alone, migrated and without a row."""
    alone = postgres.create()
    use_database(alone)
    yield alone
    use_database(database)


@pytest.fixture(scope="module")
def database_of_module(postgres: DatabaseServer, database: str) -> Iterator[str]:
    """A database of this module alone, for tests that verify all events: they would read what all tests have made."""
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

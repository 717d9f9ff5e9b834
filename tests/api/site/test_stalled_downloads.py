"""Downloads whose client reads slowly or not at all, at a real server."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import psycopg
import pytest

from tests.support import make
from tests.support.server import RunningServer, run_server
from tests.support.slow_download import PURCHASES, SlowDownload, create_large_event
from tests.support.waiting import wait_until
from ticketing import db
from ticketing.db import backup
from ticketing.db.connections import POOL_SIZE
from ticketing.models import Event

pytestmark = pytest.mark.system  # pg_dump, and waits for real seconds

STALL_SECONDS = 2.0  # tests/support/short_stall_app.py
CHUNK_BYTES = 16 * 1024
END_OF_RESPONSE = b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def large(database: str) -> Event:
    return create_large_event()


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_server(database, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def impatient_server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("impatient")
    with run_server(database, folder, "tests/support/short_stall_app.py") as server:
        yield server


def count_copies() -> int:
    """Return how many connections send a CSV."""
    with psycopg.connect(db.libpq_url()) as connection:
        return connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY (SELECT%'"
            " AND state = 'active'"
        ).fetchone()[0]


def count_connections() -> int:
    with psycopg.connect(db.libpq_url()) as connection:
        return connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()[0]


def test_110_unread_downloads_leave_connections_to_everybody_else(server, large, tmp_path):
    db.dispose()  # what this process holds
    tokens = [make.token(make.staff(role="admin")) for _ in range(55)]
    with ExitStack() as open_downloads:
        statuses = Counter(
            open_downloads.enter_context(SlowDownload(server.url, large, token)).read_status()
            for token in tokens
            for _ in range(2)
        )

        assert statuses == {200: 8, 503: 102}
        assert count_copies() == 8
        assert count_connections() <= 8 + 2 * POOL_SIZE, "of the server, and of this process"
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        assert backup.create(tmp_path / "gala.backup").purchases >= PURCHASES
    wait_until(lambda: count_copies() == 0)
    with SlowDownload(server.url, large, tokens[-1]) as download:
        assert download.read_status() == 200


def test_client_that_reads_nothing_is_disconnected(impatient_server, large):
    with SlowDownload(impatient_server.url, large, make.token(make.staff(role="admin"))) as download:
        assert download.read_status() == 200
        started_at = time.monotonic()
        wait_until(lambda: count_copies() == 0)
        assert time.monotonic() - started_at > STALL_SECONDS - 0.5
        with pytest.raises(ConnectionError):
            download.read_to_end()
    assert "a client took nothing of a response for 2 seconds" in impatient_server.log.read_text()
    assert "Traceback" not in impatient_server.log.read_text()


def test_slow_client_gets_the_whole_file(impatient_server, large):
    """100 kB per second: the server may write nothing for longer than the limit, but the client reads."""
    with SlowDownload(impatient_server.url, large, make.token(make.staff(role="admin"))) as download:
        slow_until = time.monotonic() + 4 * STALL_SECONDS
        received, end = 0, b""
        while not end.endswith(END_OF_RESPONSE):
            chunk = download.read(CHUNK_BYTES)
            assert chunk, f"disconnected after {received} bytes"
            received += len(chunk)
            end = (end + chunk)[-len(END_OF_RESPONSE) :]
            if time.monotonic() < slow_until:
                time.sleep(CHUNK_BYTES / 100_000)
    assert received > PURCHASES * 2_000

"""Database failures: each has its error, is retried where that is safe and may help, and never takes minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import event as listening
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from tests.support import make
from tests.support.database import use_database
from tests.support.disposable_postgres import DisposablePostgres, run_disposable_postgres
from ticketing import db
from ticketing.db import connections, liveness
from ticketing.errors import DatabaseTimeout, DiskFull, OutcomeUnknown, ReadOnly, TooBusy, Unavailable
from ticketing.models import Package

pytestmark = pytest.mark.system  # waits for real seconds

UNREACHABLE_URL = "postgresql://nobody@127.0.0.1:1/nothing"


def terminate_backend(pid: int) -> None:
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


def get_backend_pid(session: db.Session) -> int:
    return session.scalar(text("SELECT pg_backend_pid()"))


def lose_connection(session: db.Session) -> None:
    terminate_backend(get_backend_pid(session))
    session.execute(text("SELECT 1"))


def sleep_too_long(session: db.Session) -> None:
    session.execute(text("SET LOCAL statement_timeout = '200ms'"))
    session.execute(text("SELECT pg_sleep(20)"))


def make_failing_work(sqlstate: str):
    """Return work that fails with this SQLSTATE, and the list of its attempts."""
    attempts = []

    def work(session: db.Session) -> None:
        attempts.append(sqlstate)
        session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$"))

    return work, attempts


@contextmanager
def single_connection_pool(monkeypatch: pytest.MonkeyPatch, *, wait: float) -> Iterator[None]:
    monkeypatch.setattr(connections, "POOL_SIZE", 1)
    monkeypatch.setattr(connections, "POOL_TIMEOUT_SECONDS", wait)
    db.dispose()
    try:
        yield
    finally:
        db.dispose()


@pytest.fixture(autouse=True)
def _use_own_pool(database: str) -> Iterator[None]:
    yield
    use_database(database)


@pytest.fixture(scope="module")
def own_server() -> Iterator[DisposablePostgres]:
    with run_disposable_postgres() as postgres:
        yield postgres


@pytest.fixture
def own(own_server: DisposablePostgres) -> DisposablePostgres:
    use_database(own_server.url)
    return own_server


@pytest.mark.parametrize(
    ("sqlstate", "kind", "attempts"),
    [
        ("53100", DiskFull, 1),
        ("57014", DatabaseTimeout, 1),
        ("55P03", DatabaseTimeout, 1),
        ("25006", ReadOnly, 3),
        ("53300", TooBusy, 3),
        ("40001", TooBusy, 3),
        ("40P01", TooBusy, 3),
        ("57P01", Unavailable, 3),
        ("58030", Unavailable, 3),
    ],
)
def test_sqlstate_decides_the_error_and_the_number_of_attempts(sqlstate, kind, attempts):
    work, attempted = make_failing_work(sqlstate)
    with pytest.raises(Unavailable) as refusal:
        db.write(work)
    assert type(refusal.value) is kind
    assert len(attempted) == attempts


def test_every_error_has_its_own_sentence_and_code():
    kinds = [Unavailable, *Unavailable.__subclasses__()]
    assert len({kind.code for kind in kinds}) == len({str(kind()) for kind in kinds}) == len(kinds)
    assert all("Nothing was saved" in str(kind()) for kind in kinds if kind is not OutcomeUnknown)


def test_bugs_are_not_reported_as_unavailable(event):
    for statement in ("SELECT no_such_column FROM packages", "SELECT 1 / 0"):
        with pytest.raises(DBAPIError), db.read_session() as session:
            session.execute(text(statement))
    assert db.unavailable_error(ValueError("no")) is None


def test_write_in_a_read_session_is_a_bug(event):
    with pytest.raises(DBAPIError, match="read-only"), db.read_session() as session:
        session.execute(text("DELETE FROM rate_limits"))


class TestTimeouts:
    def test_slow_query_is_canceled_and_not_retried(self):
        began = time.monotonic()
        with pytest.raises(DatabaseTimeout), db.read_session() as session:
            sleep_too_long(session)
        assert time.monotonic() - began < 10

    def test_slow_change_is_canceled_and_not_retried(self):
        attempts = []

        def work(session):
            attempts.append(1)
            sleep_too_long(session)

        with pytest.raises(DatabaseTimeout):
            db.write(work)
        assert attempts == [1]

    def test_wait_for_a_row_lock_is_limited(self, event):
        package = make.package(event)
        attempts = []

        def work(session):
            attempts.append(1)
            session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            session.scalar(select(Package).where(Package.id == package.id).with_for_update())

        with db.Session(db.engine()) as other:
            other.scalar(select(Package).where(Package.id == package.id).with_for_update())
            with pytest.raises(DatabaseTimeout):
                db.write(work)
        assert attempts == [1]
        db.write(work)


class TestExhaustedPool:
    def test_thread_waits_for_a_connection(self, monkeypatch):
        with single_connection_pool(monkeypatch, wait=20):
            with db.read_session() as first:
                first.execute(text("SELECT 1"))
                waiting = threading.Thread(target=db.write, args=(lambda session: session.execute(text("SELECT 1")),))
                waiting.start()
                waiting.join(0.3)
                assert waiting.is_alive()
            waiting.join(20)
            assert not waiting.is_alive()

    def test_exhausted_pool_is_refused_after_one_wait(self, monkeypatch):
        with single_connection_pool(monkeypatch, wait=0.5):
            with db.read_session() as first:
                first.execute(text("SELECT 1"))
                for use in (lambda: db.write(get_backend_pid), lambda: db.read_session().__enter__()):
                    began = time.monotonic()
                    with pytest.raises(TooBusy, match="The server is busy"):
                        use()
                    assert 0.5 <= time.monotonic() - began < 1.0
            assert db.is_reachable()

    def test_server_without_a_free_slot_is_too_busy(self, postgres, database):
        """Refused connections carry no SQLSTATE, so the message decides."""
        role = sql.Identifier(make.unique("crowded"))
        postgres.run(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'crowded' CONNECTION LIMIT 0").format(role))
        try:
            crowded = make_url(database).set(username=role.as_string().strip('"'), password="crowded")
            use_database(crowded.render_as_string(hide_password=False))
            with pytest.raises(TooBusy):
                db.write(get_backend_pid)
            with pytest.raises(TooBusy), db.read_session():
                pytest.fail("the connection was accepted")
        finally:
            postgres.run(sql.SQL("DROP ROLE {}").format(role))


class TestBrokenConnections:
    def test_connection_broken_while_idle_is_replaced(self):
        pid = db.write(get_backend_pid)
        terminate_backend(pid)
        with db.read_session() as session:
            assert get_backend_pid(session) != pid

    def test_all_broken_connections_are_replaced_at_the_first_use(self):
        """After a restart of PostgreSQL with ten idle connections, each use works at the first attempt."""
        sessions = [db.Session(db.engine()) for _ in range(10)]
        pids = [get_backend_pid(session) for session in sessions]
        for session in sessions:
            session.close()
        for pid in pids:
            terminate_backend(pid)
        for _ in range(10):
            with db.read_session() as session:
                assert get_backend_pid(session) not in pids

    def test_connection_lost_before_the_commit_is_retried_once(self, event):
        package = make.package(event, name="Table")
        broken = []

        def work(session):
            session.get_one(Package, package.id).description += "!"
            session.flush()
            if not broken:
                broken.append(get_backend_pid(session))
                lose_connection(session)

        db.write(work)
        with db.read_session() as session:
            assert session.get_one(Package, package.id).description == package.description + "!"

    def test_connection_lost_in_the_commit_is_not_retried(self, event):
        package = make.package(event)
        attempts = []

        def work(session):
            attempts.append(1)
            session.get_one(Package, package.id).description = "changed"
            pid = get_backend_pid(session)
            listening.listen(session, "before_commit", lambda _: terminate_backend(pid))

        with pytest.raises(OutcomeUnknown, match="It may or may not have been saved"):
            db.write(work)
        assert attempts == [1]

    def test_connection_lost_while_reading_is_unavailable(self):
        with pytest.raises(Unavailable), db.read_session() as session:
            lose_connection(session)


def test_read_only_connections_are_replaced_after_a_failover(event):
    """New connections lead to the new primary, old ones to the server that became read-only."""
    attempts = []

    def work(session):
        attempts.append(get_backend_pid(session))
        if len(attempts) == 1:
            session.execute(text("SET TRANSACTION READ ONLY"))
        session.execute(text("DELETE FROM rate_limits WHERE false"))

    db.write(work)
    assert len(attempts) == len(set(attempts)) == 2


class TestUnreachable:
    def test_write_fails_quickly_after_three_attempts(self, caplog):
        use_database(UNREACHABLE_URL)
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"The database does not answer\. Nothing was saved"):
            db.write(get_backend_pid)
        assert time.monotonic() - began < 10
        assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
            "transaction starts over, attempt 1",
            "transaction starts over, attempt 2",
            "could not be written, attempt 3",
        ]

    def test_read_fails_quickly(self):
        use_database(UNREACHABLE_URL)
        began = time.monotonic()
        with pytest.raises(Unavailable), db.read_session():
            pytest.fail("there is nothing to read from")
        assert time.monotonic() - began < 10
        assert not db.is_reachable()

    def test_restart_of_postgresql_goes_unnoticed(self, own):
        before = db.write(get_backend_pid)
        own.stop()
        own.start()
        with db.read_session() as session:
            assert get_backend_pid(session) != before

    def test_hanging_postgresql_is_not_waited_for(self, own):
        before = db.write(get_backend_pid)
        own.freeze()
        try:
            time.sleep(liveness.IDLE_BEFORE_PING_SECONDS + 0.1)  # longer idle connections are pinged before use
            began = time.monotonic()
            with pytest.raises(Unavailable, match="does not answer"):
                db.write(get_backend_pid)
            assert time.monotonic() - began < 10
        finally:
            own.thaw()
        assert db.write(get_backend_pid) != before

"""What the database cannot do now: told apart, tried again where that is safe and helps, and never for minutes."""

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

UNREACHABLE_URL = "postgresql://nobody@127.0.0.1:1/nothing"


def terminate_backend(pid: int) -> None:
    """As an administrator does, from elsewhere."""
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
    """Work that PostgreSQL refuses with this SQLSTATE, and how often it was tried."""
    tries = []

    def work(session: db.Session) -> None:
        tries.append(sqlstate)
        session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$"))

    return work, tries


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
    ("sqlstate", "kind", "tries"),
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
def test_each_refusal_has_its_kind_and_is_tried_again_where_that_may_help(sqlstate, kind, tries):
    work, tried = make_failing_work(sqlstate)
    with pytest.raises(Unavailable) as refusal:
        db.write(work)
    assert type(refusal.value) is kind
    assert len(tried) == tries


def test_every_kind_says_what_is_the_case_and_has_a_code_of_its_own():
    kinds = [Unavailable, *Unavailable.__subclasses__()]
    assert len({kind.code for kind in kinds}) == len({str(kind()) for kind in kinds}) == len(kinds)
    assert all("Nothing was saved" in str(kind()) for kind in kinds if kind is not OutcomeUnknown)


def test_a_fault_of_ours_is_no_excuse(event):
    for statement in ("SELECT no_such_column FROM packages", "SELECT 1 / 0"):
        with pytest.raises(DBAPIError), db.read_session() as session:
            session.execute(text(statement))
    assert db.unavailable_error(ValueError("no")) is None


def test_who_writes_while_reading_meets_a_fault_and_no_excuse(event):
    with pytest.raises(DBAPIError, match="read-only"), db.read_session() as session:
        session.execute(text("DELETE FROM rate_limits"))


class TestTooLong:
    def test_a_long_question_is_cancelled_and_not_asked_again(self):
        began = time.monotonic()
        with pytest.raises(DatabaseTimeout), db.read_session() as session:
            sleep_too_long(session)
        assert time.monotonic() - began < 10

    def test_a_long_change_is_cancelled_and_not_tried_again(self):
        tried = []

        def work(session):
            tried.append(1)
            sleep_too_long(session)

        with pytest.raises(DatabaseTimeout):
            db.write(work)
        assert tried == [1]

    def test_a_row_that_somebody_else_holds_is_not_waited_for_for_ever(self, event):
        package = make.package(event)
        tried = []

        def work(session):
            tried.append(1)
            session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            session.scalar(select(Package).where(Package.id == package.id).with_for_update())

        with db.Session(db.engine()) as other:
            other.scalar(select(Package).where(Package.id == package.id).with_for_update())
            with pytest.raises(DatabaseTimeout):
                db.write(work)
        assert tried == [1]
        db.write(work)


class TestFullPool:
    def test_a_wait_is_normal(self, monkeypatch):
        with single_connection_pool(monkeypatch, wait=20):
            with db.read_session() as first:
                first.execute(text("SELECT 1"))
                waiting = threading.Thread(target=db.write, args=(lambda session: session.execute(text("SELECT 1")),))
                waiting.start()
                waiting.join(0.3)
                assert waiting.is_alive()
            waiting.join(20)
            assert not waiting.is_alive()

    def test_after_it_comes_a_sentence_and_no_second_wait(self, monkeypatch):
        with single_connection_pool(monkeypatch, wait=0.5):
            with db.read_session() as first:
                first.execute(text("SELECT 1"))
                for use in (lambda: db.write(get_backend_pid), lambda: db.read_session().__enter__()):
                    began = time.monotonic()
                    with pytest.raises(TooBusy, match="The server is busy"):
                        use()
                    assert 0.5 <= time.monotonic() - began < 1.0
            assert db.is_reachable()

    def test_a_server_without_a_free_slot_is_told_apart(self, postgres, database):
        """By PostgreSQL's own words at the door, since no code comes with them."""
        role = sql.Identifier(make.unique("crowded"))
        postgres.run(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'crowded' CONNECTION LIMIT 0").format(role))
        try:
            crowded = make_url(database).set(username=role.as_string().strip('"'), password="crowded")
            use_database(crowded.render_as_string(hide_password=False))
            with pytest.raises(TooBusy):
                db.write(get_backend_pid)
            with pytest.raises(TooBusy), db.read_session():
                pytest.fail("nobody is let in")
        finally:
            postgres.run(sql.SQL("DROP ROLE {}").format(role))


class TestBrokenConnections:
    def test_one_that_broke_while_nobody_used_it_reaches_nobody(self):
        pid = db.write(get_backend_pid)
        terminate_backend(pid)
        with db.read_session() as session:
            assert get_backend_pid(session) != pid

    def test_all_that_broke_are_gone_at_the_first_use(self):
        """Ten connections, as after a restart of PostgreSQL; each next use works at the first try."""
        sessions = [db.Session(db.engine()) for _ in range(10)]
        pids = [get_backend_pid(session) for session in sessions]
        for session in sessions:
            session.close()
        for pid in pids:
            terminate_backend(pid)
        for _ in range(10):
            with db.read_session() as session:
                assert get_backend_pid(session) not in pids

    def test_one_that_breaks_before_the_commit_is_replaced_and_the_work_done_once(self, event):
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

    def test_one_that_breaks_in_the_commit_is_told_as_that_and_not_tried_again(self, event):
        package = make.package(event)
        tried = []

        def work(session):
            tried.append(1)
            session.get_one(Package, package.id).description = "changed"
            pid = get_backend_pid(session)
            listening.listen(session, "before_commit", lambda _: terminate_backend(pid))

        with pytest.raises(OutcomeUnknown, match="It may or may not have been saved"):
            db.write(work)
        assert tried == [1]

    def test_one_that_breaks_while_a_page_reads_is_unavailable(self):
        with pytest.raises(Unavailable), db.read_session() as session:
            lose_connection(session)


def test_after_a_change_of_servers_the_old_connections_are_left(event):
    """A connection to the server that became read-only; new ones lead to the one that takes changes."""
    tried = []

    def work(session):
        tried.append(get_backend_pid(session))
        if len(tried) == 1:
            session.execute(text("SET TRANSACTION READ ONLY"))
        session.execute(text("DELETE FROM rate_limits WHERE false"))

    db.write(work)
    assert len(tried) == len(set(tried)) == 2


class TestAway:
    def test_a_click_is_answered_soon_and_after_three_tries(self, caplog):
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

    def test_a_page_is_answered_soon(self):
        use_database(UNREACHABLE_URL)
        began = time.monotonic()
        with pytest.raises(Unavailable), db.read_session():
            pytest.fail("there is nothing to read from")
        assert time.monotonic() - began < 10
        assert not db.is_reachable()

    def test_one_that_restarts_meanwhile_is_not_noticed(self, own):
        before = db.write(get_backend_pid)
        own.stop()
        own.start()
        with db.read_session() as session:
            assert get_backend_pid(session) != before

    def test_one_that_hangs_is_not_waited_for(self, own):
        before = db.write(get_backend_pid)
        own.freeze()
        try:
            time.sleep(liveness.IDLE_BEFORE_PING_SECONDS + 0.1)  # what lay idle so long is asked before it is used
            began = time.monotonic()
            with pytest.raises(Unavailable, match="does not answer"):
                db.write(get_backend_pid)
            assert time.monotonic() - began < 10
        finally:
            own.thaw()
        assert db.write(get_backend_pid) != before

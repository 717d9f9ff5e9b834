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

from tests.support import make
from tests.support.database import use_database
from tests.support.disposable_postgres import OwnPostgres, own_postgres
from ticketing import db
from ticketing.errors import DiskFull, OutcomeUnknown, ReadOnly, TooBusy, TookTooLong, Unavailable
from ticketing.models import Package

NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


def end(pid: int) -> None:
    """As an administrator does, from elsewhere."""
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


def pid_of(session: db.Session) -> int:
    return session.scalar(text("SELECT pg_backend_pid()"))


def break_and_go_on(session: db.Session) -> None:
    end(pid_of(session))
    session.execute(text("SELECT 1"))


def sleep_too_long(session: db.Session) -> None:
    session.execute(text("SET LOCAL statement_timeout = '200ms'"))
    session.execute(text("SELECT pg_sleep(20)"))


def refuse(sqlstate: str):
    """Work that PostgreSQL refuses with this SQLSTATE, and how often it was tried."""
    tries = []

    def work(session: db.Session) -> None:
        tries.append(sqlstate)
        session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$"))

    return work, tries


@contextmanager
def pool_of_one(monkeypatch: pytest.MonkeyPatch, *, wait: float) -> Iterator[None]:
    create = db.create_engine
    monkeypatch.setattr(
        db, "create_engine", lambda *a, **options: create(*a, **options | {"pool_size": 1, "pool_timeout": wait})
    )
    db.dispose()
    try:
        yield
    finally:
        db.dispose()


@pytest.fixture(autouse=True)
def _a_pool_of_its_own(database: str) -> Iterator[None]:
    yield
    use_database(database)


@pytest.fixture(scope="module")
def own_server() -> Iterator[OwnPostgres]:
    with own_postgres() as postgres:
        yield postgres


@pytest.fixture
def own(own_server: OwnPostgres) -> OwnPostgres:
    use_database(own_server.url)
    return own_server


@pytest.mark.parametrize(
    ("sqlstate", "kind", "tries"),
    [
        ("53100", DiskFull, 1),
        ("57014", TookTooLong, 1),
        ("55P03", TookTooLong, 1),
        ("25006", ReadOnly, 3),
        ("53300", TooBusy, 3),
        ("40001", TooBusy, 3),
        ("40P01", TooBusy, 3),
        ("57P01", Unavailable, 3),
        ("58030", Unavailable, 3),
    ],
)
def test_each_refusal_has_its_kind_and_is_tried_again_where_that_may_help(sqlstate, kind, tries):
    work, tried = refuse(sqlstate)
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
        with pytest.raises(db.DBAPIError), db.reading() as session:
            session.execute(text(statement))
    assert db.told(ValueError("no")) is None


def test_who_writes_while_reading_meets_a_fault_and_no_excuse(event):
    with pytest.raises(db.DBAPIError, match="read-only"), db.reading() as session:
        session.execute(text("DELETE FROM rate_limits"))


class TestTooLong:
    def test_a_long_question_is_cancelled_and_not_asked_again(self):
        began = time.monotonic()
        with pytest.raises(TookTooLong), db.reading() as session:
            sleep_too_long(session)
        assert time.monotonic() - began < 10

    def test_a_long_change_is_cancelled_and_not_tried_again(self):
        tried = []

        def work(session):
            tried.append(1)
            sleep_too_long(session)

        with pytest.raises(TookTooLong):
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
            with pytest.raises(TookTooLong):
                db.write(work)
        assert tried == [1]
        db.write(work)


class TestFullPool:
    def test_a_wait_is_normal(self, monkeypatch):
        with pool_of_one(monkeypatch, wait=20):
            with db.reading() as first:
                first.execute(text("SELECT 1"))
                waiting = threading.Thread(target=db.write, args=(lambda session: session.execute(text("SELECT 1")),))
                waiting.start()
                waiting.join(0.3)
                assert waiting.is_alive()
            waiting.join(20)
            assert not waiting.is_alive()

    def test_after_it_comes_a_sentence_and_no_second_wait(self, monkeypatch):
        with pool_of_one(monkeypatch, wait=0.5):
            with db.reading() as first:
                first.execute(text("SELECT 1"))
                for use in (lambda: db.write(pid_of), lambda: db.reading().__enter__()):
                    began = time.monotonic()
                    with pytest.raises(TooBusy, match="Too many people are at work"):
                        use()
                    assert 0.5 <= time.monotonic() - began < 1.0
            assert db.answers()

    def test_a_server_without_a_free_slot_is_told_apart(self, postgres, database):
        """By PostgreSQL's own words at the door, since no code comes with them."""
        role = sql.Identifier(make.unique("crowded"))
        postgres.run(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'crowded' CONNECTION LIMIT 0").format(role))
        try:
            crowded = make_url(database).set(username=role.as_string().strip('"'), password="crowded")
            use_database(crowded.render_as_string(hide_password=False))
            with pytest.raises(TooBusy):
                db.write(pid_of)
            with pytest.raises(TooBusy), db.reading():
                pytest.fail("nobody is let in")
        finally:
            postgres.run(sql.SQL("DROP ROLE {}").format(role))


class TestBrokenConnections:
    def test_one_that_broke_while_nobody_used_it_reaches_nobody(self):
        pid = db.write(pid_of)
        end(pid)
        with db.reading() as session:
            assert pid_of(session) != pid

    def test_all_that_broke_are_gone_at_the_first_use(self):
        """Ten connections, as after a restart of PostgreSQL; each next use works at the first try."""
        sessions = [db.Session(db.engine()) for _ in range(10)]
        pids = [pid_of(session) for session in sessions]
        for session in sessions:
            session.close()
        for pid in pids:
            end(pid)
        for _ in range(10):
            with db.reading() as session:
                assert pid_of(session) not in pids

    def test_one_that_breaks_before_the_commit_is_replaced_and_the_work_done_once(self, event):
        package = make.package(event, name="Table")
        broken = []

        def work(session):
            session.get_one(Package, package.id).description += "!"
            session.flush()
            if not broken:
                broken.append(pid_of(session))
                break_and_go_on(session)

        db.write(work)
        with db.reading() as session:
            assert session.get_one(Package, package.id).description == package.description + "!"

    def test_one_that_breaks_in_the_commit_is_told_as_that_and_not_tried_again(self, event):
        package = make.package(event)
        tried = []

        def work(session):
            tried.append(1)
            session.get_one(Package, package.id).description = "changed"
            pid = pid_of(session)
            listening.listen(session, "before_commit", lambda _: end(pid))

        with pytest.raises(OutcomeUnknown, match="It may be saved or not"):
            db.write(work)
        assert tried == [1]

    def test_one_that_breaks_while_a_page_reads_is_unavailable(self):
        with pytest.raises(Unavailable), db.reading() as session:
            break_and_go_on(session)


def test_after_a_change_of_servers_the_old_connections_are_left(event):
    """A connection to the server that became read-only; new ones lead to the one that takes changes."""
    tried = []

    def work(session):
        tried.append(pid_of(session))
        if len(tried) == 1:
            session.execute(text("SET TRANSACTION READ ONLY"))
        session.execute(text("DELETE FROM rate_limits WHERE false"))

    db.write(work)
    assert len(tried) == len(set(tried)) == 2


class TestAway:
    def test_a_click_is_answered_soon_and_after_three_tries(self, caplog):
        use_database(NOBODY)
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"The database does not answer\. Nothing was saved"):
            db.write(pid_of)
        assert time.monotonic() - began < 10
        assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
            "transaction starts over, attempt 1",
            "transaction starts over, attempt 2",
            "could not be written, attempt 3",
        ]

    def test_a_page_is_answered_soon(self):
        use_database(NOBODY)
        began = time.monotonic()
        with pytest.raises(Unavailable), db.reading():
            pytest.fail("there is nothing to read from")
        assert time.monotonic() - began < 10
        assert not db.answers()

    def test_one_that_restarts_meanwhile_is_not_noticed(self, own):
        before = db.write(pid_of)
        own.stop()
        own.start()
        with db.reading() as session:
            assert pid_of(session) != before

    def test_one_that_hangs_is_not_waited_for(self, own):
        before = db.write(pid_of)
        own.freeze()
        try:
            time.sleep(db.RESTED_SECONDS + 0.1)  # what lay idle so long is asked before it is used
            began = time.monotonic()
            with pytest.raises(Unavailable, match="does not answer"):
                db.write(pid_of)
            assert time.monotonic() - began < 10
        finally:
            own.thaw()
        assert db.write(pid_of) != before

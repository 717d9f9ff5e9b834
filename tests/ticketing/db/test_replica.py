"""Reports without a usable replica. See tests/test_several_servers.py for a real one."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.event import listens_for, remove

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.db import replica
from ticketing.errors import NotFound, Unavailable
from ticketing.purchase_filter import ALL_PURCHASES
from ticketing.reporting import csv_export, figures

UNREACHABLE_URL = "postgresql://nobody@127.0.0.1:9/nothing"


@pytest.fixture(autouse=True)
def forgotten():
    replica.stop()
    yield
    replica.stop()


@pytest.fixture
def statements():
    """The list of statements that are executed."""
    engine, seen = db.engine(), []

    @listens_for(engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    yield seen
    remove(engine, "before_cursor_execute", note)


def count_exported_lines(event):
    async def collect(wanted):
        return b"".join([piece async for piece in csv_export.stream(wanted)])

    with db.read_session() as session:
        wanted = csv_export.build_sales_export(session, OPERATOR, event.id, ALL_PURCHASES)
    return asyncio.run(collect(wanted)).count(b"\n") - 1


def count_purchases(event):
    return replica.read(lambda session: figures.get_figures(session, OPERATOR, event.id)).purchases


def test_without_a_replica_a_report_runs_only_its_own_queries(event, statements, monkeypatch):
    monkeypatch.delenv("READ_DATABASE_URL", raising=False)
    assert count_purchases(event) == 0
    with_replica_code = list(statements)
    statements.clear()
    with db.read_session() as session:
        figures.get_figures(session, OPERATOR, event.id)

    assert with_replica_code == statements
    assert replica.state() == replica.State("not set")


@pytest.mark.parametrize("where", ["the primary itself", "unreachable"])
def test_server_that_is_not_a_replica_is_not_read(event, database, monkeypatch, where):
    monkeypatch.setenv("READ_DATABASE_URL", database if where == "the primary itself" else UNREACHABLE_URL)
    make.purchase(event, make.package(event))

    assert count_purchases(event) == 1
    assert replica.state() == replica.State("away")
    assert count_exported_lines(event) == 1


def test_replica_that_is_away_is_logged_once_and_not_asked_for_seconds(event, monkeypatch, statements, caplog):
    monkeypatch.setenv("READ_DATABASE_URL", UNREACHABLE_URL)
    count_purchases(event)
    first = len(statements)
    statements.clear()
    count_purchases(event)

    assert len(statements) == first - 1  # without the query for the position of the primary
    assert [record.message.partition(".")[0] for record in caplog.records] == [
        "the replica is away, reports are read from the primary"
    ]


def test_domain_error_is_not_a_failure_of_the_replica(event, database, monkeypatch):
    monkeypatch.setenv("READ_DATABASE_URL", database)
    stranger = make.staff()
    with pytest.raises(NotFound):
        replica.read(lambda session: figures.get_figures(session, stranger, event.id))


def test_unreachable_primary_is_not_blamed_on_the_replica(database, monkeypatch):
    monkeypatch.setenv("READ_DATABASE_URL", database)
    monkeypatch.setenv("DATABASE_URL", UNREACHABLE_URL)
    db.dispose()
    try:
        with pytest.raises(Unavailable):
            replica.read(lambda session: session.execute(text("SELECT 1")))
        with pytest.raises(Unavailable):
            replica.state()
    finally:
        monkeypatch.setenv("DATABASE_URL", database)
        db.dispose()

    assert replica.state() == replica.State("away")  # asked now, and found to be the primary itself

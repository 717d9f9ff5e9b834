"""Slow queries are logged with their duration, statement and ids, and without a value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.metric_values import assert_increases
from ticketing import db, logs

SECRET = "must-not-be-logged@example.org"


@pytest.fixture
def set_threshold(monkeypatch, caplog) -> Iterator[Callable[[int], None]]:
    """Set from how many milliseconds on a query is slow."""

    def apply(milliseconds: int) -> None:
        monkeypatch.setenv("TICKETDESK_SLOW_QUERY_MS", str(milliseconds))
        db.dispose()

    with caplog.at_level(logging.WARNING, "ticketing.statements"):
        yield apply
    db.dispose()


def find_slow_queries(caplog) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.getMessage().startswith("slow query,")]


def run(statement: str, **values: object) -> None:
    db.write(lambda session: session.execute(text(statement), values))


def test_slow_query_is_logged_with_duration_and_without_values(set_threshold, caplog):
    set_threshold(0)
    with assert_increases(1, "ticketdesk_slow_statements_total"):
        run("SELECT name FROM staff WHERE email_key = :email", email=SECRET)
    (slow,) = find_slow_queries(caplog)

    assert "SELECT name FROM staff WHERE email_key =" in slow.getMessage()
    assert slow.milliseconds >= 0
    assert SECRET not in caplog.text


def test_query_below_the_threshold_is_counted_and_not_logged(set_threshold, caplog):
    set_threshold(60_000)
    with (
        assert_increases(0, "ticketdesk_slow_statements_total"),
        assert_increases(1, "ticketdesk_statement_duration_seconds_count"),
    ):
        run("SELECT 1")
    assert find_slow_queries(caplog) == []


def test_equal_statements_have_the_same_id(set_threshold, caplog):
    set_threshold(0)
    for name in ("Gala", "Ball"):
        run("SELECT count(*) FROM events WHERE name = :name", name=name)
    run("SELECT count(*) FROM events WHERE venue = :name", name="Gala")

    first, second, other = (slow.statement for slow in find_slow_queries(caplog))
    assert first == second != other


def test_query_that_was_cut_off_is_slow_too(set_threshold, caplog):
    set_threshold(100)
    with db.engine().connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = '150ms'"))
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT pg_sleep(30)"))
    (slow,) = find_slow_queries(caplog)
    assert "SELECT pg_sleep(30)" in slow.getMessage()
    assert 100 <= slow.milliseconds < 30_000


def test_slow_query_carries_the_ids_of_its_request(set_threshold, caplog):
    set_threshold(0)
    ids = {"request": "r-12345678", "actor": "a1", "event": "e1"}
    caplog.handler.addFilter(logs.add_context)
    try:
        with logs.log_context(lambda: ids):
            run("SELECT count(*) FROM donors WHERE name = :name", name="Ana")
    finally:
        caplog.handler.removeFilter(logs.add_context)
    (slow,) = find_slow_queries(caplog)
    assert {name: slow.__dict__[name] for name in ids} == ids

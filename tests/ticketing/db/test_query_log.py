"""A slow query is told with its duration and its plan, without a value, and telling it costs the database nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support import make
from tests.support.metric_values import assert_increases
from ticketing import db, logs
from ticketing.db import query_log

SECRET = "nobody-may-read-this@example.org"


@pytest.fixture
def slow_from(monkeypatch, caplog) -> Iterator[callable]:
    """Queries are slow from so many milliseconds on."""

    def set_threshold(milliseconds: int) -> None:
        monkeypatch.setenv("TICKETDESK_SLOW_QUERY_MS", str(milliseconds))
        db.dispose()

    with caplog.at_level(logging.WARNING, "ticketing.statements"):
        yield set_threshold
    db.dispose()


def wait_for_log_lines(caplog, beginning: str, *, at_least: int = 0) -> list[logging.LogRecord]:
    """The lines that begin so, once there are as many."""
    deadline = time.monotonic() + 30
    while True:
        found = [each for each in caplog.records if each.getMessage().startswith(beginning)]
        if len(found) >= at_least or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def run(statement: str, **values: object) -> None:
    db.write(lambda session: session.execute(text(statement), values))


def test_a_query_over_the_threshold_is_told_with_its_plan_and_without_its_values(slow_from, caplog):
    slow_from(0)
    with assert_increases(1, "ticketdesk_slow_statements_total"):
        run("SELECT name FROM staff WHERE email_key = :email", email=SECRET)
    (slow,) = wait_for_log_lines(caplog, "slow query,")
    (plan,) = wait_for_log_lines(caplog, "plan of the slow query", at_least=1)

    assert "SELECT name FROM staff WHERE email_key =" in slow.getMessage()
    assert slow.milliseconds >= 0
    assert slow.statement == plan.statement
    assert "on staff" in plan.plan
    assert "email_key = $1" in plan.plan
    assert SECRET not in caplog.text


def test_a_query_below_the_threshold_is_not_told(slow_from, caplog):
    slow_from(60_000)
    with (
        assert_increases(0, "ticketdesk_slow_statements_total"),
        assert_increases(1, "ticketdesk_statement_duration_seconds_count"),
    ):
        run("SELECT 1")
    assert wait_for_log_lines(caplog, "slow query") == []


def test_a_plan_is_asked_for_once_a_minute_and_statement(slow_from, caplog):
    slow_from(0)
    for _ in range(3):
        run("SELECT count(*) FROM events WHERE name = :name", name="Gala")
    run("SELECT count(*) FROM events WHERE venue = :name", name="Gala")
    assert len(wait_for_log_lines(caplog, "slow query,")) == 4

    plans = wait_for_log_lines(caplog, "plan of the slow query", at_least=2)
    assert len({plan.statement for plan in plans}) == 2, "the last one waited behind all others"


def test_a_slow_change_is_planned_and_not_done_again(slow_from, caplog, event):
    package = make.package(event)
    slow_from(0)
    run("UPDATE packages SET sales_version = sales_version + 1 WHERE id = :id", id=package.id)
    (plan,) = wait_for_log_lines(caplog, "plan of the slow query", at_least=1)

    assert "Update on packages" in plan.plan
    with db.read_session() as session:
        raised = session.scalar(text("SELECT sales_version FROM packages WHERE id = :id"), {"id": package.id})
    assert raised == package.sales_version + 1


def test_a_query_that_was_cut_off_is_slow_too(slow_from, caplog):
    slow_from(100)
    with db.engine().connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = '150ms'"))
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT pg_sleep(30)"))
    (slow,) = wait_for_log_lines(caplog, "slow query,")
    assert "SELECT pg_sleep(30)" in slow.getMessage()
    assert 100 <= slow.milliseconds < 30_000
    assert wait_for_log_lines(caplog, "plan of the slow query", at_least=1)


def test_a_statement_that_has_no_plan_says_why(slow_from, caplog):
    slow_from(0)
    run("CREATE TEMPORARY TABLE only_here (n int) ON COMMIT DROP")
    db.write(
        lambda session: (
            session.execute(text("CREATE TEMPORARY TABLE only_there (n int) ON COMMIT DROP")),
            session.execute(text("SELECT n FROM only_there")),
        )
    )
    (why,) = wait_for_log_lines(caplog, "the slow query", at_least=1)
    assert 'relation "only_there" does not exist' in why.getMessage()


def test_a_plan_carries_what_the_request_was_about(slow_from, caplog):
    slow_from(0)
    handler = caplog.handler
    handler.addFilter(logs.add_context)
    try:
        with logs.log_context(lambda: {"request": "r-12345678"}):
            run("SELECT count(*) FROM donors WHERE name = :name", name="Ana")
        (plan,) = wait_for_log_lines(caplog, "plan of the slow query", at_least=1)
    finally:
        handler.removeFilter(logs.add_context)
    assert plan.request == "r-12345678"


def test_parameters_become_numbers_and_percent_signs_stay():
    assert query_log.number_placeholders("SELECT %(a)s, %(b)s::uuid, %(a)s WHERE x LIKE '%%z'") == (
        "SELECT $1, $2::uuid, $1 WHERE x LIKE '%z'",
        2,
    )

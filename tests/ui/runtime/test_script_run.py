"""A run of a page as the figures and the log see it."""

from __future__ import annotations

import logging

import pytest

from tests.support import make
from tests.support.metric_values import assert_increases
from tests.support.screen import Screen
from ticketing import db, logs
from ticketing.errors import NotFound
from ui.imports import job as import_job
from ui.runtime import script_run

RUNS, SECONDS = "ticketdesk_page_runs_total", "ticketdesk_page_run_duration_seconds_count"
FRAME = "ui/main.py"


@pytest.fixture
def log(caplog, monkeypatch):
    """The log with what each line would carry."""
    monkeypatch.setattr(logs, "_process_context_provider", script_run._get_log_context)
    caplog.handler.addFilter(logs.add_context)
    yield caplog
    caplog.handler.removeFilter(logs.add_context)


def test_a_page_that_was_drawn_is_done_and_timed(event, ana):
    make.purchase(event, make.package(event))
    with assert_increases(1, RUNS, page="sales", outcome="done"), assert_increases(1, SECONDS, page="sales"):
        Screen(FRAME, ana, event)


def test_a_page_that_ends_early_is_stopped():
    """Without an event the sales page leads to the events."""
    with (
        assert_increases(1, RUNS, page="sales", outcome="stopped"),
        assert_increases(1, RUNS, page="events", outcome="done"),
    ):
        Screen(FRAME, make.staff())


@pytest.mark.parametrize(("raised", "outcome"), [(RuntimeError("x"), "fault"), (NotFound("package"), "refused")])
def test_a_page_that_breaks_and_one_that_refuses_are_told_apart(raised, outcome):
    with (
        assert_increases(1, RUNS, page="sales", outcome=outcome),
        pytest.raises(type(raised)),
        script_run.measure_run("sales"),
    ):
        raise raised


@pytest.fixture
def every_query_told(monkeypatch):
    monkeypatch.setenv("TICKETDESK_SLOW_QUERY_MS", "0")
    db.dispose()
    yield
    monkeypatch.undo()
    db.dispose()


def test_a_line_from_a_callback_tells_session_page_person_and_event(event, ana, log, every_query_told):
    """The callback runs before the page has asked who is here; it is still who was here."""
    package = make.package(event)
    screen = Screen(FRAME, ana, event).go("packages")
    log.clear()
    screen.pick(package, "Disable")

    (line,) = [
        each for each in log.records if each.getMessage().split(": ", 1)[-1].startswith("UPDATE packages SET is_e")
    ]
    assert (line.session, line.page) == ("test session id", "packages")
    assert (line.actor, line.event) == (str(ana.staff_id), str(event.id))


def test_a_line_tells_nobody_by_name_or_address(event, ana, log, every_query_told):
    Screen(FRAME, ana, event)
    told = [logs.create_formatter("json").format(each) for each in log.records]
    assert told
    assert not any(ana.email in line or ana.name in line for line in told)


def test_an_import_in_a_thread_of_its_own_is_told_as_of_who_started_it(log):
    with logs.log_context(lambda: {"actor": "the-one-who-clicked"}):
        job = import_job.start(lambda _session, _progress: logging.getLogger("ticketing.x").warning("at work"))
    assert job.ended.wait(30)
    (line,) = [each for each in log.records if each.getMessage() == "at work"]
    assert line.actor == "the-one-who-clicked"


def test_what_is_remembered_of_sessions_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(script_run, "MAX_REMEMBERED_SESSIONS", 2)
    monkeypatch.setattr(script_run, "_context_by_session", script_run.OrderedDict())
    for session in ("first", "second", "third"):
        monkeypatch.setattr(script_run, "session_id", lambda session=session: session)
        script_run.add_log_context(actor=session)
    assert list(script_run._context_by_session) == ["second", "third"]

"""Metrics and log context of a page's run."""

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
    """Log records with their context."""
    monkeypatch.setattr(logs, "_process_context_provider", script_run._get_log_context)
    caplog.handler.addFilter(logs.add_context)
    yield caplog
    caplog.handler.removeFilter(logs.add_context)


def test_rendered_page_is_done_and_timed(event, ana):
    make.purchase(event, make.package(event))
    with assert_increases(1, RUNS, page="sales", outcome="done"), assert_increases(1, SECONDS, page="sales"):
        Screen(FRAME, ana, event)


def test_page_that_ends_early_is_stopped():
    """Without an event the sales page switches to the events page."""
    with (
        assert_increases(1, RUNS, page="sales", outcome="stopped"),
        assert_increases(1, RUNS, page="events", outcome="done"),
    ):
        Screen(FRAME, make.staff())


@pytest.mark.parametrize(("raised", "outcome"), [(RuntimeError("x"), "fault"), (NotFound("package"), "refused")])
def test_faults_and_refusals_are_counted_apart(raised, outcome):
    with (
        assert_increases(1, RUNS, page="sales", outcome=outcome),
        pytest.raises(type(raised)),
        script_run.measure_run("sales"),
    ):
        raise raised


@pytest.fixture
def log_every_query(monkeypatch):
    monkeypatch.setenv("TICKETDESK_SLOW_QUERY_MS", "0")
    db.dispose()
    yield
    monkeypatch.undo()
    db.dispose()


def test_line_from_callback_has_session_page_actor_and_event(event, ana, log, log_every_query):
    """The callback runs before the frame script looks up the user, so the context is that of the run before."""
    package = make.package(event)
    screen = Screen(FRAME, ana, event).go("packages")
    log.clear()
    screen.pick(package, "Take off sale")

    (line,) = [
        each for each in log.records if each.getMessage().split(": ", 1)[-1].startswith("UPDATE packages SET is_e")
    ]
    assert (line.session, line.page) == ("test session id", "packages")
    assert (line.actor, line.event) == (str(ana.staff_id), str(event.id))


def test_lines_contain_no_name_or_email(event, ana, log, log_every_query):
    Screen(FRAME, ana, event)
    lines = [logs.create_formatter("json").format(each) for each in log.records]
    assert lines
    assert not any(ana.email in line or ana.name in line for line in lines)


def test_import_thread_keeps_log_context_of_its_starter(log):
    with logs.log_context(lambda: {"actor": "starter"}):
        job = import_job.start(lambda _session, _progress: logging.getLogger("ticketing.x").warning("importing"))
    assert job.ended.wait(30)
    (line,) = [each for each in log.records if each.getMessage() == "importing"]
    assert line.actor == "starter"


def test_log_contexts_of_old_sessions_are_dropped(monkeypatch):
    monkeypatch.setattr(script_run, "MAX_REMEMBERED_SESSIONS", 2)
    monkeypatch.setattr(script_run, "_context_by_session", script_run.OrderedDict())
    for session in ("first", "second", "third"):
        monkeypatch.setattr(script_run, "session_id", lambda session=session: session)
        script_run.add_log_context(actor=session)
    assert list(script_run._context_by_session) == ["second", "third"]

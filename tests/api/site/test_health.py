"""/healthz and /livez, and what users see while the database is down."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

import ticketing
from api.site import health
from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from tests.support.database import use_database
from ticketing import db
from ticketing.db import migrations, transactions


@pytest.fixture
def away(database, monkeypatch):
    """Return a function that replaces the database by one that refuses connections."""
    monkeypatch.setattr(transactions, "MAX_ATTEMPTS", 1)
    yield lambda: use_database("postgresql://nobody@127.0.0.1:9/nothing")
    use_database(database)


@pytest.fixture
def silent(database, monkeypatch) -> Iterator[None]:
    """Replace the database by one that accepts connections and never answers, like a machine that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        use_database(f"postgresql://nobody@127.0.0.1:{mute.getsockname()[1]}/nothing")
        yield
        use_database(database)
    wait_for(lambda: not list_check_threads(), "the check to end with its connection")


def list_check_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "health"]


def wait_for(condition: Callable[[], object], name: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {name}"
        time.sleep(0.02)


def parse_health(answer: Any) -> tuple[int, dict[str, Any], list[str]]:
    """Return status, fields without version, and the codes of the reasons, whose sentences are checked."""
    fields = answer.json()
    assert fields.pop("version") == ticketing.__version__
    reasons = fields.pop("reasons")
    assert all(each["detail"] == health.REASONS[each["code"]] for each in reasons)
    return answer.status_code, fields, [each["code"] for each in reasons]


def failing_fields(database: str, schema: str) -> dict[str, Any]:
    return {"status": "failing", "alive": True, "ready": False, "database": database, "schema": schema}


def test_healthy_server_is_200_with_version(browser):
    answer = browser.get("/healthz")

    ready = {"status": "ok", "alive": True, "ready": True, "database": "reachable", "schema": "current"}
    assert parse_health(answer) == (200, ready, [])
    assert answer.headers["cache-control"] == "no-store"


def test_missing_schema_is_503(browser, database_without_schema):
    assert parse_health(browser.get("/healthz")) == (503, failing_fields("reachable", "missing"), ["schema_missing"])


def test_outdated_schema_is_503(browser, empty_database):
    set_revision("0001")
    assert parse_health(browser.get("/healthz")) == (503, failing_fields("reachable", "outdated"), ["schema_outdated"])


def test_newer_schema_is_503(browser, empty_database):
    set_revision("9999")
    assert parse_health(browser.get("/healthz")) == (503, failing_fields("reachable", "newer"), ["schema_newer"])


def set_revision(revision: str) -> None:
    db.write(lambda s: s.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": revision}))


def test_without_database_server_is_alive_but_not_ready(browser, away):
    away()

    assert parse_health(browser.get("/healthz")) == (
        503,
        failing_fields("unreachable", "unknown"),
        ["database_unreachable"],
    )
    assert (browser.get("/livez").status_code, browser.get("/livez").json()) == (200, {"alive": True})


@pytest.mark.system
def test_hanging_database_is_reported_within_two_seconds_by_one_check(browser, silent):
    hanging = (503, failing_fields("unreachable", "unknown"), ["database_slow"])
    started_at = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: parse_health(browser.get("/healthz")), range(8)))
    assert answers == [hanging] * 8
    assert time.monotonic() - started_at >= health.MAX_WAIT_SECONDS
    assert len(list_check_threads()) == 1

    restarted_at = time.monotonic()
    assert parse_health(browser.get("/healthz")) == hanging
    assert time.monotonic() - restarted_at < health.MAX_WAIT_SECONDS, "a later request shares the running check"
    assert browser.get("/livez").status_code == 200


def test_stopping_server_is_alive_but_not_ready(browser):
    health.set_stopping(True)
    try:
        assert parse_health(browser.get("/healthz")) == (503, failing_fields("reachable", "current"), ["stopping"])
        assert browser.get("/livez").status_code == 200
    finally:
        health.set_stopping(False)


def test_fault_in_check_is_reported_and_logged(browser, monkeypatch, caplog):
    def broken(_session):  # a bug, which cannot be provoked from outside
        raise RuntimeError("internal detail")

    monkeypatch.setattr(migrations, "state", broken)
    answer = browser.get("/healthz")
    assert parse_health(answer) == (503, failing_fields("unreachable", "unknown"), ["fault"])
    assert "internal detail" not in answer.text
    assert "internal detail" in caplog.text


def test_without_database_page_is_503_with_sentence(browser, sign_in, away):
    sign_in()
    away()

    answer = browser.get("/packages", headers=ACCEPT_HTML)

    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    assert "Traceback" not in answer.text


def test_without_database_sign_in_form_keeps_email(browser, away):
    away()

    answer = browser.post("/session/sign-in", data={"email": "ana@example.org", "password": make.PASSWORD})

    assert answer.status_code == 503
    assert 'value="ana@example.org"' in answer.text
    assert 'role="alert"' in answer.text


def test_without_database_api_is_503_problem(browser, admin, away):
    token = make.token(admin)
    away()

    answer = browser.get("/api/v1/admin/events", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"


def test_server_recovers_with_database(browser, sign_in, away, database):
    sign_in()
    away()
    assert browser.get("/packages").status_code == 503

    use_database(database)

    assert browser.get("/packages").status_code == 200

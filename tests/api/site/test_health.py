"""/healthz and /livez, and what people see while the database is away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from api.site import health
from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from tests.support.database import use_database
from ticketing import db
from ticketing.db import migrations, transactions


@pytest.fixture
def away(database, monkeypatch):
    """The database does not answer."""
    monkeypatch.setattr(transactions, "MAX_ATTEMPTS", 1)
    yield lambda: use_database("postgresql://nobody@127.0.0.1:9/nothing")
    use_database(database)


@pytest.fixture
def silent(database, monkeypatch) -> Iterator[None]:
    """Something takes the connection and never says a word, as a database does whose machine hangs."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        use_database(f"postgresql://nobody@127.0.0.1:{mute.getsockname()[1]}/nothing")
        yield
        use_database(database)
    wait_for(lambda: not list_check_threads(), "the look to end with its connection")


def list_check_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "health"]


def wait_for(what: Callable[[], object], name: str) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, f"waited in vain for {name}"
        time.sleep(0.02)


def parse_health(answer: Any) -> tuple[int, dict[str, Any], list[str]]:
    """Status, fields, and the codes of the reasons, each of which has its sentence."""
    fields = answer.json()
    reasons = fields.pop("reasons")
    assert all(each["detail"] == health.REASONS[each["code"]] for each in reasons)
    return answer.status_code, fields, [each["code"] for each in reasons]


def failing_fields(database: str, schema: str) -> dict[str, Any]:
    return {"status": "failing", "alive": True, "ready": False, "database": database, "schema": schema}


def test_a_healthy_server_says_so(browser):
    answer = browser.get("/healthz")

    ready = {"status": "ok", "alive": True, "ready": True, "database": "reachable", "schema": "current"}
    assert parse_health(answer) == (200, ready, [])
    assert answer.headers["cache-control"] == "no-store"


def test_a_schema_that_is_not_there_is_not_healthy(browser, database_without_schema):
    assert parse_health(browser.get("/healthz")) == (503, failing_fields("reachable", "missing"), ["schema_missing"])


def test_a_schema_of_before_is_not_healthy(browser, empty_database):
    set_revision("0001")
    assert parse_health(browser.get("/healthz")) == (503, failing_fields("reachable", "outdated"), ["schema_outdated"])


def test_a_schema_of_a_newer_server_is_not_healthy(browser, empty_database):
    set_revision("9999")
    assert parse_health(browser.get("/healthz")) == (503, failing_fields("reachable", "newer"), ["schema_newer"])


def set_revision(revision: str) -> None:
    db.write(lambda s: s.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": revision}))


def test_without_a_database_the_server_is_alive_and_not_healthy(browser, away):
    away()

    assert parse_health(browser.get("/healthz")) == (
        503,
        failing_fields("unreachable", "unknown"),
        ["database_unreachable"],
    )
    assert (browser.get("/livez").status_code, browser.get("/livez").json()) == (200, {"alive": True})


def test_a_database_that_hangs_is_told_within_two_seconds_and_looked_at_by_one_thread(browser, silent):
    hanging = (503, failing_fields("unreachable", "unknown"), ["database_slow"])
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: parse_health(browser.get("/healthz")), range(8)))
    assert answers == [hanging] * 8
    assert time.monotonic() - began >= health.MAX_WAIT_SECONDS
    assert len(list_check_threads()) == 1

    again = time.monotonic()
    assert parse_health(browser.get("/healthz")) == hanging
    assert time.monotonic() - again < health.MAX_WAIT_SECONDS, "who asks later does not wait anew"
    assert browser.get("/livez").status_code == 200


def test_a_server_that_is_told_to_stop_is_not_ready_though_all_is_well(browser):
    health.set_stopping(True)
    try:
        assert parse_health(browser.get("/healthz")) == (503, failing_fields("reachable", "current"), ["stopping"])
        assert browser.get("/livez").status_code == 200
    finally:
        health.set_stopping(False)


def test_a_look_that_breaks_is_a_reason_and_the_log_has_the_rest(browser, monkeypatch, caplog):
    def broken(_session):
        raise RuntimeError("the inside of the house")

    monkeypatch.setattr(migrations, "state", broken)
    answer = browser.get("/healthz")
    assert parse_health(answer) == (503, failing_fields("unreachable", "unknown"), ["fault"])
    assert "inside of the house" not in answer.text
    assert "the inside of the house" in caplog.text


def test_without_a_database_people_get_a_page_that_says_so(browser, sign_in, away):
    sign_in()
    away()

    answer = browser.get("/packages", headers=ACCEPT_HTML)

    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    assert "Traceback" not in answer.text


def test_without_a_database_the_sign_in_form_keeps_the_address(browser, away):
    away()

    answer = browser.post("/session/sign-in", data={"email": "ana@example.org", "password": make.PASSWORD})

    assert answer.status_code == 503
    assert 'value="ana@example.org"' in answer.text
    assert 'role="alert"' in answer.text


def test_without_a_database_programs_get_a_problem(browser, admin, away):
    token = make.token(admin)
    away()

    answer = browser.get("/api/v1/admin/events", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"


def test_it_recovers_by_itself(browser, sign_in, away, database):
    sign_in()
    away()
    assert browser.get("/packages").status_code == 503

    use_database(database)

    assert browser.get("/packages").status_code == 200

"""/healthz, and what people see while the database is away."""

from __future__ import annotations

import pytest

from tests import make
from tests.api.conftest import PAGE
from tests.database import use_database
from ticketing import db


@pytest.fixture
def away(database, monkeypatch):
    """The database does not answer."""
    monkeypatch.setattr(db, "ATTEMPTS", 1)
    yield lambda: use_database("postgresql://nobody@127.0.0.1:9/nothing")
    use_database(database)


def test_a_healthy_server_says_so(browser):
    answer = browser.get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "alive": True, "database": "reachable", "schema": "current"}


def test_a_schema_that_is_not_the_newest_is_not_healthy(browser, database_without_schema):
    answer = browser.get("/healthz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "failing", "alive": True, "database": "reachable", "schema": "outdated"}


def test_without_a_database_the_server_is_alive_and_not_healthy(browser, away):
    away()

    answer = browser.get("/healthz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "failing", "alive": True, "database": "unreachable", "schema": "unknown"}


def test_without_a_database_people_get_a_page_that_says_so(browser, sign_in, away):
    sign_in()
    away()

    answer = browser.get("/packages", headers=PAGE)

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

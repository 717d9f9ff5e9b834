"""First run: there is no account yet."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from ticketing import db
from ticketing.models import Event, Staff

pytestmark = [pytest.mark.usefixtures("empty_database"), pytest.mark.system]  # a database for each test
ADMIN = {"way": "admin", "name": "Ana Ruiz", "email": "ana@example.org", "password": make.PASSWORD}


@pytest.mark.parametrize("path", ["/", "/packages?event=7", "/session/sign-in"])
def test_every_page_redirects_to_first_run(browser, path):
    answer = browser.get(path, headers=ACCEPT_HTML)

    assert (answer.status_code, answer.headers["location"]) == (303, "/session/first-run")


def test_first_admin_is_created_and_signed_in(browser):
    answer = browser.post("/session/first-run", data=ADMIN)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/", headers=ACCEPT_HTML).status_code == 200
    with db.read_session() as session:
        person = session.scalars(select(Staff)).one()
    assert (person.name, person.email, person.role) == ("Ana Ruiz", "ana@example.org", "admin")


def test_ten_blanks_are_a_password_that_signs_in(browser):
    form = ADMIN | {"password": " " * 10}

    assert browser.post("/session/first-run", data=form).status_code == 303
    browser.cookies.clear()

    assert browser.post("/session/sign-in", data=form).status_code == 303


def test_first_run_is_closed_once_there_is_an_account(browser):
    browser.post("/session/first-run", data=ADMIN)
    browser.cookies.clear()

    shown = browser.get("/session/first-run", headers=ACCEPT_HTML)
    answer = browser.post("/session/first-run", data=ADMIN | {"email": "eve@example.org"})

    assert shown.headers["location"] == answer.headers["location"] == "/session/sign-in"
    assert "set-cookie" not in answer.headers
    with db.read_session() as session:
        assert session.scalars(select(Staff.email)).all() == ["ana@example.org"]


def test_invalid_fields_are_marked_and_other_values_kept(browser):
    answer = browser.post("/session/first-run", data=ADMIN | {"email": "ana", "password": "short"})

    assert answer.status_code == 422
    assert 'value="Ana Ruiz"' in answer.text
    assert "Enter an e-mail address such as ana@example.org." in answer.text
    assert "Use at least 10 characters." in answer.text
    assert "short" not in answer.text.replace("shortcut", "")
    with db.read_session() as session:
        assert session.scalars(select(Staff)).all() == []


def test_sample_gala_opens_without_account(browser):
    answer = browser.post("/session/first-run", data={"way": "sample"})

    with db.read_session() as session:
        event = session.scalars(select(Event)).one()
    assert (answer.status_code, answer.headers["location"]) == (303, f"/?event={event.id}")
    assert browser.get("/", headers=ACCEPT_HTML).status_code == 200


def test_sample_visitor_is_signed_out_when_admin_is_created(browser):
    browser.post("/session/first-run", data={"way": "sample"})
    sample = dict(browser.cookies)
    browser.cookies.clear()
    browser.post("/session/first-run", data=ADMIN)
    browser.cookies.clear()

    browser.cookies.update(sample)

    assert browser.get("/packages").status_code == 401

"""Every way to be refused over HTTP: problem details with a stable code."""

from __future__ import annotations

import logging
import uuid

import pytest

from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from ticketing.catalog import packages
from ticketing.errors import RateLimited

PACKAGE = {"name": "Seat", "price": "100.00", "seats_per_package": 1, "description": "One seat."}


def packages_path(event):
    return f"/admin/events/{event.id}/tickets/packages"


def assert_problem(answer, status, code):
    """The problem, after checking what is common to all."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"].endswith(".")
    return problem


def field_messages(answer):
    return {error["field"]: error["message"] for error in assert_problem(answer, 422, "invalid_input")["errors"]}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer td_unknown", "Basic YTpi", "td_unknown"])
def test_without_a_token_that_is_known(browser, header):
    answer = browser.get("/api/v1/admin/events", headers={"Authorization": header})

    assert "Bearer" in answer.headers["www-authenticate"]
    assert answer.json()["code"] == "not_signed_in"
    assert answer.status_code == 401


def test_a_role_that_may_not(program, event):
    viewer = program(make.staff("viewer", event))

    problem = assert_problem(viewer("POST", packages_path(event), PACKAGE), 403, "not_allowed")

    assert "viewer" in problem["detail"]


def test_another_events_data_does_not_exist(program, event):
    outsider = program(make.staff("coordinator", make.event()))

    assert_problem(outsider("GET", packages_path(event)), 404, "not_found")


@pytest.mark.parametrize("wrong_id", ["7", "none", str(uuid.UUID(int=7))])
def test_an_id_that_is_none(call, wrong_id):
    assert_problem(call("GET", f"/admin/events/{wrong_id}"), 404, "not_found")


def test_an_address_that_is_none(call):
    assert_problem(call("GET", "/admin/evnts"), 404, "not_found")


def test_a_method_that_is_none(call):
    answer = call("PUT", "/admin/events", {})

    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) >= {"GET"}


def test_fields_are_named_as_the_caller_wrote_them(call, event):
    problems = field_messages(
        call("POST", packages_path(event), PACKAGE | {"price": "1.005", "name": "", "seats_per_package": 0})
    )

    assert problems == {
        "name": "Fill this in.",
        "price": "Use at most two decimals.",
        "seats_per_package": "Enter 1 or more.",
    }


def test_fields_inside_others_are_named_with_a_point(call, event):
    package = make.package(event)
    body = {
        "package_id": str(package.id),
        "quantity": 1,
        "donor": {"name": "Ana", "email": "ana"},
        "guests": [{"name": ""}],
    }

    problems = field_messages(call("POST", f"/events/{event.id}/tickets/purchases", body))

    assert problems == {
        "donor.email": "Enter an e-mail address such as ana@example.org.",
        "guests.0.name": "Fill this in.",
    }


def test_a_missing_field(call, event):
    assert field_messages(call("POST", packages_path(event), {})) == dict.fromkeys(PACKAGE, "Fill this in.")


def test_a_body_that_is_no_json(browser, admin, event):
    answer = browser.post(
        f"/api/v1{packages_path(event)}",
        content=b'{"name": ',
        headers={"Authorization": f"Bearer {make.token(admin)}", "Content-Type": "application/json"},
    )

    assert field_messages(answer) == {"body": "This is not valid JSON."}


def test_a_body_that_is_no_text(browser, admin, event):
    answer = browser.post(
        f"/api/v1{packages_path(event)}",
        content=b'{"name": "M\xfcller"}',
        headers={"Authorization": f"Bearer {make.token(admin)}", "Content-Type": "application/json"},
    )

    assert field_messages(answer) == {"body": "This cannot be read. Send what its content type says."}


def test_a_page_that_is_none(call, event):
    assert field_messages(call("GET", packages_path(event) + "?page=0")) == {"page": "Enter 1 or more."}


def test_an_idempotency_key_that_is_too_long(call, event):
    package = make.package(event)
    body = {"package_id": str(package.id), "quantity": 1, "donor": {"name": "Ana", "email": "ana@example.org"}}

    answer = call("POST", f"/events/{event.id}/tickets/purchases", body, **{"Idempotency-Key": "k" * 201})

    assert list(field_messages(answer)) == ["Idempotency-Key"]


def test_a_change_from_nothing_tells_that_there_was_nothing(call, event):
    path = f"{packages_path(event)}/{make.package(event).id}"
    call("PATCH", path, {"version": 1, "quantity_limit": 5})

    (change,) = assert_problem(call("PATCH", path, {"version": 1, "price": "5"}), 409, "stale_version")["changes"]

    assert (change["field"], change["old"], change["new"]) == ("quantity_limit", None, 5)


def test_too_often(call, event, monkeypatch):
    def too_often(*_args):
        raise RateLimited("10 packages a minute are the most.", retry_after=20)

    monkeypatch.setattr(packages, "create", too_often)

    answer = call("POST", packages_path(event), PACKAGE)

    assert_problem(answer, 429, "rate_limited")
    assert answer.headers["retry-after"] == "20"


def test_the_unforeseen_shows_a_reference_and_the_log_has_the_rest(call, event, monkeypatch, caplog):
    def broken(*_args, **_named):
        raise RuntimeError("the inside of the house")

    monkeypatch.setattr(packages, "list_page", broken)

    with caplog.at_level(logging.ERROR):
        answer = call("GET", packages_path(event))

    problem = assert_problem(answer, 500, "unexpected")
    assert problem["reference"] in problem["detail"]
    assert "inside of the house" not in answer.text
    assert problem["reference"] in caplog.text
    assert "the inside of the house" in caplog.text


def test_the_unforeseen_on_a_page_is_a_page(browser, monkeypatch, caplog, admin):
    def broken(_connection):
        raise RuntimeError("the inside of the house")

    monkeypatch.setattr("api.middleware.authentication.find_session_actor", broken)

    answer = browser.get("/packages", headers=ACCEPT_HTML)

    assert answer.status_code == 500
    assert "reference" in answer.text
    assert "inside of the house" not in answer.text

"""Errors of the API: problem details with a stable code."""

from __future__ import annotations

import logging
import uuid

import pytest

from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from tests.support.problems import PACKAGE, assert_problem, field_messages, packages_path
from ticketing.catalog import packages


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer td_unknown", "Basic YTpi", "td_unknown"])
def test_missing_or_unknown_token_is_401(browser, header):
    answer = browser.get("/api/v1/admin/events", headers={"Authorization": header})

    assert "Bearer" in answer.headers["www-authenticate"]
    assert answer.json()["code"] == "not_signed_in"
    assert answer.status_code == 401


def test_role_without_permission_is_403(program, event):
    viewer = program(make.staff("viewer", event))

    problem = assert_problem(viewer("POST", packages_path(event), PACKAGE), 403, "not_allowed")

    assert "viewer" in problem["detail"]


def test_unassigned_event_is_404(program, event):
    outsider = program(make.staff("coordinator", make.event()))

    assert_problem(outsider("GET", packages_path(event)), 404, "not_found")


@pytest.mark.parametrize("wrong_id", ["7", "none", str(uuid.UUID(int=7))])
def test_unknown_or_malformed_id_is_404(call, wrong_id):
    assert_problem(call("GET", f"/admin/events/{wrong_id}"), 404, "not_found")


def test_unknown_path_is_404(call):
    assert_problem(call("GET", "/admin/evnts"), 404, "not_found")


def test_unknown_method_is_405_with_allow_header(call):
    answer = call("PUT", "/admin/events", {})

    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) >= {"GET"}


def test_invalid_fields_are_named_as_sent(call, event):
    problems = field_messages(
        call("POST", packages_path(event), PACKAGE | {"price": "1.005", "name": "", "seats_per_package": 0})
    )

    assert problems == {
        "name": "Enter a name.",
        "price": "Use at most two decimals.",
        "seats_per_package": "Enter 1 or more.",
    }


def test_nested_fields_are_named_with_dots(call, event):
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
        "guests.0.name": "Enter a name.",
    }


def test_missing_fields_are_named(call, event):
    assert field_messages(call("POST", packages_path(event), {})) == {
        "name": "Enter a name.",
        "price": "Enter a price.",
        "seats_per_package": "Enter a value.",
        "description": "Enter a description.",
    }


def test_malformed_json_is_422(browser, admin, event):
    answer = browser.post(
        f"/api/v1{packages_path(event)}",
        content=b'{"name": ',
        headers={"Authorization": f"Bearer {make.token(admin)}", "Content-Type": "application/json"},
    )

    assert field_messages(answer) == {"body": "This is not valid JSON."}


def test_body_that_is_not_utf8_is_422(browser, admin, event):
    answer = browser.post(
        f"/api/v1{packages_path(event)}",
        content=b'{"name": "M\xfcller"}',
        headers={"Authorization": f"Bearer {make.token(admin)}", "Content-Type": "application/json"},
    )

    assert field_messages(answer) == {"body": "The body cannot be read. It must match its Content-Type."}


def test_page_below_1_is_422(call, event):
    assert field_messages(call("GET", packages_path(event) + "?page=0")) == {"page": "Enter 1 or more."}


def test_idempotency_key_over_200_characters_is_422(call, event):
    package = make.package(event)
    body = {"package_id": str(package.id), "quantity": 1, "donor": {"name": "Ana", "email": "ana@example.org"}}

    answer = call("POST", f"/events/{event.id}/tickets/purchases", body, **{"Idempotency-Key": "k" * 201})

    assert list(field_messages(answer)) == ["Idempotency-Key"]


def test_stale_version_shows_old_value_null(call, event):
    path = f"{packages_path(event)}/{make.package(event).id}"
    call("PATCH", path, {"version": 1, "quantity_limit": 5})

    (change,) = assert_problem(call("PATCH", path, {"version": 1, "price": "5"}), 409, "stale_version")["changes"]

    assert (change["field"], change["old"], change["new"]) == ("quantity_limit", None, 5)


def test_fault_shows_reference_and_traceback_is_logged(call, event, monkeypatch, caplog):
    def broken(*_args, **_named):  # a bug, which cannot be provoked from outside
        raise RuntimeError("internal detail")

    monkeypatch.setattr(packages, "list_page", broken)

    with caplog.at_level(logging.ERROR):
        answer = call("GET", packages_path(event))

    problem = assert_problem(answer, 500, "unexpected")
    assert problem["reference"] in problem["detail"]
    assert "internal detail" not in answer.text
    assert problem["reference"] in caplog.text
    assert "internal detail" in caplog.text


def test_fault_on_a_page_is_answered_with_a_page(browser, monkeypatch, caplog, admin):
    def broken(_connection):  # a bug, which cannot be provoked from outside
        raise RuntimeError("internal detail")

    monkeypatch.setattr("api.middleware.authentication.find_session_actor", broken)

    answer = browser.get("/packages", headers=ACCEPT_HTML)

    assert answer.status_code == 500
    assert "reference" in answer.text
    assert "internal detail" not in answer.text

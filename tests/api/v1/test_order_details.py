"""Correcting an order over HTTP: donor, note and answers, with its version; nothing else."""

from __future__ import annotations

import uuid

import pytest

from tests.support import make
from tests.support.database_state import snapshot
from tests.support.problems import assert_problem, field_messages


@pytest.fixture
def dinner(event):
    return make.package(event, name="Dinner")


@pytest.fixture
def meal(dinner):
    return make.option(dinner, label="Meal?", option_type="multi_select", choices=["Beef", "Fish"])


@pytest.fixture
def bought(event, dinner, meal):
    answered = {"package_id": dinner.id, "answers": [{"option_id": meal.id, "value": ["Fish"]}]}
    return make.order(event, answered, make.package(event), donor_email=make.email(), notes="Late")


def path(order):
    return f"/events/{order.order.event_id}/tickets/orders/{order.order.id}"


def correct(call, order, version=1, **fields):
    return call("PATCH", path(order), {"version": version} | fields)


def test_sent_fields_are_corrected_and_the_others_stay(call, bought, meal):
    before = call("GET", path(bought)).json()
    answers = [{"option_id": str(meal.id), "value": ["Beef"]}]
    line = {"purchase_id": str(bought.lines[0].purchase.id), "answers": answers}
    response = correct(call, bought, donor={"name": "Zoë", "phone": "555 0100"}, lines=[line])
    assert response.status_code == 200, response.text
    before["donor"] |= {"name": "Zoë", "phone": "555 0100"}
    before["lines"][0]["answers"] = answers
    assert response.json() == before | {"version": 2} == call("GET", path(bought)).json()
    cleared = correct(call, bought, 2, donor={"phone": None}, notes=None).json()
    assert (cleared["donor"]["phone"], cleared["notes"], cleared["donor"]["name"]) == (None, None, "Zoë")


def test_nothing_sent_changes_nothing(call, event, bought):
    before = snapshot(event)
    assert correct(call, bought).json()["version"] == 1
    assert snapshot(event) == before


def test_stale_version_lists_the_changes(call, event, bought):
    correct(call, bought, donor={"name": "Zoë"})
    before = snapshot(event)
    problem = assert_problem(correct(call, bought, notes="x"), 409, "stale_version")
    assert problem["current_version"] == 2
    assert [(each["field"], each["old"], each["new"]) for each in problem["changes"]] == [
        ("donor.name", "Ana Ruiz", "Zoë")
    ]
    assert snapshot(event) == before


def test_another_donors_address_needs_a_confirmation(call, event, dinner, meal, bought):
    ben = {"name": "Ben Okafor", "email": make.email("ben")}
    other = make.order(event, make.package(event), donor=ben)
    before = snapshot(event)
    problem = assert_problem(correct(call, bought, donor={"email": ben["email"]}), 409, "another_donor")
    assert problem["donor"] == {"id": str(other.order.donor_id), "name": "Ben Okafor"}
    assert snapshot(event) == before
    wrong = correct(call, bought, donor={"email": ben["email"]}, confirmed_donor_id=str(uuid.uuid4()))
    assert_problem(wrong, 409, "another_donor")
    done = correct(call, bought, donor={"email": ben["email"]}, confirmed_donor_id=problem["donor"]["id"])
    assert (done.status_code, done.json()["donor"]["email"]) == (200, ben["email"])


def test_code_used_up_by_the_new_donor_is_refused(call, event):
    package, promo, email = make.package(event), make.promo_code(event, max_uses_per_donor=1), make.email()
    make.order(event, package, donor_email=email, promo_code=promo.code)
    order = make.order(event, package, promo_code=promo.code)
    problem = assert_problem(correct(call, order, donor={"email": email}), 409, "promo_refused")
    assert problem["reason"] == "used_up_by_donor"


def test_invalid_fields_are_named_as_sent(call, event, bought, meal):
    line = {"purchase_id": str(bought.lines[0].purchase.id), "answers": [{"option_id": str(meal.id), "value": []}]}
    before = snapshot(event)
    for fields, names in (
        ({"donor": {"name": ""}}, ["donor.name"]),
        ({"donor": {"name": None}}, ["donor.name"]),
        ({"donor": {"email": "ana@"}}, ["donor.email"]),
        ({"notes": "x" * 2001}, ["notes"]),
        ({"lines": [line, line]}, ["lines"]),
        ({"lines": [line]}, [f"lines.0.answers.{meal.id}"]),
    ):
        assert list(field_messages(correct(call, bought, **fields))) == names
    assert list(field_messages(call("PATCH", path(bought), {"notes": "x"}))) == ["version"]
    assert snapshot(event) == before


def test_line_of_another_order_is_not_found(call, event, bought):
    line = {"purchase_id": str(make.order(event, make.package(event)).lines[0].purchase.id), "answers": []}
    assert_problem(correct(call, bought, lines=[line]), 404, "not_found")

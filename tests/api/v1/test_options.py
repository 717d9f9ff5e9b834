"""Options over HTTP: update, retire, delete and reorder."""

from __future__ import annotations

import uuid

import pytest

from tests.support import make
from tests.support.database_state import snapshot
from tests.support.problems import assert_problem, field_messages

MENU = {"label": "Menu", "option_type": "multi_select", "choices": ["Fish", "Rice"], "is_required": False}


def options_of(package):
    return f"/admin/packages/{package.id}/options"


def path_of(option):
    return f"/admin/packages/{option.package_id}/options/{option.id}"


def list_labels(answer):
    return [item["label"] for item in answer.json()["items"]]


def get_problem(answer_of, event, code):
    """Return the problem of a 409 response after checking that nothing changed."""
    before = snapshot(event)
    problem = assert_problem(answer_of(), 409, code)
    assert snapshot(event) == before
    return problem


@pytest.fixture
def package(event):
    return make.package(event)


@pytest.fixture
def answered_option(event, package):
    """Return an option with one answer."""
    option = make.option(package, label="Any allergies?")
    make.purchase(event, package, answers=[{"option_id": option.id, "value": "Nuts"}])
    return option


def test_update_changes_only_the_sent_fields(call, package):
    option = make.option(package, **MENU)

    changed = call("PATCH", path_of(option), {"version": 1, "choices": ["Trout", "Rice", "Beef"]})

    assert changed.status_code == 200
    assert changed.json() == MENU | {
        "id": str(option.id),
        "package_id": str(package.id),
        "choices": ["Trout", "Rice", "Beef"],
        "is_retired": False,
        "display_order": 1,
        "version": 2,
    }
    assert call("GET", options_of(package)).json()["items"] == [changed.json()]


def test_update_without_version_is_saved_and_a_stale_one_is_a_conflict(call, program, event, package):
    option = make.option(package, **MENU)
    colleague = program(make.staff("coordinator", event, name="Bo Lind"))
    assert colleague("PATCH", path_of(option), {"label": "Dinner"}).json()["version"] == 2

    problem = get_problem(
        lambda: call("PATCH", path_of(option), {"version": 1, "label": "Food"}), event, "stale_version"
    )

    (change,) = problem["changes"]
    assert problem["current_version"] == 2
    assert (change["field"], change["old"], change["new"], change["by"]) == ("label", "Menu", "Dinner", "Bo Lind")
    assert call("PATCH", path_of(option), {"version": 2, "is_required": True}).json()["version"] == 3


def test_invalid_fields_are_named(call, package):
    option = make.option(package, **MENU)

    assert set(field_messages(call("PATCH", path_of(option), {"label": "", "option_type": "x"}))) == {
        "label",
        "option_type",
    }
    assert field_messages(call("PATCH", path_of(option), {"choices": ["Fish"]})) == {
        "choices": "Enter 2 to 10 choices."
    }
    assert set(field_messages(call("PATCH", path_of(option), {"choices": ["Fish", "x" * 51]}))) == {"choices.1"}


def test_type_of_an_answered_option_cannot_change(call, event, answered_option):
    problem = get_problem(
        lambda: call("PATCH", path_of(answered_option), {"option_type": "boolean"}), event, "has_answers"
    )

    assert "“Any allergies?” has answers" in problem["detail"]
    assert call("PATCH", path_of(answered_option), {"label": "Allergies"}).json()["label"] == "Allergies"


def test_retiring_is_idempotent(call, event, package, answered_option):
    first, second = (
        call("POST", f"{path_of(answered_option)}/retire"),
        call("POST", f"{path_of(answered_option)}/retire"),
    )

    assert first.status_code == 200
    assert (first.json()["is_retired"], first.json()["version"]) == (True, 2)
    assert second.json() == first.json()
    assert list_labels(call("GET", options_of(package))) == []
    (offered,) = call("GET", f"/events/{event.id}/tickets/packages").json()["items"]
    assert offered["options"] == []


def test_fifth_option_is_a_conflict_until_one_is_retired(call, event, package):
    first, *_ = [make.option(package, label=f"Question {number}") for number in range(4)]
    new = {"label": "Fifth", "option_type": "boolean"}

    get_problem(lambda: call("POST", options_of(package), new), event, "conflict")
    call("POST", f"{path_of(first)}/retire")

    assert call("POST", options_of(package), new).json()["display_order"] == 4
    assert list_labels(call("GET", options_of(package))) == ["Question 1", "Question 2", "Question 3", "Fifth"]


def test_only_an_unanswered_option_is_deleted(call, event, package, answered_option):
    unanswered = make.option(package, is_required=False)

    deleted = call("DELETE", path_of(unanswered))

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert_problem(call("DELETE", path_of(unanswered)), 404, "not_found")
    get_problem(lambda: call("DELETE", path_of(answered_option)), event, "has_answers")
    assert list_labels(call("GET", options_of(package))) == ["Any allergies?"]


def test_options_are_reordered(call, package):
    first, second, third = (make.option(package, label=label) for label in ("A", "B", "C"))

    answer = call("POST", f"{options_of(package)}/reorder", {"option_ids": [str(o.id) for o in (third, first, second)]})

    assert answer.status_code == 200
    assert list_labels(answer) == ["C", "A", "B"]
    assert [item["display_order"] for item in answer.json()["items"]] == [1, 2, 3]
    assert call("GET", options_of(package)).json() == answer.json()


@pytest.mark.parametrize("wrong", ["missing", "doubled", "foreign", "unknown", "none"])
def test_order_must_name_exactly_the_active_options(call, event, package, wrong):
    first, second = (str(make.option(package, label=label).id) for label in ("A", "B"))
    foreign = str(make.option(make.package(event)).id)
    sent = {
        "missing": [second],
        "doubled": [second, first, first],
        "foreign": [second, first, foreign],
        "unknown": [second, str(uuid.uuid4())],
        "none": [],
    }[wrong]

    get_problem(lambda: call("POST", f"{options_of(package)}/reorder", {"option_ids": sent}), event, "conflict")

    assert list_labels(call("GET", options_of(package))) == ["A", "B"]


def test_malformed_order_is_a_field_error(call, package):
    assert field_messages(call("POST", f"{options_of(package)}/reorder", {})) == {"option_ids": "Enter a value."}
    assert field_messages(call("POST", f"{options_of(package)}/reorder", {"option_ids": ["x"]})) == {
        "option_ids.0": "This is not an id."
    }


def test_option_of_another_package_is_not_found(call, event, package, answered_option):
    path = f"{options_of(make.package(event))}/{answered_option.id}"

    for verb, where, body in (
        ("PATCH", path, {"label": "Other"}),
        ("DELETE", path, None),
        ("POST", f"{path}/retire", None),
    ):
        assert_problem(call(verb, where, body), 404, "not_found")


def test_retired_option_is_asked_again(call, event, package):
    option = make.option(package)
    call("POST", f"{path_of(option)}/retire")
    first, second = (call("POST", f"{path_of(option)}/ask-again") for _ in range(2))
    assert [(each.status_code, each.json()["is_retired"], each.json()["version"]) for each in (first, second)] == [
        (200, False, 3)
    ] * 2

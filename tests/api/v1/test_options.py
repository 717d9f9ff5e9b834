"""One question over HTTP: changed, retired, deleted, put in order."""

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


def labels(answer):
    return [item["label"] for item in answer.json()["items"]]


def refused(answer_of, event, code):
    """The problem of a 409, having seen that nothing moved."""
    before = snapshot(event)
    problem = assert_problem(answer_of(), 409, code)
    assert snapshot(event) == before
    return problem


@pytest.fixture
def package(event):
    return make.package(event)


@pytest.fixture
def answered(event, package):
    """A question that one purchase answered."""
    option = make.option(package, label="Any allergies?")
    make.purchase(event, package, answers=[{"option_id": option.id, "value": "Nuts"}])
    return option


def test_a_change_touches_what_is_sent_and_nothing_else(call, package):
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


def test_a_change_without_the_version_applies_to_what_stands_and_a_stale_one_is_told(call, program, event, package):
    option = make.option(package, **MENU)
    colleague = program(make.staff("coordinator", event, name="Bo Lind"))
    assert colleague("PATCH", path_of(option), {"label": "Dinner"}).json()["version"] == 2

    problem = refused(lambda: call("PATCH", path_of(option), {"version": 1, "label": "Food"}), event, "stale_version")

    (change,) = problem["changes"]
    assert problem["current_version"] == 2
    assert (change["field"], change["old"], change["new"], change["by"]) == ("label", "Menu", "Dinner", "Bo Lind")
    assert call("PATCH", path_of(option), {"version": 2, "is_required": True}).json()["version"] == 3


def test_fields_that_break_a_rule_are_named(call, package):
    option = make.option(package, **MENU)

    assert set(field_messages(call("PATCH", path_of(option), {"label": "", "option_type": "x"}))) == {
        "label",
        "option_type",
    }
    assert field_messages(call("PATCH", path_of(option), {"choices": ["Fish"]})) == {
        "choices": "Enter 2 to 10 choices."
    }
    assert set(field_messages(call("PATCH", path_of(option), {"choices": ["Fish", "x" * 51]}))) == {"choices.1"}


def test_the_type_stays_once_there_is_an_answer_and_the_words_may_change(call, event, answered):
    problem = refused(lambda: call("PATCH", path_of(answered), {"option_type": "boolean"}), event, "has_answers")

    assert "“Any allergies?” has answers" in problem["detail"]
    assert call("PATCH", path_of(answered), {"label": "Allergies"}).json()["label"] == "Allergies"


def test_a_retired_question_is_not_asked_any_more_and_twice_is_once(call, event, package, answered):
    first, second = call("POST", f"{path_of(answered)}/retire"), call("POST", f"{path_of(answered)}/retire")

    assert first.status_code == 200
    assert (first.json()["is_retired"], first.json()["version"]) == (True, 2)
    assert second.json() == first.json()
    assert labels(call("GET", options_of(package))) == []
    (offered,) = call("GET", f"/events/{event.id}/tickets/packages").json()["items"]
    assert offered["options"] == []


def test_a_fifth_question_is_a_conflict_until_one_is_retired(call, event, package):
    first, *_ = [make.option(package, label=f"Question {number}") for number in range(4)]
    new = {"label": "Fifth", "option_type": "boolean"}

    refused(lambda: call("POST", options_of(package), new), event, "conflict")
    call("POST", f"{path_of(first)}/retire")

    assert call("POST", options_of(package), new).json()["display_order"] == 4
    assert labels(call("GET", options_of(package))) == ["Question 1", "Question 2", "Question 3", "Fifth"]


def test_an_unanswered_question_is_deleted_and_an_answered_one_stays(call, event, package, answered):
    unanswered = make.option(package, is_required=False)

    deleted = call("DELETE", path_of(unanswered))

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert_problem(call("DELETE", path_of(unanswered)), 404, "not_found")
    refused(lambda: call("DELETE", path_of(answered)), event, "has_answers")
    assert labels(call("GET", options_of(package))) == ["Any allergies?"]


def test_questions_are_put_in_order(call, package):
    first, second, third = (make.option(package, label=label) for label in ("A", "B", "C"))

    answer = call("POST", f"{options_of(package)}/reorder", {"option_ids": [str(o.id) for o in (third, first, second)]})

    assert answer.status_code == 200
    assert labels(answer) == ["C", "A", "B"]
    assert [item["display_order"] for item in answer.json()["items"]] == [1, 2, 3]
    assert call("GET", options_of(package)).json() == answer.json()


@pytest.mark.parametrize("wrong", ["missing", "doubled", "foreign", "unknown", "none"])
def test_an_order_names_exactly_the_questions_of_the_package(call, event, package, wrong):
    first, second = (str(make.option(package, label=label).id) for label in ("A", "B"))
    foreign = str(make.option(make.package(event)).id)
    sent = {
        "missing": [second],
        "doubled": [second, first, first],
        "foreign": [second, first, foreign],
        "unknown": [second, str(uuid.uuid4())],
        "none": [],
    }[wrong]

    refused(lambda: call("POST", f"{options_of(package)}/reorder", {"option_ids": sent}), event, "conflict")

    assert labels(call("GET", options_of(package))) == ["A", "B"]


def test_an_order_of_something_else_is_refused_at_its_field(call, package):
    assert field_messages(call("POST", f"{options_of(package)}/reorder", {})) == {"option_ids": "Enter a value."}
    assert field_messages(call("POST", f"{options_of(package)}/reorder", {"option_ids": ["x"]})) == {
        "option_ids.0": "This is not an id."
    }


def test_a_question_is_found_in_its_own_package_only(call, event, package, answered):
    path = f"{options_of(make.package(event))}/{answered.id}"

    for verb, where, body in (
        ("PATCH", path, {"label": "Other"}),
        ("DELETE", path, None),
        ("POST", f"{path}/retire", None),
    ):
        assert_problem(call(verb, where, body), 404, "not_found")

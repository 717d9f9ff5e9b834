"""Questions over HTTP: over several packages, all or none."""

from __future__ import annotations

import uuid

import pytest

from tests.support import make
from tests.support.database_state import fingerprint
from tests.support.problems import assert_problem, field_messages

MENU = {"label": "Menu", "option_type": "multi_select", "choices": ["Fish", "Rice"], "is_required": False}


@pytest.fixture
def questions_path(event):
    return f"/admin/events/{event.id}/tickets/questions"


@pytest.fixture
def three(event):
    return [make.package(event, name=name) for name in ("Gold", "Silver", "Bronze")]


@pytest.fixture
def menus(three):
    return [make.option(package, **MENU) for package in three]


def name_options(rows, version=1):
    return {"options": [{"id": str(row.id), "version": version} for row in rows]}


def list_ids(rows):
    return [str(row.id) for row in rows]


def get_problem(answer_of, event):
    """Return the problem of a refusal that names packages, after checking that nothing changed."""
    before = fingerprint(event)
    problem = assert_problem(answer_of(), 409, "several_refused")
    assert fingerprint(event) == before
    return problem


def test_questions_are_listed_with_packages_and_answers(call, event, questions_path, three, menus):
    make.purchase(event, three[1], answers=[{"option_id": menus[1].id, "value": ["Fish"]}])
    make.option(three[0], label="Diet?")

    listed = call("GET", questions_path).json()

    menu, diet = listed["items"]
    assert (listed["total"], diet["label"], diet["answered"], diet["by_answer"]) == (2, "Diet?", 0, {})
    assert {name: menu[name] for name in ("label", "option_type", "choices", "answered", "by_answer")} == {
        "label": "Menu",
        "option_type": "multi_select",
        "choices": ["Fish", "Rice"],
        "answered": 1,
        "by_answer": {"Fish": 1, "Rice": 0},
    }
    assert menu["options"][1] == {
        "id": str(menus[1].id),
        "package_id": str(three[1].id),
        "package_name": "Silver",
        "is_required": False,
        "is_retired": False,
        "answered": 1,
        "by_answer": {"Fish": 1, "Rice": 0},
        "version": 1,
    }


def test_question_is_added_to_several_packages(call, event, questions_path, three):
    made = call("POST", questions_path, MENU | {"package_ids": list_ids(three[:2])})

    assert made.status_code == 201
    assert [item["package_id"] for item in made.json()["items"]] == list_ids(three[:2])
    assert [option["package_name"] for option in call("GET", questions_path).json()["items"][0]["options"]] == [
        "Gold",
        "Silver",
    ]


def test_refused_question_names_each_package_and_is_added_to_none(call, event, questions_path, three):
    make.option(three[1], **MENU)
    for number in range(4):
        make.option(three[2], label=f"Question {number}")

    problem = get_problem(lambda: call("POST", questions_path, MENU | {"package_ids": list_ids(three)}), event)

    assert problem["packages"] == [
        {"package_id": str(three[1].id), "name": "Silver", "code": "conflict", "message": "It is asked already."},
        {
            "package_id": str(three[2].id),
            "name": "Bronze",
            "code": "conflict",
            "message": "This package has 4 options already. Stop asking one first.",
        },
    ]


def test_change_is_for_all_options_or_none(call, event, questions_path, menus):
    changed = call("PATCH", questions_path, name_options(menus) | {"label": "Dinner"})
    assert [(item["label"], item["version"]) for item in changed.json()["items"]] == [("Dinner", 2)] * 3

    problem = get_problem(lambda: call("PATCH", questions_path, name_options(menus) | {"label": "Supper"}), event)

    assert [(each["name"], each["code"]) for each in problem["packages"]] == [
        ("Gold", "stale_version"),
        ("Silver", "stale_version"),
        ("Bronze", "stale_version"),
    ]
    without_versions = {"options": [{"id": str(row.id)} for row in menus], "is_required": True}
    assert {item["version"] for item in call("PATCH", questions_path, without_versions).json()["items"]} == {3}


def test_retire_ask_again_and_delete(call, questions_path, menus):
    retired = call("POST", f"{questions_path}/retire", name_options(menus))
    assert [(item["is_retired"], item["version"]) for item in retired.json()["items"]] == [(True, 2)] * 3
    asked = call("POST", f"{questions_path}/ask-again", name_options(menus, 2))
    assert [(item["is_retired"], item["version"]) for item in asked.json()["items"]] == [(False, 3)] * 3
    deleted = call("POST", f"{questions_path}/delete", name_options(menus, 3))
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert call("GET", questions_path).json()["items"] == []


@pytest.mark.parametrize("verb", ["retire", "ask-again", "delete"])
def test_options_that_ask_something_else_are_refused(call, event, questions_path, three, menus, verb):
    other = make.option(three[0], label="Diet?")

    problem = get_problem(lambda: call("POST", f"{questions_path}/{verb}", name_options([*menus, other])), event)

    assert [(each["name"], each["message"]) for each in problem["packages"]] == [
        ("Gold", "It asks “Diet?”, which is not the same.")
    ]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"label": ""}, {"label"}),
        ({"choices": ["Fish"]}, {"choices"}),
        ({"label": "", "is_required": "x"}, {"label", "is_required"}),
    ],
)
def test_invalid_fields_are_named(call, event, questions_path, three, menus, body, fields):
    before = fingerprint(event)
    assert set(field_messages(call("PATCH", questions_path, name_options(menus) | body))) == fields
    created = call("POST", questions_path, MENU | {"package_ids": list_ids(three)} | body)
    assert set(field_messages(created)) == fields
    assert fingerprint(event) == before


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "", MENU | {"package_ids": []}, "package_ids"),
        ("POST", "", MENU, "package_ids"),
        ("PATCH", "", {"options": [], "label": "Dinner"}, "options"),
        ("PATCH", "", {"label": "Dinner"}, "options"),
        ("POST", "/retire", {"options": []}, "options"),
        ("POST", "/ask-again", {}, "options"),
        ("POST", "/delete", {"options": [{"version": 1}]}, "options.0.id"),
    ],
)
def test_packages_and_options_must_be_named(call, questions_path, method, path, body, field):
    assert set(field_messages(call(method, questions_path + path, body))) == {field}


def test_what_belongs_to_another_event_is_not_found(call, event, questions_path, menus):
    foreign = make.package(make.event())
    option = make.option(foreign, **MENU)
    before = fingerprint(event)
    for answer in (
        call("POST", questions_path, MENU | {"package_ids": [str(foreign.id)]}),
        call("POST", questions_path, MENU | {"package_ids": [str(uuid.uuid4())]}),
        call("PATCH", questions_path, name_options([*menus, option]) | {"label": "Dinner"}),
        call("POST", f"{questions_path}/retire", name_options([option])),
        call("POST", f"{questions_path}/ask-again", name_options([option])),
        call("POST", f"{questions_path}/delete", name_options([option])),
    ):
        assert_problem(answer, 404, "not_found")
    assert fingerprint(event) == before

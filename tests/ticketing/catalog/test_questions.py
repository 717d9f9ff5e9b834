"""Questions over several packages: what is the same, their order, and the answers of all packages."""

from __future__ import annotations

import pytest

from tests.support import make
from tests.support.questions import MENU, answer, list_questions, retire, update
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import questions
from ticketing.errors import NotFound
from ticketing.sales import corrections


@pytest.fixture
def three(event):
    """Three packages of the event."""
    return [make.package(event, name=name) for name in ("Gold", "Silver", "Bronze")]


@pytest.fixture
def menus(three):
    """The same question of each package."""
    return [make.option(package, **MENU) for package in three]


def list_labels(event, **which):
    return [question.first.label for question in list_questions(event, **which)]


class TestSame:
    @pytest.mark.parametrize(
        ("other", "count"),
        [
            ({}, 1),
            ({"label": "MENU"}, 1),
            ({"label": " Menu "}, 1),
            ({"label": "Me\u200bnu"}, 1),
            ({"label": "\uff2denu"}, 1),  # full-width M
            ({"is_required": False}, 1),
            ({"label": "Menu?"}, 2),
            ({"label": "M enu"}, 2),
            ({"option_type": "single_select"}, 2),
            ({"option_type": "boolean", "choices": None}, 2),
            ({"choices": ["Fish", "Rice", "Beef"]}, 2),
            ({"choices": ["Rice", "Fish"]}, 2),
            ({"choices": ["fish", "Rice"]}, 2),
        ],
    )
    def test_label_key_type_and_choices_make_the_question(self, event, three, other, count):
        make.option(three[0], **MENU)
        make.option(three[1], **MENU | other)
        assert len(list_questions(event)) == count

    def test_it_is_worded_as_the_first_package_that_asks_it(self, event, three):
        first, _ = make.option(three[0], **MENU), make.option(three[1], **MENU | {"label": "MENU"})
        assert list_labels(event) == ["Menu"]
        retire(event, [first])
        assert list_labels(event) == ["MENU"]

    def test_text_of_another_event_is_not_counted(self, event, three):
        make.option(three[0], **MENU)
        make.option(make.package(make.event()), **MENU)
        (question,) = list_questions(event)
        assert len(question.tallies) == 1


class TestList:
    def test_order_is_that_of_packages_and_their_options_and_retired_last(self, event, three):
        gold, silver, _ = three
        gone = make.option(gold, label="Gone")
        for package, label in ((silver, "Song"), (gold, "Diet"), (silver, "Diet"), (gold, "Name")):
            make.option(package, label=label)
        retire(event, [gone])
        assert list_labels(event) == ["Diet", "Name", "Song", "Gone"]
        assert list_labels(event, package_id=silver.id) == ["Song", "Diet"]
        assert list_labels(event, package_id=gold.id) == ["Diet", "Name", "Gone"]

    def test_question_that_one_package_no_longer_asks_is_last_for_that_package_only(self, event, three, menus):
        make.option(three[0], label="Diet")
        retire(event, menus[:1])
        assert list_labels(event) == ["Diet", "Menu"]
        assert list_labels(event, package_id=three[0].id) == ["Diet", "Menu"]
        assert list_labels(event, package_id=three[1].id) == ["Menu"]
        (_, menu) = list_questions(event)
        assert [tally.package_name for tally in menu.tallies] == ["Gold", "Silver", "Bronze"]
        assert [tally.package_name for tally in menu.active] == ["Silver", "Bronze"]

    @pytest.mark.parametrize(("page", "labels"), [(1, ["Q0", "Q1"]), (2, ["Q2"]), (3, [])])
    def test_pages(self, event, three, page, labels):
        for number in range(3):
            make.option(three[number], label=f"Q{number}")
        with db.read_session() as session:
            rows, total = questions.list_page(session, OPERATOR, event.id, page=page, per_page=2)
        assert ([row.first.label for row in rows], total) == (labels, 3)

    def test_event_without_options_has_no_questions(self, event, three):
        assert list_questions(event) == []


class TestTally:
    def test_answers_are_summed_over_packages_with_those_of_each(self, event, three, menus):
        gold, silver, _ = three
        answer(event, gold, menus[0], ["Fish"])
        answer(event, silver, menus[1], ["Fish", "Rice"])
        answer(event, silver, menus[1], ["Rice"], payment_status="pending")
        (question,) = list_questions(event)
        assert (question.answered, question.by_answer) == (3, {"Fish": 2, "Rice": 2})
        assert [(each.package_name, each.answered, dict(each.by_answer)) for each in question.tallies] == [
            ("Gold", 1, {"Fish": 1, "Rice": 0}),
            ("Silver", 2, {"Fish": 1, "Rice": 2}),
            ("Bronze", 0, {"Fish": 0, "Rice": 0}),
        ]

    def test_yes_and_no_and_text(self, event, three):
        vegan = [make.option(package, label="Vegan?", option_type="boolean") for package in three]
        notes = [make.option(package, label="Notes", is_required=False) for package in three]
        for package, question, note, value in zip(three, vegan, notes, (True, False, True), strict=True):
            given = [{"option_id": question.id, "value": value}, {"option_id": note.id, "value": "No nuts"}]
            make.purchase(event, package, answers=given)
        first, second = list_questions(event)
        assert (first.answered, first.by_answer) == (3, {"yes": 2, "no": 1})
        assert (second.answered, second.by_answer) == (3, {})

    def test_retired_packages_and_removed_choices_count_and_voided_purchases_do_not(self, event, three, menus):
        answer(event, three[0], menus[0], ["Fish"])
        voided = answer(event, three[1], menus[1], ["Rice"])
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, voided.id, "Typed twice"))
        retire(event, menus[:1])
        rows = update(event, menus[1:], choices=["Beef", "Rice"])
        answer(event, three[2], rows[1], ["Beef"])
        by_label = {tuple(each.first.choices): each for each in list_questions(event)}
        assert by_label["Beef", "Rice"].by_answer == {"Beef": 1, "Rice": 0}
        assert by_label["Beef", "Rice"].is_answered
        assert by_label["Fish", "Rice"].by_answer == {"Fish": 1, "Rice": 0}
        update(event, rows, choices=["Fish", "Rice"])
        (question,) = list_questions(event)
        assert (question.answered, question.by_answer) == (2, {"Fish": 1, "Rice": 0, "Beef": 1})


@pytest.mark.parametrize(("role", "is_assigned"), [("viewer", True), ("coordinator", True), ("admin", False)])
def test_who_may_read_questions(event, menus, role, is_assigned):
    assert len(list_questions(event, make.staff(role, event if is_assigned else None))) == 1
    with pytest.raises(NotFound):
        list_questions(event, make.staff("coordinator"))

"""Questions over several packages: each change is made in all of them or in none, which names those in the way."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.database_state import assert_refused, get_audit_changes
from tests.support.questions import (
    MENU,
    answer,
    ask_again,
    create,
    delete,
    fill,
    list_questions,
    retire,
    update,
    update_any,
    update_one,
)
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import questions
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.questions import OptionEdit, OptionsRefused
from ticketing.errors import InvalidInput, NotAllowed, NotFound
from ticketing.models import AuditEntry, Option

POSITIONS = pytest.mark.parametrize("position", [0, 1, 2], ids=["first", "middle", "last"])


@pytest.fixture
def three(event):
    """Three packages of the event."""
    return [make.package(event, name=name) for name in ("Gold", "Silver", "Bronze")]


@pytest.fixture
def menus(three):
    """The same question of each package."""
    return [make.option(package, **MENU) for package in three]


def list_stored(event):
    with db.read_session() as session:
        rows = session.scalars(select(Option).where(Option.event_id == event.id).order_by(Option.id))
        return [(row.label, row.choices, row.is_required, row.version, row.retired_at is None) for row in rows]


def names_in_the_way(refusal):
    return [package.name for package in refusal.value.packages]


class TestCreate:
    def test_each_package_gets_the_option_at_its_end(self, event, three):
        make.option(three[1], label="Diet")
        made = create(event, three[::-1])
        assert [(row.package_id, row.display_order, row.version) for row in made] == [
            (three[0].id, 1, 1),
            (three[1].id, 2, 1),
            (three[2].id, 1, 1),
        ]
        assert len({row.id for row in made}) == 3

    def test_package_named_twice_gets_it_once(self, event, three):
        assert len(create(event, [three[0], three[0]])) == 1

    @POSITIONS
    def test_package_with_four_options_stands_in_the_way_and_nothing_is_stored(self, event, three, position):
        fill(three[position])
        with assert_refused(OptionsRefused, event) as refusal:
            create(event, three)
        assert names_in_the_way(refusal) == [three[position].name]

    def test_every_package_in_the_way_is_named(self, event, three):
        fill(three[0])
        fill(three[2])
        make.option(three[1], **MENU)
        with assert_refused(OptionsRefused, event) as refusal:
            create(event, three)
        assert str(refusal.value) == (
            "Nothing was saved. Gold and Bronze: 4 questions already. Stop asking one there first, or leave it out. "
            "Silver: It is asked already."
        )

    def test_three_options_leave_room_and_retired_ones_take_none(self, event, three):
        fill(three[0], 3)
        retire(event, fill(three[1], 4)[:1])
        retire(event, [make.option(three[2], **MENU)])
        assert [row.display_order for row in create(event, three)] == [4, 4, 1]

    def test_package_of_another_event_is_not_found(self, event, three):
        for stranger in (make.package(make.event()), SimpleNamespace(id=uuid.uuid4())):
            with assert_refused(NotFound, event):
                create(event, [*three, stranger])


class TestUpdate:
    def test_all_packages_change_and_keep_their_other_fields(self, event, three, menus):
        update_one(menus[1], is_required=False)
        versions = {menus[0].id: 1, menus[1].id: 2, menus[2].id: 1}
        edits = [OptionEdit(option_id, version, {"label": "Dinner"}) for option_id, version in versions.items()]
        rows = db.write(lambda s: questions.update(s, OPERATOR, event.id, edits))
        assert [(row.label, row.is_required, row.version) for row in rows] == [
            ("Dinner", True, 2),
            ("Dinner", False, 3),
            ("Dinner", True, 2),
        ]

    def test_option_that_has_the_value_already_is_not_changed(self, event, three, menus):
        update_one(menus[1], is_required=False)
        rows = update_any(event, menus, is_required=False)
        assert [row.version for row in rows] == [2, 2, 2]

    @POSITIONS
    def test_stale_version_of_one_changes_none(self, event, three, menus, position):
        bea = make.staff(name="Bea Colleague", event=event)
        update_one(menus[position], bea, is_required=False)
        with assert_refused(OptionsRefused, event) as refusal:
            update(event, menus, label="Dinner")
        assert names_in_the_way(refusal) == [three[position].name]
        assert str(refusal.value) == (
            f"Nothing was saved. {three[position].name}: Bea Colleague changed Menu after you opened it: is required."
        )
        assert refusal.value.packages[0].error.code == "stale_version"

    @POSITIONS
    def test_option_that_asks_something_else_changes_none(self, event, three, menus, position):
        update_one(menus[position], choices=["Fish", "Beef"])
        changed = [three[position].name] if position else ["Silver", "Bronze"]  # the first one says what is asked
        with assert_refused(OptionsRefused, event) as refusal:
            update_any(event, menus, label="Dinner")
        assert names_in_the_way(refusal) == changed
        assert str(refusal.value).endswith("It asks “Menu”, which is not the same.")

    @POSITIONS
    def test_answers_that_forbid_the_type_change_none(self, event, three, menus, position):
        answer(event, three[position], menus[position], ["Fish", "Rice"])
        with assert_refused(OptionsRefused, event) as refusal:
            update(event, menus, option_type="single_select")
        assert names_in_the_way(refusal) == [three[position].name]
        assert "1 answer with several choices" in str(refusal.value)

    def test_answers_of_one_choice_change_with_the_type(self, event, three, menus):
        answer(event, three[1], menus[1], ["Fish"])
        update(event, menus, option_type="single_select")
        (question,) = list_questions(event)
        assert (question.first.option_type, question.by_answer) == ("single_select", {"Fish": 1, "Rice": 0})

    @pytest.mark.parametrize(
        ("values", "field"),
        [({"label": ""}, "label"), ({"choices": ["Fish"]}, "choices"), ({"label": "x" * 201}, "label")],
    )
    def test_invalid_value_is_a_problem_of_its_field(self, event, menus, values, field):
        with assert_refused(InvalidInput, event) as refusal:
            update(event, menus, **values)
        assert set(refusal.value.fields) == {field}

    def test_retired_option_can_be_reworded_with_the_others(self, event, menus):
        retire(event, menus[:1])
        assert [row.label for row in update_any(event, menus, label="Dinner")] == ["Dinner"] * 3

    def test_unknown_and_foreign_options_are_not_found(self, event, menus):
        foreign = make.option(make.package(make.event()), **MENU)
        for stranger in (foreign, SimpleNamespace(id=uuid.uuid4(), version=1)):
            with assert_refused(NotFound, event):
                update(event, [*menus, stranger], label="Dinner")
        with assert_refused(NotFound, event):
            update(event, [], label="Dinner")

    def test_change_is_undone_as_one_with_each_old_value(self, event, three, menus):
        update_one(menus[1], is_required=False)
        before = list_stored(event)
        with db.read_session() as session:
            current = {
                row.id: row.version for row in session.scalars(select(Option).where(Option.event_id == event.id))
            }
        edits = [OptionEdit(menu.id, current[menu.id], {"label": "Dinner", "is_required": True}) for menu in menus]
        rows = db.write(lambda s: questions.update(s, OPERATOR, event.id, edits))
        old = [
            OptionEdit(row.id, row.version, {"label": "Menu", "is_required": row.package_id != three[1].id})
            for row in rows
        ]
        update_one(rows[2], label="Supper")
        with assert_refused(OptionsRefused, event):
            db.write(lambda s: questions.update(s, OPERATOR, event.id, old))
        update_one(rows[2], label="Dinner")
        again = [OptionEdit(edit.option_id, None, edit.values) for edit in old]
        db.write(lambda s: questions.update(s, OPERATOR, event.id, again))
        assert [row[:3] for row in list_stored(event)] == [row[:3] for row in before]


class TestRetireAskAgainDelete:
    def test_all_are_retired_and_asked_again(self, event, menus):
        assert [row.version for row in retire(event, menus)] == [2, 2, 2]
        assert list_questions(event)[0].active == ()
        assert [row.version for row in ask_again(event, menus, seen=2)] == [3, 3, 3]
        assert len(list_questions(event)[0].active) == 3

    def test_those_that_are_as_wanted_stay_so(self, event, menus):
        retire(event, menus[:2])
        assert [row.version for row in retire(event, menus)] == [2, 2, 2]
        ask_again(event, menus[:1])
        assert [row.version for row in ask_again(event, menus)] == [3, 3, 3]

    @POSITIONS
    def test_full_package_stands_in_the_way_of_asking_again(self, event, three, menus, position):
        retire(event, menus)
        fill(three[position])
        with assert_refused(OptionsRefused, event) as refusal:
            ask_again(event, menus)
        assert names_in_the_way(refusal) == [three[position].name]
        assert "4 questions already" in str(refusal.value)

    @POSITIONS
    @pytest.mark.parametrize("change", [retire, ask_again, delete])
    def test_version_that_was_changed_since_stands_in_the_way(self, event, three, menus, position, change):
        update_one(menus[position], is_required=False)
        with assert_refused(OptionsRefused, event) as refusal:
            change(event, menus, seen=1)
        assert names_in_the_way(refusal) == [three[position].name]

    @pytest.mark.parametrize("change", [retire, ask_again, delete])
    def test_option_that_asks_something_else_stands_in_the_way(self, event, three, menus, change):
        update_one(menus[1], label="Dinner")
        with assert_refused(OptionsRefused, event) as refusal:
            change(event, menus)
        assert names_in_the_way(refusal) == ["Silver"]

    def test_unanswered_ones_are_deleted(self, event, menus):
        delete(event, menus)
        assert list_questions(event) == []

    @POSITIONS
    def test_answered_one_keeps_all(self, event, three, menus, position):
        answer(event, three[position], menus[position], ["Fish"])
        with assert_refused(OptionsRefused, event) as refusal:
            delete(event, menus)
        assert names_in_the_way(refusal) == [three[position].name]
        assert "“Menu” has answers" in str(refusal.value)


class TestAuditLog:
    @pytest.mark.parametrize(
        ("change", "action", "fields"),
        [
            (lambda event, rows, ana: update(event, rows, ana, label="Dinner"), "option.changed", {"label"}),
            (lambda event, rows, ana: retire(event, rows, ana), "option.retired", {"retired_at"}),
            (lambda event, rows, ana: delete(event, rows, ana), "option.deleted", set(OptionDraft.model_fields)),
        ],
        ids=["update", "retire", "delete"],
    )
    def test_every_option_has_its_entries_in_one_change(self, event, menus, change, action, fields):
        ana = make.staff(event=event, name="Ana Ruiz")
        change(event, menus, ana)
        self.assert_one_change(event, menus, action, fields)

    def test_created_and_asked_again_options_have_theirs(self, event, three):
        rows = create(event, three, make.staff(event=event, name="Ana Ruiz"))
        self.assert_one_change(event, rows, "option.created", set(OptionDraft.model_fields))
        retire(event, rows)
        ask_again(event, rows, make.staff(event=event, name="Ana Ruiz"))
        self.assert_one_change(event, rows, "option.asked_again", {"retired_at"})

    @staticmethod
    def assert_one_change(event, rows, action, fields):
        with db.read_session() as session:
            entries = session.scalars(
                select(AuditEntry).where(AuditEntry.event_id == event.id, AuditEntry.action == action)
            ).all()
        assert len({entry.change_id for entry in entries if entry.actor == "Ana Ruiz"}) == 1
        assert {row.id: set(get_audit_changes(row.id, action)) for row in rows} == {row.id: fields for row in rows}


@pytest.mark.parametrize(
    ("change", "is_retired_before"),
    [
        (lambda event, three, rows, who: create(event, three, who, label="Song"), False),
        (lambda event, three, rows, who: update(event, rows, who, label="Song"), False),
        (lambda event, three, rows, who: retire(event, rows, who), False),
        (lambda event, three, rows, who: ask_again(event, rows, who), True),
        (lambda event, three, rows, who: delete(event, rows, who), False),
    ],
    ids=["create", "update", "retire", "ask_again", "delete"],
)
@pytest.mark.parametrize(
    ("role", "is_assigned", "refusal"),
    [
        ("viewer", True, NotAllowed),
        ("coordinator", True, None),
        ("admin", False, None),
        ("coordinator", False, NotFound),
    ],
)
def test_who_may_change_questions(event, three, menus, change, is_retired_before, role, is_assigned, refusal):
    who = make.staff(role, event if is_assigned else None)
    rows = retire(event, menus) if is_retired_before else menus
    if refusal is None:
        change(event, three, rows, who)
        return
    with assert_refused(refusal, event):
        change(event, three, rows, who)

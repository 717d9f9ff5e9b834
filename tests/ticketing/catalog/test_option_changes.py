"""Updating, retiring, deleting and reordering options, and the tally of answers."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from tests.support import make
from tests.support.database_state import assert_refused, get_audit_changes
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options, questions
from ticketing.errors import Conflict, HasAnswers, InvalidInput, NotAllowed, NotFound, StaleVersion
from ticketing.models import Answer, Option
from ticketing.sales import corrections

MENU = {"label": "Menu", "option_type": "multi_select", "choices": ["Fish", "Rice", "Beef"]}


def update_option(option, actor=OPERATOR, *, seen_version=None, package_id=None, **values):
    return db.write(
        lambda s: options.update(
            s, actor, package_id or option.package_id, option.id, values, seen_version=seen_version
        )
    )


def retire_option(option, actor=OPERATOR, *, package_id=None):
    return db.write(lambda s: options.retire(s, actor, package_id or option.package_id, option.id))


def delete_option(option, actor=OPERATOR, *, package_id=None):
    db.write(lambda s: options.delete(s, actor, package_id or option.package_id, option.id))


def reorder_options(package, *asked, actor=OPERATOR):
    return db.write(lambda s: options.reorder(s, actor, package.id, [getattr(o, "id", o) for o in asked]))


def answer(event, package, *given, **fields):
    """Record a purchase with these (option, value) pairs."""
    answers = [{"option_id": option.id, "value": value} for option, value in given]
    return make.purchase(event, package, answers=answers, **fields)


def list_labels(package):
    with db.read_session() as session:
        return options.list_active(session, OPERATOR, package.id)


def list_tallies(package, actor=OPERATOR):
    with db.read_session() as session:
        found, _ = questions.list_page(session, actor, package.event_id, package_id=package.id)
    return {each.first.label: (each.answered, each.by_answer) for each in found}


def get_option(option):
    with db.read_session() as session:
        return session.scalars(select(Answer.value).where(Answer.option_id == option.id)).all()


def test_every_field_changes_and_is_in_the_audit_log(event):
    option = make.option(make.package(event), label="Dinner?", option_type="boolean")
    changed = update_option(option, make.staff(event=event), seen_version=1, is_required=False, **MENU)
    assert (changed.label, changed.option_type, changed.choices) == ("Menu", "multi_select", ["Fish", "Rice", "Beef"])
    assert (changed.is_required, changed.version) == (False, 2)
    assert get_audit_changes(option.id, "option.changed") == {
        "label": ("Dinner?", "Menu"),
        "option_type": ("boolean", "multi_select"),
        "is_required": (True, False),
        "choices": (None, ["Fish", "Rice", "Beef"]),
    }


def test_update_with_current_values_changes_nothing(event):
    option = make.option(make.package(event), **MENU)
    assert update_option(option, label=" Menu ", choices=["Fish", "Rice", "Beef"]).version == 1
    assert get_audit_changes(option.id, "option.changed") == {}


def test_stale_version_is_refused_with_the_changes(event):
    option, bo = make.option(make.package(event), **MENU), make.staff(event=event, name="Bo Lind")
    update_option(option, bo, seen_version=1, choices=["Fish", "Rice"])
    with assert_refused(StaleVersion, event) as refusal:
        update_option(option, seen_version=1, label="Dinner")
    (change,) = refusal.value.changes
    assert (change.field, change.new, change.by) == ("choices", ["Fish", "Rice"], "Bo Lind")
    assert update_option(option, seen_version=2, label="Dinner").version == 3
    assert update_option(option, seen_version=None, is_required=False).version == 4


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"label": ""}, "label"),
        ({"label": "x" * 201}, "label"),
        ({"choices": ["Fish"]}, "choices"),
        ({"choices": None}, "choices"),
        ({"option_type": "boolean", "choices": ["Fish", "Rice"]}, "choices"),
    ],
)
def test_update_is_validated_like_a_new_option(event, values, field):
    option = make.option(make.package(event), **MENU)
    with assert_refused(InvalidInput, event) as refusal:
        update_option(option, **values)
    assert set(refusal.value.fields) == {field}


def test_changing_the_type_drops_or_requires_choices(event):
    option = make.option(make.package(event), **MENU)
    assert update_option(option, option_type="boolean").choices is None
    with assert_refused(InvalidInput, event) as refusal:
        update_option(option, option_type="multi_select")
    assert set(refusal.value.fields) == {"choices"}
    assert update_option(option, option_type="multi_select", choices=["A", "B"]).choices == ["A", "B"]


@pytest.mark.parametrize("option_type", ["boolean", "multi_select"])
def test_type_of_an_answered_option_cannot_change(event, option_type):
    package = make.package(event)
    option = make.option(package, label="Dinner?")
    answer(event, package, (option, "Fish"))
    choices = ["Fish", "Rice"] if option_type == "multi_select" else None
    with assert_refused(HasAnswers, event) as refusal:
        update_option(option, option_type=option_type, choices=choices)
    assert "“Dinner?” has answers" in str(refusal.value)
    assert update_option(option, option_type="text_input", label="Supper?", is_required=False).version == 2


def test_answered_list_becomes_choose_one_while_each_answer_has_one_choice(event):
    package = make.package(event)
    option = make.option(package, **MENU)
    answer(event, package, (option, ["Fish"]))
    several = answer(event, package, (option, ["Rice", "Beef"]))
    with assert_refused(HasAnswers, event) as refusal:
        update_option(option, option_type="single_select")
    assert "“Menu” has 1 answer with several choices" in str(refusal.value)

    db.write(
        lambda s: s.execute(update(Answer).where(Answer.purchase_id == several.purchase.id).values(value=["Beef"]))
    )
    assert update_option(option, option_type="single_select").option_type == "single_select"
    assert sorted(get_option(option)) == ["Beef", "Fish"]
    assert list_tallies(package) == {"Menu": (2, {"Fish": 1, "Rice": 0, "Beef": 1})}
    with pytest.raises(InvalidInput):
        answer(event, package, (option, ["Fish"]))

    assert update_option(option, option_type="multi_select").version == 3
    assert sorted(get_option(option)) == [["Beef"], ["Fish"]]
    assert list_tallies(package) == {"Menu": (2, {"Fish": 1, "Rice": 0, "Beef": 1})}


def test_answered_list_becomes_no_other_type(event):
    package = make.package(event)
    option = make.option(package, **MENU | {"option_type": "single_select"})
    answer(event, package, (option, "Fish"))
    for option_type in ("boolean", "text_input"):
        with assert_refused(HasAnswers, event):
            update_option(option, option_type=option_type, choices=None)


def test_skipped_option_has_no_answers(event):
    package = make.package(event)
    option = make.option(package, is_required=False)
    answer(event, package, (option, "  "))
    assert update_option(option, option_type="boolean").option_type == "boolean"
    delete_option(option)
    assert list_labels(package) == []


def test_answer_of_a_voided_purchase_still_counts_as_an_answer(event):
    package = make.package(event)
    option = make.option(package)
    bought = answer(event, package, (option, "Nuts")).purchase
    db.write(lambda s: corrections.void(s, OPERATOR, event.id, bought.id, "Typed twice"))
    with assert_refused(HasAnswers, event):
        delete_option(option)


def test_removed_choices_stay_in_the_tally(event):
    package = make.package(event)
    menu = make.option(package, **MENU)
    answer(event, package, (menu, ["Fish", "Beef"]))
    update_option(menu, choices=["Trout", "Rice", "Beef"])
    answer(event, package, (menu, ["Trout", "Beef"]))
    assert get_option(menu) == [["Fish", "Beef"], ["Trout", "Beef"]]
    assert list_tallies(package)["Menu"] == (2, {"Trout": 1, "Rice": 0, "Beef": 2, "Fish": 1})


def test_retired_option_keeps_its_answers(event):
    package = make.package(event)
    option = make.option(package, label="Any allergies?")
    answer(event, package, (option, "Nuts"))
    assert retire_option(option, make.staff(event=event)).version == 2
    assert list_labels(package) == []
    assert get_option(option) == ["Nuts"]
    assert list_tallies(package) == {"Any allergies?": (1, {})}
    with assert_refused(InvalidInput, event):
        answer(event, package, (option, "Eggs"))
    assert make.purchase(event, package).answers == {}
    assert set(get_audit_changes(option.id, "option.retired")) == {"retired_at"}


def test_retiring_is_idempotent(event):
    option = make.option(make.package(event))
    first, second = retire_option(option), retire_option(option)
    assert (second.version, second.retired_at) == (2, first.retired_at)


def test_retiring_and_deleting_make_room_for_another_option(event):
    package = make.package(event)
    first, second, *_ = [make.option(package) for _ in range(4)]
    for free, label in ((retire_option, "Fifth"), (delete_option, "Sixth")):
        with pytest.raises(Conflict, match="4 options already"):
            make.option(package)
        free({retire_option: first, delete_option: second}[free])
        make.option(package, label=label)
    assert [(o.label, o.display_order) for o in list_labels(package)][2:] == [("Fifth", 3), ("Sixth", 4)]


def test_answered_option_cannot_be_deleted(event):
    package = make.package(event)
    option = make.option(package, option_type="boolean", label="Vegan?")
    answer(event, package, (option, False))
    with assert_refused(HasAnswers, event) as refusal:
        delete_option(option)
    assert "Stop asking it instead" in str(refusal.value)


def test_unanswered_option_is_deleted_and_kept_in_the_audit_log(event):
    package = make.package(event)
    option = make.option(package, **MENU)
    delete_option(option)
    assert list_labels(package) == []
    assert get_audit_changes(option.id, "option.deleted") == {
        "label": ("Menu", None),
        "option_type": ("multi_select", None),
        "is_required": (True, None),
        "choices": (["Fish", "Rice", "Beef"], None),
    }


def test_reordering_is_in_the_audit_log(event):
    package = make.package(event)
    first, second, third = (make.option(package, label=label) for label in ("A", "B", "C"))
    assert [o.label for o in reorder_options(package, third, second, first)] == ["C", "B", "A"]
    assert [(o.label, o.display_order, o.version) for o in list_labels(package)] == [
        ("C", 1, 2),
        ("B", 2, 1),
        ("A", 3, 2),
    ]
    assert get_audit_changes(first.id, "option.arranged") == {"display_order": (1, 3)}
    assert get_audit_changes(second.id, "option.arranged") == {}


def test_order_must_name_exactly_the_active_options(event):
    package = make.package(event)
    first, second, gone = (make.option(package) for _ in range(3))
    foreign = make.option(make.package(event))
    retire_option(gone)
    for wrong in (
        [first],
        [],
        [first, first],
        [first, second, second],
        [first, second, gone],
        [first, foreign],
        [first, second, foreign],
        [first, uuid.uuid4()],
    ):
        with assert_refused(Conflict, event):
            reorder_options(package, *wrong)
    assert [o.id for o in reorder_options(package, second, first)] == [second.id, first.id]


def test_tally_counts_completed_and_pending_purchases(event):
    package = make.package(event)
    vegan = make.option(package, label="Vegan?", option_type="boolean")
    menu = make.option(package, is_required=False, **MENU)
    notes = make.option(package, label="Notes", is_required=False)
    answer(event, package, (vegan, True), (menu, ["Fish", "Rice"]), (notes, "yes"))
    answer(event, package, (vegan, False), (menu, ["Rice"]), payment_status="pending")
    answer(event, package, (vegan, False), quantity=5)
    wrong = answer(event, package, (vegan, True), (menu, ["Beef"]), (notes, "no")).purchase
    db.write(lambda s: corrections.void(s, OPERATOR, event.id, wrong.id, "Typed twice"))
    assert list_tallies(package, make.staff(role="viewer", event=event)) == {
        "Vegan?": (3, {"yes": 1, "no": 2}),
        "Menu": (2, {"Fish": 1, "Rice": 2, "Beef": 0}),
        "Notes": (1, {}),
    }


def test_retired_options_come_last(event):
    package = make.package(event)
    first, _ = make.option(package, label="First"), make.option(package, label="Second")
    retire_option(first)
    assert list(list_tallies(package)) == ["Second", "First"]
    assert list_tallies(make.package(event)) == {}


def test_viewer_cannot_change_and_stranger_finds_nothing(event):
    package = make.package(event)
    option = make.option(package)
    for actor, kind in ((make.staff(role="viewer", event=event), NotAllowed), (make.staff(), NotFound)):
        for attempt in (
            lambda actor=actor: update_option(option, actor, label="Other"),
            lambda actor=actor: retire_option(option, actor),
            lambda actor=actor: delete_option(option, actor),
            lambda actor=actor: reorder_options(package, option, actor=actor),
        ):
            with assert_refused(kind, event):
                attempt()
    with pytest.raises(NotFound):
        list_tallies(package, make.staff())


def test_option_of_another_package_is_not_found(event):
    option, other = make.option(make.package(event)), make.package(event)
    for attempt in (update_option, retire_option, delete_option):
        with assert_refused(NotFound, event):
            attempt(option, package_id=other.id)
        with assert_refused(NotFound, event):
            attempt(option, package_id=uuid.uuid4())


def test_simultaneous_creations_stop_at_four_options(event):
    package = make.package(event)

    def add(number):
        try:
            return make.option(package, label=f"Question {number}")
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [option for option in pool.map(add, range(8)) if isinstance(option, Option)]
    assert len(made) == 4
    assert [o.display_order for o in list_labels(package)] == [1, 2, 3, 4]

import pytest
from sqlalchemy import select

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options
from ticketing.catalog.options import OptionDraft
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound
from ticketing.models import AuditEntry
from ticketing.validation import validate

PICK = {"label": "Menu", "option_type": "multi_select"}


def listed(package, actor=OPERATOR):
    with db.read_session() as session:
        return options.list_active(session, actor, package.id)


def turned_down(**values):
    with pytest.raises(InvalidInput) as refusal:
        validate(OptionDraft, values)
    return set(refusal.value.fields)


@pytest.mark.parametrize("choices", [["a", "b"], list("abcdefghij"), ["x" * 50, "y"], [" a ", "b"]])
def test_a_list_has_2_to_10_choices_of_1_to_50_characters(choices):
    assert len(validate(OptionDraft, PICK | {"choices": choices}).choices) == len(choices)


@pytest.mark.parametrize("choices", [["a"], [], None, list("abcdefghijk"), ["a", "A"], ["a", " a"]])
def test_too_few_too_many_or_doubled_choices_are_refused(choices):
    assert turned_down(**PICK, choices=choices) == {"choices"}


def test_a_choice_has_text_and_at_most_50_characters():
    assert turned_down(**PICK, choices=["a", "x" * 51]) == {"choices.1"}
    assert turned_down(**PICK, choices=["a", " "]) == {"choices.1"}


def test_a_list_without_choices_is_refused():
    assert turned_down(**PICK) == {"choices"}


@pytest.mark.parametrize("option_type", ["boolean", "text_input"])
def test_only_a_list_has_choices(option_type):
    assert turned_down(label="Q", option_type=option_type, choices=["a", "b"]) == {"choices"}
    for none in (None, []):
        assert validate(OptionDraft, {"label": "Q", "option_type": option_type, "choices": none}).choices is None


def test_a_label_has_1_to_200_characters_and_questions_are_required_by_default():
    assert validate(OptionDraft, {"label": "x" * 200, "option_type": "boolean"}).is_required
    assert turned_down(label="x" * 201, option_type="boolean") == {"label"}
    assert turned_down(label="", option_type="boolean") == {"label"}


def test_a_package_asks_at_most_4_questions(event):
    package = make.package(event)
    for number in range(4):
        make.option(package, label=f"Question {number}")
    with pytest.raises(Conflict, match="4 options already"):
        make.option(package)
    assert [(o.label, o.display_order) for o in listed(package)] == [(f"Question {n}", n + 1) for n in range(4)]


def test_a_retired_question_makes_room_for_another(event):
    package = make.package(event)
    first, *_ = [make.option(package, label=f"Question {number}") for number in range(4)]
    db.write(lambda s: options.retire(s, OPERATOR, package.id, first.id))
    make.option(package, label="New")
    assert [(o.label, o.display_order, o.version) for o in listed(package)] == [
        ("Question 1", 1, 1),
        ("Question 2", 2, 1),
        ("Question 3", 3, 1),
        ("New", 4, 1),
    ]
    with pytest.raises(Conflict, match="4 options already"):
        make.option(package)


def test_a_new_question_is_told_to_the_log(event):
    package = make.package(event)
    ana = make.staff(event=event, name="Ana Ruiz")
    option = make.option(package, ana, label="Menu", option_type="multi_select", choices=["Fish", "Rice"])
    with db.read_session() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == option.id)).all()
    assert {(row.actor, row.action, row.event_id) for row in rows} == {("Ana Ruiz", "option.created", event.id)}
    assert {row.field: row.new_value for row in rows}["choices"] == ["Fish", "Rice"]


def test_viewers_see_the_questions_and_strangers_do_not(event):
    package = make.package(event)
    make.option(package)
    viewer, stranger = make.staff(role="viewer", event=event), make.staff()
    assert len(listed(package, viewer)) == 1
    with pytest.raises(NotAllowed):
        make.option(package, viewer)
    with pytest.raises(NotFound):
        make.option(package, stranger)
    with pytest.raises(NotFound):
        listed(package, stranger)
    assert len(listed(package)) == 1

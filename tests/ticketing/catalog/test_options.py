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
LIST_TYPES = pytest.mark.parametrize("option_type", options.LIST_OPTION_TYPES)


def list_labels(package, actor=OPERATOR):
    with db.read_session() as session:
        return options.list_active(session, actor, package.id)


def get_problems(**values):
    with pytest.raises(InvalidInput) as refusal:
        validate(OptionDraft, values)
    return set(refusal.value.fields)


@pytest.mark.parametrize("choices", [["a", "b"], list("abcdefghij"), ["x" * 50, "y"], [" a ", "b"]])
def test_accepted_choices(choices):
    assert len(validate(OptionDraft, PICK | {"choices": choices}).choices) == len(choices)


@pytest.mark.parametrize("choices", [["a"], [], None, list("abcdefghijk"), ["a", "A"], ["a", " a"]])
def test_refused_numbers_of_choices(choices):
    assert get_problems(**PICK, choices=choices) == {"choices"}


def test_refused_choice_text():
    assert get_problems(**PICK, choices=["a", "x" * 51]) == {"choices.1"}
    assert get_problems(**PICK, choices=["a", " "]) == {"choices.1"}


@LIST_TYPES
def test_list_requires_choices(option_type):
    assert get_problems(label="Menu", option_type=option_type) == {"choices"}
    assert get_problems(label="Menu", option_type=option_type, choices=["a"]) == {"choices"}
    assert validate(OptionDraft, {"label": "Menu", "option_type": option_type, "choices": ["a", "b"]}).choices


@pytest.mark.parametrize("option_type", ["boolean", "text_input"])
def test_other_types_refuse_choices(option_type):
    assert get_problems(label="Q", option_type=option_type, choices=["a", "b"]) == {"choices"}
    for none in (None, []):
        assert validate(OptionDraft, {"label": "Q", "option_type": option_type, "choices": none}).choices is None


def test_label_has_1_to_200_characters_and_options_are_required_by_default():
    assert validate(OptionDraft, {"label": "x" * 200, "option_type": "boolean"}).is_required
    assert get_problems(label="x" * 201, option_type="boolean") == {"label"}
    assert get_problems(label="", option_type="boolean") == {"label"}


def test_fifth_option_is_refused(event):
    package = make.package(event)
    for number in range(4):
        make.option(package, label=f"Question {number}")
    with pytest.raises(Conflict, match="4 options already"):
        make.option(package)
    assert [(o.label, o.display_order) for o in list_labels(package)] == [(f"Question {n}", n + 1) for n in range(4)]


def test_retired_option_makes_room_for_another(event):
    package = make.package(event)
    first, *_ = [make.option(package, label=f"Question {number}") for number in range(4)]
    db.write(lambda s: options.retire(s, OPERATOR, package.id, first.id))
    make.option(package, label="New")
    assert [(o.label, o.display_order, o.version) for o in list_labels(package)] == [
        ("Question 1", 1, 1),
        ("Question 2", 2, 1),
        ("Question 3", 3, 1),
        ("New", 4, 1),
    ]
    with pytest.raises(Conflict, match="4 options already"):
        make.option(package)


def test_new_option_is_in_the_audit_log(event):
    package = make.package(event)
    ana = make.staff(event=event, name="Ana Ruiz")
    option = make.option(package, ana, label="Menu", option_type="multi_select", choices=["Fish", "Rice"])
    with db.read_session() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == option.id)).all()
    assert {(row.actor, row.action, row.event_id) for row in rows} == {("Ana Ruiz", "option.created", event.id)}
    assert {row.field: row.new_value for row in rows}["choices"] == ["Fish", "Rice"]


def test_viewers_list_options_and_strangers_do_not(event):
    package = make.package(event)
    make.option(package)
    viewer, stranger = make.staff(role="viewer", event=event), make.staff()
    assert len(list_labels(package, viewer)) == 1
    with pytest.raises(NotAllowed):
        make.option(package, viewer)
    with pytest.raises(NotFound):
        make.option(package, stranger)
    with pytest.raises(NotFound):
        list_labels(package, stranger)
    assert len(list_labels(package)) == 1

"""Asking a retired option again, and undoing an order of options."""

import pytest

from tests.support import make
from tests.support.database_state import assert_refused, get_audit_changes
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options
from ticketing.errors import Conflict, NotAllowed, StaleVersion


def retire(option):
    return db.write(lambda s: options.retire(s, OPERATOR, option.package_id, option.id))


def list_active(package):
    with db.read_session() as session:
        return options.list_active(session, OPERATOR, package.id)


def ask_again(option, actor=OPERATOR, *, seen_version=None):
    return db.write(lambda s: options.ask_again(s, actor, option.package_id, option.id, seen_version=seen_version))


class TestAskAgain:
    def test_question_returns_to_its_place(self, event):
        package = make.package(event)
        _, second, _ = (make.option(package, label=label) for label in ("First", "Second", "Third"))
        retired = retire(second)
        assert ask_again(second, seen_version=retired.version).version == 3
        assert [option.label for option in list_active(package)] == ["First", "Second", "Third"]
        ((old, new),) = get_audit_changes(second.id, "option.asked_again").values()
        assert (old is not None, new) == (True, None)

    def test_question_comes_last_when_its_place_is_taken(self, event):
        package = make.package(event)
        first, second, third, _ = (make.option(package, label=label) for label in ("A", "B", "C", "D"))
        retire(second)
        retire(third)
        make.option(package, label="E")  # closes the gap
        ask_again(second)
        assert [(o.label, o.display_order) for o in list_active(package)] == [("A", 1), ("D", 2), ("E", 3), ("B", 4)]
        assert first.display_order == 1

    def test_active_question_stays_as_it_is(self, event):
        option = make.option(make.package(event))
        assert ask_again(option).version == 1
        assert get_audit_changes(option.id, "option.asked_again") == {}

    def test_fifth_question_is_refused(self, event):
        package = make.package(event)
        first, *_ = [make.option(package) for _ in range(4)]
        retire(first)
        make.option(package)
        with assert_refused(Conflict, event) as refusal:
            ask_again(first)
        assert "4 options already" in str(refusal.value)

    @pytest.mark.parametrize("change", [ask_again, retire])
    def test_change_since_refuses_and_names_who(self, event, change):
        option = make.option(make.package(event))
        ana = make.staff(event=event, name="Ana Ruiz")
        db.write(lambda s: options.update(s, ana, option.package_id, option.id, {"label": "Vegan?"}, seen_version=None))
        work = options.ask_again if change is ask_again else options.retire
        with assert_refused(StaleVersion, event) as refusal:
            db.write(lambda s: work(s, OPERATOR, option.package_id, option.id, seen_version=1))
        assert refusal.value.changes[0].by == "Ana Ruiz"

    def test_viewer_is_refused(self, event):
        option = make.option(make.package(event))
        retire(option)
        with assert_refused(NotAllowed, event):
            ask_again(option, make.staff("viewer", event))


def test_order_that_changed_since_is_not_undone(event):
    package = make.package(event)
    ids = [make.option(package).id for _ in range(3)]
    arranged, ana = [ids[1], ids[0], ids[2]], make.staff(event=event, name="Ana Ruiz")
    db.write(lambda s: options.reorder(s, OPERATOR, package.id, arranged, seen_order=ids))
    db.write(lambda s: options.reorder(s, ana, package.id, [*arranged[::-1]]))
    with assert_refused(Conflict, event) as refusal:
        db.write(lambda s: options.reorder(s, OPERATOR, package.id, ids, seen_order=arranged))
    assert str(refusal.value).startswith("Ana Ruiz changed")
    db.write(lambda s: options.reorder(s, OPERATOR, package.id, ids, seen_order=arranged[::-1]))
    assert [option.id for option in list_active(package)] == ids

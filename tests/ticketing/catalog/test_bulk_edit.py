"""Several packages at once: the effect first, then all or nothing."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from tests.support import database_state, make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import bulk_edit, packages
from ticketing.catalog.bulk_edit import BulkEditRefused, PackageEdit
from ticketing.errors import NotAllowed, NotFound
from ticketing.models import AuditEntry


@pytest.fixture
def table(event):
    package = make.package(event, name="Table", price="100", quantity_limit=5)
    make.purchase(event, package, quantity=3)
    return package


@pytest.fixture
def single(event):
    return make.package(event, name="Single", price="40")


def edit(package, seen_version=1, **values):
    return PackageEdit(package.id, seen_version, values)


def change(event, *edits, actor=OPERATOR):
    return db.write(lambda session: bulk_edit.update(session, actor, event.id, edits))


def preview(event, *edits):
    before = database_state.snapshot(event)
    with db.read_session() as session:
        effects = bulk_edit.preview(session, OPERATOR, event.id, edits)
    assert database_state.snapshot(event) == before
    return effects


def stored(package):
    with db.read_session() as session:
        row = packages.get(session, OPERATOR, package.event_id, package.id)
        return row.price, row.quantity_limit, row.is_enabled, row.version


def test_all_are_changed_together(event, table, single):
    change(event, edit(table, price="120.50", quantity_limit=4), edit(single, is_enabled=False))
    assert stored(table) == (Decimal("120.50"), 4, True, 2)
    assert stored(single) == (Decimal("40.00"), None, False, 2)


def test_the_trail_has_them_as_one_change(event, table, single):
    change(event, edit(table, price="120"), edit(single, price="50"))
    with db.read_session() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.event_id == event.id, AuditEntry.action == "package.changed")
        ).all()
    assert {(e.subject_name, e.field, e.old_value, e.new_value) for e in entries} == {
        ("Table", "price", "100.00", "120.00"),
        ("Single", "price", "40.00", "50.00"),
    }
    assert len({entry.change_id for entry in entries}) == 1


def test_one_that_is_refused_stops_them_all(event, table, single):
    with database_state.assert_refused(BulkEditRefused, event) as refusal:
        change(event, edit(single, price="50"), edit(table, quantity_limit=2))
    assert str(refusal.value) == "Nothing was changed, because of Table."
    assert [(effect.name, effect.problem) for effect in refusal.value.effects] == [
        ("Table", "3 are sold already, so the limit cannot be 2. Enter 3 or more."),
        ("Single", None),
    ]


def test_what_a_colleague_changed_meanwhile_is_not_lost(event, table, single):
    ben = make.staff(event=event, name="Ben Okafor")
    db.write(lambda session: packages.update(session, ben, event.id, table.id, {"price": "90"}, seen_version=1))
    with database_state.assert_refused(BulkEditRefused, event) as refusal:
        change(event, edit(table, price="120"))
    assert refusal.value.effects[0].problem == "Ben Okafor changed Table after you opened it: price."


def test_an_edit_of_what_is_the_same_changes_nothing(event, table, single):
    before = database_state.snapshot(event)
    assert change(event, edit(table, price="100.00", is_enabled=True)) == []
    assert database_state.snapshot(event) == before


@pytest.mark.parametrize(
    ("values", "consequences"),
    [
        ({"price": "120"}, ("3 sold so far keep their price of $100.00 each.",)),
        ({"quantity_limit": 4}, ()),
        ({"quantity_limit": 3}, ("Sold out at once.",)),
        ({"is_enabled": False}, ("No longer for sale; what is sold stays sold.",)),
        (
            {"price": "1", "quantity_limit": None},
            ("3 sold so far keep their price of $100.00 each.",),
        ),
    ],
)
def test_the_effect_is_told_before(event, table, values, consequences):
    (effect,) = preview(event, edit(table, **values))
    assert (effect.consequences, effect.problem) == (consequences, None)
    assert {each.field for each in effect.changes} == set(values)


@pytest.mark.parametrize(
    ("limit", "sentence"), [(None, "No longer sold out, without a limit."), (5, "No longer sold out, with 2 left.")]
)
def test_a_package_that_was_sold_out_can_be_sold_again(event, limit, sentence):
    package = make.package(event, quantity_limit=3)
    make.purchase(event, package, quantity=3)
    (effect,) = preview(event, edit(package, quantity_limit=limit))
    assert effect.consequences == (sentence,)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"price": "1000000.01"}, "Enter a price from 0.00 to 1,000,000.00."),
        ({"price": ""}, "Enter a price."),
        ({"quantity_limit": 0}, "Enter 1 or more."),
        ({"quantity_limit": 10_001}, "Enter 10,000 or less."),
    ],
)
def test_an_invalid_value_is_told_before(event, single, values, problem):
    (effect,) = preview(event, edit(single, **values))
    assert effect.problem == problem


def test_only_price_limit_and_whether_it_is_on_sale_are_changed_here(event, single):
    assert preview(event, edit(single, name="Other", seats_per_package=9)) == []


def test_a_package_of_another_event_does_not_exist(event, single):
    stranger = make.package(make.event())
    with database_state.assert_refused(NotFound, event):
        change(event, edit(single, price="1"), edit(stranger, price="1"))


def test_only_who_may_change_the_event_changes_them(event, single):
    with database_state.assert_refused(NotAllowed, event):
        change(event, edit(single, price="1"), actor=make.staff(role="viewer", event=event))

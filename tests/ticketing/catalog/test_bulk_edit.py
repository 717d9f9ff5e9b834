"""Bulk edits: a preview of the effects, then all edits or none."""

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


def make_edit(package, seen_version=1, **values):
    return PackageEdit(package.id, seen_version, values)


def update_packages(event, *edits, actor=OPERATOR):
    return db.write(lambda session: bulk_edit.update(session, actor, event.id, edits))


def preview_edits(event, *edits):
    before = database_state.snapshot(event)
    with db.read_session() as session:
        effects = bulk_edit.preview(session, OPERATOR, event.id, edits)
    assert database_state.snapshot(event) == before
    return effects


def get_package(package):
    with db.read_session() as session:
        row = packages.get(session, OPERATOR, package.event_id, package.id)
        return row.price, row.quantity_limit, row.is_enabled, row.version


def test_all_edits_are_saved_together(event, table, single):
    update_packages(event, make_edit(table, price="120.50", quantity_limit=4), make_edit(single, is_enabled=False))
    assert get_package(table) == (Decimal("120.50"), 4, True, 2)
    assert get_package(single) == (Decimal("40.00"), None, False, 2)


def test_audit_log_has_one_change_for_all_edits(event, table, single):
    update_packages(event, make_edit(table, price="120"), make_edit(single, price="50"))
    with db.read_session() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.event_id == event.id, AuditEntry.action == "package.changed")
        ).all()
    assert {(e.subject_name, e.field, e.old_value, e.new_value) for e in entries} == {
        ("Table", "price", "100.00", "120.00"),
        ("Single", "price", "40.00", "50.00"),
    }
    assert len({entry.change_id for entry in entries}) == 1


def test_one_refused_edit_refuses_all(event, table, single):
    with database_state.assert_refused(BulkEditRefused, event) as refusal:
        update_packages(event, make_edit(single, price="50"), make_edit(table, quantity_limit=2))
    assert str(refusal.value) == "Nothing was changed, because of Table."
    assert [(effect.name, effect.problem) for effect in refusal.value.effects] == [
        ("Table", "3 are sold already, so the limit cannot be 2. Enter 3 or more."),
        ("Single", None),
    ]


def test_stale_edit_is_refused(event, table, single):
    ben = make.staff(event=event, name="Ben Okafor")
    db.write(lambda session: packages.update(session, ben, event.id, table.id, {"price": "90"}, seen_version=1))
    with database_state.assert_refused(BulkEditRefused, event) as refusal:
        update_packages(event, make_edit(table, price="120"))
    assert refusal.value.effects[0].problem == "Ben Okafor changed Table after you opened it: price."


def test_edit_with_current_values_changes_nothing(event, table, single):
    before = database_state.snapshot(event)
    assert update_packages(event, make_edit(table, price="100.00", is_enabled=True)) == []
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
def test_preview_returns_the_consequences(event, table, values, consequences):
    (effect,) = preview_edits(event, make_edit(table, **values))
    assert (effect.consequences, effect.problem) == (consequences, None)
    assert {each.field for each in effect.changes} == set(values)


@pytest.mark.parametrize(
    ("limit", "sentence"), [(None, "No longer sold out, without a limit."), (5, "No longer sold out, with 2 left.")]
)
def test_preview_of_raised_limit_says_no_longer_sold_out(event, limit, sentence):
    package = make.package(event, quantity_limit=3)
    make.purchase(event, package, quantity=3)
    (effect,) = preview_edits(event, make_edit(package, quantity_limit=limit))
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
def test_preview_returns_the_problem_of_an_invalid_value(event, single, values, problem):
    (effect,) = preview_edits(event, make_edit(single, **values))
    assert effect.problem == problem


def test_other_fields_are_ignored(event, single):
    assert preview_edits(event, make_edit(single, name="Other", seats_per_package=9)) == []


def test_package_of_another_event_is_not_found(event, single):
    stranger = make.package(make.event())
    with database_state.assert_refused(NotFound, event):
        update_packages(event, make_edit(single, price="1"), make_edit(stranger, price="1"))


def test_update_requires_permission_to_change_the_event(event, single):
    with database_state.assert_refused(NotAllowed, event):
        update_packages(event, make_edit(single, price="1"), actor=make.staff(role="viewer", event=event))

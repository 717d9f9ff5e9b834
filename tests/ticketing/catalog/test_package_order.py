"""The display order: saved whole, exact, and told when somebody else arranged meanwhile."""

import pytest

from tests.support import database_state, make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import package_order, packages
from ticketing.errors import InvalidInput, NotAllowed, NotFound, PackageOrderChanged


@pytest.fixture
def three(event):
    return [make.package(event, name=name, price=price) for name, price in (("A", "50"), ("B", "20"), ("C", "20"))]


def arrange(event, wanted, actor=OPERATOR, **seen):
    ids = [getattr(each, "id", each) for each in wanted]
    return db.write(lambda session: package_order.reorder(session, actor, event.id, ids, **seen))


def order(event):
    with db.read_session() as session:
        return list(packages.list_names(session, OPERATOR, event.id).values())


def test_new_packages_come_last(event, three):
    assert order(event) == ["A", "B", "C"]
    make.package(event, name="D")
    assert order(event) == ["A", "B", "C", "D"]


def test_the_order_is_saved_whole(event, three):
    a, b, c = three
    after = arrange(event, [c, a, b])
    assert [(package.name, package.display_order) for package in after] == [("C", 1), ("A", 2), ("B", 3)]
    assert order(event) == ["C", "A", "B"]


def test_every_list_has_the_same_order(event, three):
    a, b, c = three
    arrange(event, [b, c, a])
    with db.read_session() as session:
        page, _ = packages.list_page(session, OPERATOR, event.id)
        offer = packages.list_enabled(session, OPERATOR, event.id)
    assert [row.name for row in page] == [row.name for row in offer] == order(event) == ["B", "C", "A"]


def test_arranging_is_one_entry_in_the_trail(event, three):
    a, b, c = three
    arrange(event, [a, c, b])
    assert database_state.get_audit_changes(event.id, "event.packages_arranged") == {
        "package_order": (["A", "B", "C"], ["A", "C", "B"])
    }


def test_arranging_does_not_disturb_an_editor(event, three):
    a, b, c = three
    arrange(event, [c, b, a])
    db.write(lambda session: packages.update(session, OPERATOR, event.id, a.id, {"price": "51"}, seen_version=1))


def test_the_order_that_is_there_changes_nothing(event, three):
    before = database_state.snapshot(event)
    arrange(event, three)
    assert database_state.snapshot(event) == before


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (lambda a, b, c: [a, b], "Missing from the list: C. Name every package of the event."),
        (lambda a, b, c: [a, b, c, b], "Listed more than once: B. Name each package once."),
        (lambda a, b, c: [], "Missing from the list: A, B, C. Name every package of the event."),
    ],
)
def test_a_list_that_is_not_exactly_the_packages_is_refused(event, three, wanted, sentence):
    with database_state.assert_refused(InvalidInput, event) as refusal:
        arrange(event, wanted(*three))
    assert refusal.value.fields == {"package_ids": sentence}


def test_a_package_of_another_event_is_foreign(event, three):
    stranger = make.package(make.event())
    with database_state.assert_refused(InvalidInput, event) as refusal:
        arrange(event, [*three, stranger])
    assert refusal.value.fields == {"package_ids": f"Not packages of this event: {stranger.id}."}


def test_who_arranged_meanwhile_is_named_and_nothing_is_lost(event, three):
    a, b, c = three
    ben = make.staff(event=event, name="Ben Okafor")
    seen = [a.id, b.id, c.id]
    arrange(event, [c, b, a], ben, seen_order=seen)
    with database_state.assert_refused(PackageOrderChanged, event) as refusal:
        arrange(event, [b, a, c], seen_order=seen)
    assert "Ben Okafor changed the order" in str(refusal.value)
    arrange(event, [b, a, c], seen_order=[c.id, b.id, a.id])
    assert order(event) == ["B", "A", "C"]


def test_a_package_added_meanwhile_is_noticed_and_nobody_is_said_to_have_arranged(event, three):
    a, b, c = three
    arrange(event, [c, b, a])
    seen = [c.id, b.id, a.id]
    make.package(event)
    with database_state.assert_refused(PackageOrderChanged, event) as refusal:
        arrange(event, three, seen_order=seen)
    assert str(refusal.value) == "Packages were added or deleted in the meantime. Check the list, then arrange again."


def test_only_who_may_change_the_event_arranges_it(event, three):
    with database_state.assert_refused(NotAllowed, event):
        arrange(event, reversed(three), make.staff(role="viewer", event=event))
    with database_state.assert_refused(NotFound, event):
        arrange(event, reversed(three), make.staff())


def test_sorting_by_price_keeps_equal_prices_as_they_stand(three):
    a, b, c = three
    assert package_order.sort_by_price(three) == [b.id, c.id, a.id]
    assert package_order.sort_by_price(three, descending=True) == [a.id, b.id, c.id]
    assert package_order.sort_by_price([c, b, a]) == [c.id, b.id, a.id]

"""The display order: saved as a whole, exact, and refused when it changed in the meantime."""

import pytest

from tests.support import database_state, make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import package_order, packages
from ticketing.errors import InvalidInput, NotAllowed, NotFound, PackageOrderChanged


@pytest.fixture
def three(event):
    return [make.package(event, name=name, price=price) for name, price in (("A", "50"), ("B", "20"), ("C", "20"))]


def reorder(event, wanted, actor=OPERATOR, **seen):
    ids = [getattr(each, "id", each) for each in wanted]
    return db.write(lambda session: package_order.reorder(session, actor, event.id, ids, **seen))


def list_order(event):
    with db.read_session() as session:
        return list(packages.list_names(session, OPERATOR, event.id).values())


def test_new_package_comes_last(event, three):
    assert list_order(event) == ["A", "B", "C"]
    make.package(event, name="D")
    assert list_order(event) == ["A", "B", "C", "D"]


def test_whole_order_is_saved(event, three):
    a, b, c = three
    after = reorder(event, [c, a, b])
    assert [(package.name, package.display_order) for package in after] == [("C", 1), ("A", 2), ("B", 3)]
    assert list_order(event) == ["C", "A", "B"]


def test_every_list_uses_the_order(event, three):
    a, b, c = three
    reorder(event, [b, c, a])
    with db.read_session() as session:
        page, _ = packages.list_page(session, OPERATOR, event.id)
        offer = packages.list_enabled(session, OPERATOR, event.id)
    assert [row.name for row in page] == [row.name for row in offer] == list_order(event) == ["B", "C", "A"]


def test_reordering_is_one_audit_entry(event, three):
    a, b, c = three
    reorder(event, [a, c, b])
    assert database_state.get_audit_changes(event.id, "event.packages_arranged") == {
        "package_order": (["A", "B", "C"], ["A", "C", "B"])
    }


def test_reordering_is_no_conflict_for_an_open_form(event, three):
    a, b, c = three
    reorder(event, [c, b, a])
    db.write(lambda session: packages.update(session, OPERATOR, event.id, a.id, {"price": "51"}, seen_version=1))


def test_current_order_changes_nothing(event, three):
    before = database_state.snapshot(event)
    reorder(event, three)
    assert database_state.snapshot(event) == before


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (lambda a, b, c: [a, b], "Missing from the list: C. Name every package of the event."),
        (lambda a, b, c: [a, b, c, b], "Listed more than once: B. Name each package once."),
        (lambda a, b, c: [], "Missing from the list: A, B, C. Name every package of the event."),
    ],
)
def test_list_that_is_not_exactly_the_packages_is_refused(event, three, wanted, sentence):
    with database_state.assert_refused(InvalidInput, event) as refusal:
        reorder(event, wanted(*three))
    assert refusal.value.fields == {"package_ids": sentence}


def test_package_of_another_event_is_refused(event, three):
    stranger = make.package(make.event())
    with database_state.assert_refused(InvalidInput, event) as refusal:
        reorder(event, [*three, stranger])
    assert refusal.value.fields == {"package_ids": f"Not packages of this event: {stranger.id}."}


def test_conflict_names_the_other_person_and_changes_nothing(event, three):
    a, b, c = three
    ben = make.staff(event=event, name="Ben Okafor")
    seen = [a.id, b.id, c.id]
    reorder(event, [c, b, a], ben, seen_order=seen)
    with database_state.assert_refused(PackageOrderChanged, event) as refusal:
        reorder(event, [b, a, c], seen_order=seen)
    assert "Ben Okafor changed the order" in str(refusal.value)
    reorder(event, [b, a, c], seen_order=[c.id, b.id, a.id])
    assert list_order(event) == ["B", "A", "C"]


def test_added_package_is_a_conflict_without_a_name(event, three):
    a, b, c = three
    reorder(event, [c, b, a])
    seen = [c.id, b.id, a.id]
    make.package(event)
    with database_state.assert_refused(PackageOrderChanged, event) as refusal:
        reorder(event, three, seen_order=seen)
    assert str(refusal.value) == "Packages were added or deleted in the meantime. Check the list, then arrange again."


def test_reordering_requires_permission_to_change_the_event(event, three):
    with database_state.assert_refused(NotAllowed, event):
        reorder(event, reversed(three), make.staff(role="viewer", event=event))
    with database_state.assert_refused(NotFound, event):
        reorder(event, reversed(three), make.staff())


def test_sorting_by_price_is_stable(three):
    a, b, c = three
    assert package_order.sort_by_price(three) == [b.id, c.id, a.id]
    assert package_order.sort_by_price(three, descending=True) == [a.id, b.id, c.id]
    assert package_order.sort_by_price([c, b, a]) == [c.id, b.id, a.id]


class TestReorderSome:
    """Some packages, as a filter or a page of the list shows them, in the places that they have among all."""

    @pytest.fixture
    def by_name(self, event):
        return {name: make.package(event, name=name) for name in "ABCDE"}

    @staticmethod
    def reorder_some(event, by_name, wanted, seen, actor=OPERATOR):
        ids, seen_ids = ([by_name[name].id for name in names] for names in (wanted, seen))
        return db.write(lambda session: package_order.reorder_some(session, actor, event.id, ids, seen_order=seen_ids))

    @pytest.mark.parametrize(
        ("seen", "wanted", "order"),
        [
            ("ABCDE", "EABCD", "EABCD"),
            ("BD", "DB", "ADCBE"),
            ("ACE", "ECA", "EBCDA"),
            ("ACE", "CEA", "CBEDA"),
            ("DE", "ED", "ABCED"),
            ("AB", "AB", "ABCDE"),
            ("C", "C", "ABCDE"),
        ],
    )
    def test_the_others_keep_their_places(self, event, by_name, seen, wanted, order):
        after = self.reorder_some(event, by_name, wanted, seen)
        assert "".join(package.name for package in after) == "".join(list_order(event)) == order

    def test_it_is_undone_by_the_order_before(self, event, by_name):
        self.reorder_some(event, by_name, "ECA", "ACE")
        self.reorder_some(event, by_name, "ACE", "ECA")
        assert list_order(event) == list("ABCDE")

    def test_a_change_of_others_is_no_conflict(self, event, by_name):
        self.reorder_some(event, by_name, "DB", "BD")
        self.reorder_some(event, by_name, "ECA", "ACE")
        assert list_order(event) == list("EDCBA")

    def test_another_order_of_the_same_is_a_conflict(self, event, by_name):
        bea = make.staff(event=event, name="Bea Colleague")
        self.reorder_some(event, by_name, "CA", "AC", bea)
        with database_state.assert_refused(PackageOrderChanged, event) as refusal:
            self.reorder_some(event, by_name, "ECA", "ACE")
        assert refusal.value.by == "Bea Colleague"

    def test_a_deleted_package_is_a_conflict_without_a_name(self, event, by_name):
        db.write(lambda session: packages.delete(session, OPERATOR, event.id, by_name["C"].id))
        with database_state.assert_refused(PackageOrderChanged, event) as refusal:
            self.reorder_some(event, by_name, "ECA", "ACE")
        assert refusal.value.by is None

    @pytest.mark.parametrize(("wanted", "seen"), [("EC", "ACE"), ("ECAA", "ACE"), ("ECB", "ACE")])
    def test_both_orders_must_have_the_same_packages(self, event, by_name, wanted, seen):
        with database_state.assert_refused(InvalidInput, event):
            self.reorder_some(event, by_name, wanted, seen)

    def test_viewer_and_stranger_are_refused(self, event, by_name):
        for actor, kind in ((make.staff("viewer", event), NotAllowed), (make.staff(), NotFound)):
            with database_state.assert_refused(kind, event):
                self.reorder_some(event, by_name, "BA", "AB", actor)

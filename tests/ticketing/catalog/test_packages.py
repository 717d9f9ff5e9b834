from decimal import Decimal

import pytest
from sqlalchemy import func, select

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.catalog.packages import PackageDraft
from ticketing.errors import (
    DuplicateName,
    HasSales,
    InvalidInput,
    LimitBelowSold,
    NotAllowed,
    NotFound,
    StaleVersion,
)
from ticketing.models import AuditEntry, Option, Package
from ticketing.validation import validate

VALID = {"name": "Table", "price": "100", "seats_per_package": 10, "description": "Ten seats."}


def refused(**values):
    with pytest.raises(InvalidInput) as refusal:
        validate(PackageDraft, VALID | values)
    return refusal.value.fields


def change(package, actor=OPERATOR, *, seen_version=None, event_id=None, **values):
    seen = package.version if seen_version is None else seen_version
    return db.write(
        lambda session: packages.update(
            session, actor, event_id or package.event_id, package.id, values, seen_version=seen
        )
    )


def set_enabled(package, enabled, actor=OPERATOR):
    return db.write(lambda session: packages.set_enabled(session, actor, package.event_id, package.id, enabled=enabled))


def delete(package, actor=OPERATOR):
    db.write(lambda session: packages.delete(session, actor, package.event_id, package.id))


def stored(package, actor=OPERATOR):
    with db.read_session() as session:
        return packages.get(session, actor, package.event_id, package.id)


def listed(event, **options):
    with db.read_session() as session:
        return packages.list_page(session, OPERATOR, event.id, **options)


def trail(package):
    with db.read_session() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == package.id).order_by(AuditEntry.id))
        return [(row.action, row.field, row.old_value, row.new_value) for row in rows]


def number_of_packages(event):
    with db.read_session() as session:
        return session.scalar(select(func.count()).where(Package.event_id == event.id))


@pytest.mark.parametrize(
    ("field", "accepted", "turned_down"),
    [
        ("name", ["x", "x" * 100], ["", "   ", "x" * 101]),
        ("price", ["0", "0.00", "0.01", "99.99", "1000000", "1000000.00"], ["-0.01", "1000000.01", "1.001", "", "$5"]),
        ("seats_per_package", [1, 100, "7"], [0, 101, -1, 1.5, "many", None]),
        ("description", ["x", "x" * 1000], ["", "\n", "x" * 1001]),
        ("quantity_limit", [1, 10_000, None, ""], [0, 10_001, -1, 2.5]),
        ("is_sponsorship", [True, False], ["perhaps", None]),
        ("is_enabled", [True, False], ["perhaps", None]),
    ],
)
def test_every_field_takes_what_its_rule_allows_and_nothing_else(field, accepted, turned_down):
    for value in accepted:
        validate(PackageDraft, VALID | {field: value})
    for value in turned_down:
        assert set(refused(**{field: value})) == {field}, value


def test_defaults_are_unlimited_not_a_sponsorship_and_on_sale():
    draft = validate(PackageDraft, VALID)
    assert (draft.quantity_limit, draft.is_sponsorship, draft.is_enabled) == (None, False, True)


def test_a_new_package_stands_last(event):
    first, second = make.package(event), make.package(event)
    assert (first.display_order, second.display_order) == (1, 2)
    assert (first.sold_count, first.version) == (0, 1)
    assert [row.id for row in listed(event)[0]] == [first.id, second.id]


def test_a_new_package_stands_last_even_after_others_were_removed(event):
    first, second, third = (make.package(event) for _ in range(3))
    delete(second)
    fourth = make.package(event)
    assert [row.id for row in listed(event)[0]] == [first.id, third.id, fourth.id]


def test_what_is_stored_is_what_was_entered(event):
    package = make.package(
        event, name=" Gold  Table ", price="1250.50", seats_per_package=10, quantity_limit=20, is_sponsorship=True
    )
    row = stored(package)
    assert (row.name, row.price, row.seats_per_package) == ("Gold Table", Decimal("1250.50"), 10)
    assert (row.quantity_limit, row.is_sponsorship, row.available, row.is_sold_out) == (20, True, 20, False)


@pytest.mark.parametrize("same", ["VIP Table", "vip table", " VIP  TABLE ", "ＶＩＰ Table"])
def test_two_packages_of_an_event_cannot_carry_the_same_name(event, same):
    make.package(event, name="VIP Table")
    with pytest.raises(DuplicateName):
        make.package(event, name=same)
    assert number_of_packages(event) == 1


def test_the_name_may_be_used_in_another_event_and_again_after_deletion(event):
    package = make.package(event, name="VIP Table")
    make.package(make.event(), name="VIP Table")
    delete(package)
    assert make.package(event, name="VIP Table").name == "VIP Table"


def test_a_package_cannot_take_the_name_of_another(event):
    make.package(event, name="Gold")
    package = make.package(event, name="Silver")
    with pytest.raises(DuplicateName):
        change(package, name="GOLD")
    assert (stored(package).name, stored(package).version) == ("Silver", 1)
    assert change(package, name="SILVER").name == "SILVER"


def test_a_change_raises_the_version_and_tells_the_log_each_field(event):
    package = make.package(event, name="Gold", price="100")
    changed = change(package, price="120.5", quantity_limit=5)
    assert (changed.version, changed.price, changed.quantity_limit) == (2, Decimal("120.50"), 5)
    assert trail(package)[-2:] == [
        ("package.changed", "price", "100.00", "120.50"),
        ("package.changed", "quantity_limit", None, 5),
    ]


def test_a_change_of_nothing_is_no_change(event):
    package = make.package(event)
    before = trail(package)
    assert change(package, name=package.name, price="100").version == 1
    assert trail(package) == before


def test_a_change_that_breaks_a_rule_changes_nothing(event):
    package = make.package(event)
    with pytest.raises(InvalidInput) as refusal:
        change(package, price="-1", seats_per_package=0, description="New")
    assert set(refusal.value.fields) == {"price", "seats_per_package"}
    assert (stored(package).description, stored(package).version) == (package.description, 1)


def test_fields_that_are_not_for_editing_are_left_alone(event):
    package = make.package(event)
    assert change(package, sold_count=5, display_order=9, id=event.id).version == 1
    assert (stored(package).sold_count, stored(package).display_order) == (0, 1)


def test_the_second_to_save_is_told_who_changed_what_field_by_field(event):
    package = make.package(event, name="Gold", price="100")
    ana, ben = (make.staff(event=event, name=name) for name in ("Ana Ruiz", "Ben Ode"))
    change(package, ana, price="120")
    change(package, ben, seen_version=2, price="130", name="Gold Table")
    with pytest.raises(StaleVersion) as refusal:
        change(package, seen_version=1, price="90", description="Mine")
    assert refusal.value.current_version == 3
    assert [(c.field, c.old, c.new, c.by) for c in refusal.value.changes] == [
        ("price", "100.00", "120.00", "Ana Ruiz"),
        ("name", "Gold", "Gold Table", "Ben Ode"),
        ("price", "120.00", "130.00", "Ben Ode"),
    ]
    assert "Ana Ruiz, Ben Ode" in str(refusal.value)
    assert stored(package).description == package.description


def test_only_what_happened_after_one_looked_is_told(event):
    package = make.package(event, price="100")
    change(package, price="120")
    change(package, seen_version=2, price="130")
    with pytest.raises(StaleVersion) as refusal:
        change(package, seen_version=2, price="90")
    assert [(c.old, c.new) for c in refusal.value.changes] == [("120.00", "130.00")]


def test_a_version_from_the_future_is_stale_too(event):
    package = make.package(event)
    with pytest.raises(StaleVersion):
        change(package, seen_version=2, price="90")


def test_after_reading_the_new_version_the_same_change_is_taken(event):
    package = make.package(event, price="100")
    change(package, price="120")
    assert change(package, seen_version=2, price="90").version == 3


def test_a_sale_does_not_disturb_an_editor(event):
    package = make.package(event, quantity_limit=5)
    make.purchase(event, package, quantity=2)
    assert change(package, price="120").version == 2
    assert stored(package).sold_count == 2


def test_past_purchases_keep_their_price(event):
    package = make.package(event, price="100")
    before = make.purchase(event, package).purchase
    change(package, price="120")
    after = make.purchase(event, package).purchase
    assert (before.total, after.total) == (Decimal(100), Decimal(120))


def test_the_limit_can_be_lowered_to_what_is_sold_and_not_below(event):
    package = make.package(event, quantity_limit=10)
    make.purchase(event, package, quantity=3)
    with pytest.raises(LimitBelowSold, match="3 are sold already, so the limit cannot be 2"):
        change(package, quantity_limit=2)
    assert (stored(package).quantity_limit, stored(package).version) == (10, 1)
    assert change(package, quantity_limit=3).is_sold_out
    assert change(package, seen_version=2, quantity_limit=None).available is None


def test_an_unlimited_package_cannot_be_limited_below_what_is_sold(event):
    package = make.package(event)
    make.purchase(event, package, quantity=3)
    with pytest.raises(LimitBelowSold):
        change(package, quantity_limit=1)


def test_disabling_and_enabling_twice_is_once(event):
    package = make.package(event)
    assert [set_enabled(package, False).version for _ in range(2)] == [2, 2]
    assert not stored(package).is_enabled
    assert [set_enabled(package, True).version for _ in range(2)] == [3, 3]
    assert trail(package)[-2:] == [
        ("package.changed", "is_enabled", True, False),
        ("package.changed", "is_enabled", False, True),
    ]


def test_a_disabled_package_is_listed_for_staff_and_not_on_offer(event):
    first, second = make.package(event), make.package(event, quantity_limit=1)
    set_enabled(first, False)
    make.purchase(event, second)
    with db.read_session() as session:
        on_offer = packages.list_enabled(session, OPERATOR, event.id)
    assert [(row.id, row.is_sold_out) for row in on_offer] == [(second.id, True)]
    assert listed(event)[1] == 2


def test_a_package_nobody_bought_is_deleted_with_its_options_and_the_log_keeps_it(event):
    package = make.package(event, name="Gold")
    option = make.option(package)
    delete(package)
    with pytest.raises(NotFound):
        stored(package)
    with db.read_session() as session:
        assert session.get(Option, option.id) is None
    assert ("package.deleted", "name", "Gold", None) in trail(package)


@pytest.mark.parametrize("status", ["completed", "pending"])
def test_a_package_with_a_purchase_is_never_deleted(event, status):
    package = make.package(event)
    make.purchase(event, package, payment_status=status)
    with pytest.raises(HasSales, match="Take it off sale instead"):
        delete(package)
    assert stored(package).version == 1


def test_the_list_has_20_packages_a_page_and_room_for_50(event):
    made = [make.package(event).id for _ in range(50)]
    pages = [listed(event, page=page) for page in (1, 2, 3, 4)]
    assert [len(rows) for rows, _ in pages] == [20, 20, 10, 0]
    assert {total for _, total in pages} == {50}
    assert [row.id for rows, _ in pages for row in rows] == made


def test_a_viewer_sees_packages_and_changes_none(event):
    package = make.package(event)
    viewer = make.staff(role="viewer", event=event)
    assert stored(package, viewer).id == package.id
    for attempt in (
        lambda: make.package(event, viewer),
        lambda: change(package, viewer, price="1"),
        lambda: set_enabled(package, False, viewer),
        lambda: delete(package, viewer),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert number_of_packages(event) == 1
    assert (stored(package).version, stored(package).is_enabled) == (1, True)


def test_the_packages_of_an_event_one_is_not_assigned_to_do_not_exist(event):
    package = make.package(event)
    stranger = make.staff(event=make.event())
    for attempt in (
        lambda: make.package(event, stranger),
        lambda: stored(package, stranger),
        lambda: change(package, stranger, price="1"),
        lambda: set_enabled(package, False, stranger),
        lambda: delete(package, stranger),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert stored(package).version == 1


def test_a_package_is_not_reached_through_another_event_of_the_same_person(event):
    package, elsewhere = make.package(event), make.event()
    for function in (packages.get, packages.delete):
        with pytest.raises(NotFound):
            db.write(lambda session, call=function: call(session, OPERATOR, elsewhere.id, package.id))
    with pytest.raises(NotFound):
        change(package, event_id=elsewhere.id, price="1")
    assert stored(package).price == Decimal(100)

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


def get_problems(**values):
    with pytest.raises(InvalidInput) as refusal:
        validate(PackageDraft, VALID | values)
    return refusal.value.fields


def update_package(package, actor=OPERATOR, *, seen_version=None, event_id=None, **values):
    seen = package.version if seen_version is None else seen_version
    return db.write(
        lambda session: packages.update(
            session, actor, event_id or package.event_id, package.id, values, seen_version=seen
        )
    )


def set_enabled(package, enabled, actor=OPERATOR):
    return db.write(lambda session: packages.set_enabled(session, actor, package.event_id, package.id, enabled=enabled))


def delete_package(package, actor=OPERATOR):
    db.write(lambda session: packages.delete(session, actor, package.event_id, package.id))


def get_package(package, actor=OPERATOR):
    with db.read_session() as session:
        return packages.get(session, actor, package.event_id, package.id)


def list_names(event, **options):
    with db.read_session() as session:
        return packages.list_page(session, OPERATOR, event.id, **options)


def list_audit_changes(package):
    with db.read_session() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == package.id).order_by(AuditEntry.id))
        return [(row.action, row.field, row.old_value, row.new_value) for row in rows]


def count_packages(event):
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
def test_field_limits_are_exact(field, accepted, turned_down):
    for value in accepted:
        validate(PackageDraft, VALID | {field: value})
    for value in turned_down:
        assert set(get_problems(**{field: value})) == {field}, value


def test_defaults():
    draft = validate(PackageDraft, VALID)
    assert (draft.quantity_limit, draft.is_sponsorship, draft.is_enabled) == (None, False, True)


def test_new_package_comes_last(event):
    first, second = make.package(event), make.package(event)
    assert (first.display_order, second.display_order) == (1, 2)
    assert (first.sold_count, first.version) == (0, 1)
    assert [row.id for row in list_names(event)[0]] == [first.id, second.id]


def test_new_package_comes_last_after_deletions(event):
    first, second, third = (make.package(event) for _ in range(3))
    delete_package(second)
    fourth = make.package(event)
    assert [row.id for row in list_names(event)[0]] == [first.id, third.id, fourth.id]


def test_stored_values_are_the_entered_ones(event):
    package = make.package(
        event, name=" Gold  Table ", price="1250.50", seats_per_package=10, quantity_limit=20, is_sponsorship=True
    )
    row = get_package(package)
    assert (row.name, row.price, row.seats_per_package) == ("Gold Table", Decimal("1250.50"), 10)
    assert (row.quantity_limit, row.is_sponsorship, row.available, row.is_sold_out) == (20, True, 20, False)


@pytest.mark.parametrize("same", ["VIP Table", "vip table", " VIP  TABLE ", "ＶＩＰ Table"])
def test_name_is_unique_within_an_event(event, same):
    make.package(event, name="VIP Table")
    with pytest.raises(DuplicateName):
        make.package(event, name=same)
    assert count_packages(event) == 1


def test_name_is_free_in_other_events_and_after_deletion(event):
    package = make.package(event, name="VIP Table")
    make.package(make.event(), name="VIP Table")
    delete_package(package)
    assert make.package(event, name="VIP Table").name == "VIP Table"


def test_update_to_a_used_name_is_refused(event):
    make.package(event, name="Gold")
    package = make.package(event, name="Silver")
    with pytest.raises(DuplicateName):
        update_package(package, name="GOLD")
    assert (get_package(package).name, get_package(package).version) == ("Silver", 1)
    assert update_package(package, name="SILVER").name == "SILVER"


def test_update_raises_the_version_and_is_in_the_audit_log(event):
    package = make.package(event, name="Gold", price="100")
    changed = update_package(package, price="120.5", quantity_limit=5)
    assert (changed.version, changed.price, changed.quantity_limit) == (2, Decimal("120.50"), 5)
    assert list_audit_changes(package)[-2:] == [
        ("package.changed", "price", "100.00", "120.50"),
        ("package.changed", "quantity_limit", None, 5),
    ]


def test_update_with_current_values_changes_nothing(event):
    package = make.package(event)
    before = list_audit_changes(package)
    assert update_package(package, name=package.name, price="100").version == 1
    assert list_audit_changes(package) == before


def test_invalid_update_changes_nothing(event):
    package = make.package(event)
    with pytest.raises(InvalidInput) as refusal:
        update_package(package, price="-1", seats_per_package=0, description="New")
    assert set(refusal.value.fields) == {"price", "seats_per_package"}
    assert (get_package(package).description, get_package(package).version) == (package.description, 1)


def test_other_fields_are_ignored(event):
    package = make.package(event)
    assert update_package(package, sold_count=5, display_order=9, id=event.id).version == 1
    assert (get_package(package).sold_count, get_package(package).display_order) == (0, 1)


def test_stale_version_is_refused_with_the_changes_by_field(event):
    package = make.package(event, name="Gold", price="100")
    ana, ben = (make.staff(event=event, name=name) for name in ("Ana Ruiz", "Ben Ode"))
    update_package(package, ana, price="120")
    update_package(package, ben, seen_version=2, price="130", name="Gold Table")
    with pytest.raises(StaleVersion) as refusal:
        update_package(package, seen_version=1, price="90", description="Mine")
    assert refusal.value.current_version == 3
    assert [(c.field, c.old, c.new, c.by) for c in refusal.value.changes] == [
        ("price", "100.00", "120.00", "Ana Ruiz"),
        ("name", "Gold", "Gold Table", "Ben Ode"),
        ("price", "120.00", "130.00", "Ben Ode"),
    ]
    assert "Ana Ruiz, Ben Ode" in str(refusal.value)
    assert get_package(package).description == package.description


def test_stale_version_lists_only_later_changes(event):
    package = make.package(event, price="100")
    update_package(package, price="120")
    update_package(package, seen_version=2, price="130")
    with pytest.raises(StaleVersion) as refusal:
        update_package(package, seen_version=2, price="90")
    assert [(c.old, c.new) for c in refusal.value.changes] == [("120.00", "130.00")]


def test_version_from_the_future_is_stale(event):
    package = make.package(event)
    with pytest.raises(StaleVersion):
        update_package(package, seen_version=2, price="90")


def test_retry_with_the_current_version_is_saved(event):
    package = make.package(event, price="100")
    update_package(package, price="120")
    assert update_package(package, seen_version=2, price="90").version == 3


def test_sale_is_no_conflict_for_an_open_form(event):
    package = make.package(event, quantity_limit=5)
    make.purchase(event, package, quantity=2)
    assert update_package(package, price="120").version == 2
    assert get_package(package).sold_count == 2


def test_past_purchases_keep_their_price(event):
    package = make.package(event, price="100")
    before = make.purchase(event, package).purchase
    update_package(package, price="120")
    after = make.purchase(event, package).purchase
    assert (before.total, after.total) == (Decimal(100), Decimal(120))


def test_limit_cannot_go_below_what_is_sold(event):
    package = make.package(event, quantity_limit=10)
    make.purchase(event, package, quantity=3)
    with pytest.raises(LimitBelowSold, match="3 are sold already, so the limit cannot be 2"):
        update_package(package, quantity_limit=2)
    assert (get_package(package).quantity_limit, get_package(package).version) == (10, 1)
    assert update_package(package, quantity_limit=3).is_sold_out
    assert update_package(package, seen_version=2, quantity_limit=None).available is None


def test_new_limit_cannot_be_below_what_is_sold(event):
    package = make.package(event)
    make.purchase(event, package, quantity=3)
    with pytest.raises(LimitBelowSold):
        update_package(package, quantity_limit=1)


def test_enabling_and_disabling_are_idempotent(event):
    package = make.package(event)
    assert [set_enabled(package, False).version for _ in range(2)] == [2, 2]
    assert not get_package(package).is_enabled
    assert [set_enabled(package, True).version for _ in range(2)] == [3, 3]
    assert list_audit_changes(package)[-2:] == [
        ("package.changed", "is_enabled", True, False),
        ("package.changed", "is_enabled", False, True),
    ]


def test_disabled_package_is_listed_but_not_for_sale(event):
    first, second = make.package(event), make.package(event, quantity_limit=1)
    set_enabled(first, False)
    make.purchase(event, second)
    with db.read_session() as session:
        on_offer = packages.list_enabled(session, OPERATOR, event.id)
    assert [(row.id, row.is_sold_out) for row in on_offer] == [(second.id, True)]
    assert list_names(event)[1] == 2


def test_unsold_package_is_deleted_with_its_options_and_kept_in_the_audit_log(event):
    package = make.package(event, name="Gold")
    option = make.option(package)
    delete_package(package)
    with pytest.raises(NotFound):
        get_package(package)
    with db.read_session() as session:
        assert session.get(Option, option.id) is None
    assert ("package.deleted", "name", "Gold", None) in list_audit_changes(package)


@pytest.mark.parametrize("status", ["completed", "pending"])
def test_package_with_purchases_cannot_be_deleted(event, status):
    package = make.package(event)
    make.purchase(event, package, payment_status=status)
    with pytest.raises(HasSales, match="Take it off sale instead"):
        delete_package(package)
    assert get_package(package).version == 1


def test_list_has_20_packages_per_page(event):
    made = [make.package(event).id for _ in range(50)]
    pages = [list_names(event, page=page) for page in (1, 2, 3, 4)]
    assert [len(rows) for rows, _ in pages] == [20, 20, 10, 0]
    assert {total for _, total in pages} == {50}
    assert [row.id for rows, _ in pages for row in rows] == made


def test_viewer_reads_but_cannot_change(event):
    package = make.package(event)
    viewer = make.staff(role="viewer", event=event)
    assert get_package(package, viewer).id == package.id
    for attempt in (
        lambda: make.package(event, viewer),
        lambda: update_package(package, viewer, price="1"),
        lambda: set_enabled(package, False, viewer),
        lambda: delete_package(package, viewer),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert count_packages(event) == 1
    assert (get_package(package).version, get_package(package).is_enabled) == (1, True)


def test_packages_of_an_unassigned_event_are_not_found(event):
    package = make.package(event)
    stranger = make.staff(event=make.event())
    for attempt in (
        lambda: make.package(event, stranger),
        lambda: get_package(package, stranger),
        lambda: update_package(package, stranger, price="1"),
        lambda: set_enabled(package, False, stranger),
        lambda: delete_package(package, stranger),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert get_package(package).version == 1


def test_package_is_not_found_through_another_event(event):
    package, elsewhere = make.package(event), make.event()
    for function in (packages.get, packages.delete):
        with pytest.raises(NotFound):
            db.write(lambda session, call=function: call(session, OPERATOR, elsewhere.id, package.id))
    with pytest.raises(NotFound):
        update_package(package, event_id=elsewhere.id, price="1")
    assert get_package(package).price == Decimal(100)

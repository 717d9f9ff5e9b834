"""An archived event: what is refused and what stays possible, for whom it can be archived, and that it leaves lists."""

import uuid

import pytest
from sqlalchemy import text, update

from tests.support import image_samples, make
from tests.support.database_state import assert_refused, get_audit_changes
from tests.support.sales_file import check_import, run_import, sale, sales_csv
from tests.support.shop import create_shop
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import (
    archive,
    bulk_edit,
    copying,
    events,
    images,
    options,
    package_order,
    packages,
    promo_code_check,
    promo_codes,
    questions,
    restore,
)
from ticketing.catalog.bulk_edit import PackageEdit
from ticketing.catalog.copying import CopyDraft
from ticketing.catalog.events import EventDraft
from ticketing.errors import EventArchived, NotAllowed, NotFound
from ticketing.imports import batches
from ticketing.models import Event, Package
from ticketing.reporting import comparison, live_stock
from ticketing.sales import corrections, guests, sale_details


def archive_event(event, actor=OPERATOR):
    return db.write(lambda s: archive.archive(s, actor, event.id))


def restore_event(event, actor=OPERATOR):
    return db.write(lambda s: archive.restore(s, actor, event.id))


def list_ids(actor=OPERATOR, **which):
    with db.read_session() as session:
        return {event.id for event in events.list_page(session, actor, per_page=10_000, **which)[0]}


@pytest.fixture
def event():
    return make.event()


@pytest.fixture
def shop(event):
    """An archived event with one of everything."""
    shop = create_shop(event, has_import=True)
    archive_event(event)
    return shop


PICTURE = image_samples.make_image_file()
EDITS = {
    "create a package": lambda s, shop: packages.create(s, OPERATOR, shop.event.id, make.package_draft()),
    "edit a package": lambda s, shop: packages.update(
        s, OPERATOR, shop.event.id, shop.package.id, {"price": "5"}, seen_version=1
    ),
    "take a package off sale": lambda s, shop: packages.set_enabled(
        s, OPERATOR, shop.event.id, shop.package.id, enabled=False
    ),
    "delete a package": lambda s, shop: packages.delete(s, OPERATOR, shop.event.id, shop.package.id),
    "copy a package": lambda s, shop: copying.copy_package(s, OPERATOR, shop.event.id, shop.package.id),
    "arrange the packages": lambda s, shop: package_order.reorder(
        s, OPERATOR, shop.event.id, list(reversed(packages.list_names(s, OPERATOR, shop.event.id)))
    ),
    "edit several packages": lambda s, shop: bulk_edit.update(
        s, OPERATOR, shop.event.id, [PackageEdit(shop.package.id, 1, {"price": "5"})]
    ),
    "set a picture": lambda s, shop: images.set_image(
        s, OPERATOR, shop.event.id, shop.package.id, images.prepare(PICTURE)
    ),
    "describe a picture": lambda s, shop: images.set_alt(s, OPERATOR, shop.event.id, shop.package.id, "Harbor"),
    "remove a picture": lambda s, shop: images.remove_image(s, OPERATOR, shop.event.id, shop.package.id),
    "add an option": lambda s, shop: options.create(
        s, OPERATOR, shop.package.id, options.OptionDraft(label="Vegan?", option_type="boolean")
    ),
    "edit an option": lambda s, shop: options.update(
        s, OPERATOR, shop.package.id, shop.option.id, {"label": "Wishes?"}, seen_version=1
    ),
    "retire an option": lambda s, shop: options.retire(s, OPERATOR, shop.package.id, shop.option.id),
    "ask an option again": lambda s, shop: options.ask_again(s, OPERATOR, shop.package.id, shop.option.id),
    "delete an option": lambda s, shop: options.delete(s, OPERATOR, shop.package.id, shop.option.id),
    "arrange the options": lambda s, shop: options.reorder(s, OPERATOR, shop.package.id, [shop.option.id]),
    "add a question": lambda s, shop: questions.create(
        s, OPERATOR, shop.event.id, [shop.package.id], options.OptionDraft(label="Vegan?", option_type="boolean")
    ),
    "edit a question": lambda s, shop: questions.update(
        s, OPERATOR, shop.event.id, [questions.OptionEdit(shop.option.id, 1, {"label": "Wishes?"})]
    ),
    "retire a question": lambda s, shop: questions.retire(s, OPERATOR, shop.event.id, {shop.option.id: 1}),
    "ask a question again": lambda s, shop: questions.ask_again(s, OPERATOR, shop.event.id, {shop.option.id: 1}),
    "delete a question": lambda s, shop: questions.delete(s, OPERATOR, shop.event.id, {shop.option.id: 1}),
    "add a promo code": lambda s, shop: promo_codes.create(
        s,
        OPERATOR,
        shop.event.id,
        promo_codes.PromoCodeDraft(code="LATE10", discount_type="percentage", discount_value="10"),
    ),
    "edit a promo code": lambda s, shop: promo_codes.update(
        s, OPERATOR, shop.event.id, shop.promo.id, {"is_active": False}, seen_version=1
    ),
    "delete a promo code": lambda s, shop: promo_codes.delete(s, OPERATOR, shop.event.id, shop.promo.id),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edit_of_packages_options_and_codes_is_refused(shop, edit):
    with assert_refused(EventArchived, shop.event) as refusal:
        db.write(lambda session: edit(session, shop))
    assert refusal.value.code == "event_archived"


def test_sale_is_refused_with_one_line_several_lines_and_a_code(shop):
    for lines, fields in (
        ([shop.package], {}),
        ([shop.package, make_second_package(shop)], {}),
        ([shop.package], {"promo_code": shop.promo.code}),
        ([shop.package], {"channel": "comp"}),
    ):
        with assert_refused(EventArchived, shop.event):
            make.order(shop.event, *lines, **fields)


def make_second_package(shop):
    with db.read_session() as session:
        return next(each for each in packages.list_all(session, OPERATOR, shop.event.id) if each.id != shop.package.id)


def test_repeated_request_returns_the_order_that_was_recorded_before(event):
    package = make.package(event)
    draft = make.order_draft(package)
    first = make.order(event, package, donor_email=draft.donor.email, idempotency_key="till 1")
    archive_event(event)

    repeated = make.order(event, package, donor_email=draft.donor.email, idempotency_key="till 1")

    assert repeated.is_repeat
    assert repeated.order.id == first.order.id


def test_import_and_its_check_are_refused(shop):
    content = sales_csv(sale(shop.package))
    for attempt in (check_import, run_import):
        with assert_refused(EventArchived, shop.event):
            attempt(shop.event, content)


def test_restored_setting_of_the_audit_log_is_refused(event):
    package = make.package(event, price="10")
    make.change_package(OPERATOR, package, price="20")
    with db.read_session() as session:
        entry = session.scalars(
            text("SELECT id FROM audit_log WHERE subject_id = :id AND field = 'price' ORDER BY id DESC"),
            {"id": package.id},
        ).first()
    archive_event(event)
    with assert_refused(EventArchived, event):
        db.write(lambda s: restore.restore(s, OPERATOR, event.id, entry, seen_version=2))


def test_void_undo_status_correction_and_guests_stay_possible(event):
    package = make.package(event, quantity_limit=1)
    bought = make.order(event, package, payment_status="pending")
    purchase = bought.lines[0].purchase
    archive_event(event)

    def do(change, *args, **kwargs):
        return db.write(lambda s: change(s, OPERATOR, event.id, *args, **kwargs))

    do(guests.name_guests, purchase.id, {1: {"name": "Zoë Half"}}, seen_version=1)
    do(sale_details.correct, bought.order.id, {"name": "Ana Ruiz Vega"}, {}, seen_version=None)
    do(corrections.change_order_status, bought.order.id, "completed", seen_version=None)
    voided = do(corrections.void_order, bought.order.id, "Typed twice", seen_version=None)
    do(corrections.undo_void, bought.order.id, seen_version=voided.version)

    with db.read_session() as session:
        assert session.get_one(Package, package.id).sold_count == 1
        assert session.get_one(type(purchase), purchase.id).payment_status == "completed"


def test_import_can_be_undone(shop):
    undone = db.write(lambda s: batches.undo(s, OPERATOR, shop.event.id, shop.batch_id, "Wrong year"))
    assert undone.purchases == 1


def test_event_itself_stays_editable_and_can_be_copied(shop):
    event = shop.event
    moved = db.write(lambda s: events.update(s, OPERATOR, event.id, {"time_zone": "Asia/Tokyo"}, seen_version=2))
    assert (moved.time_zone, moved.is_archived) == ("Asia/Tokyo", True)
    draft = EventDraft(name="Next year", starts_at="2027-12-05T18:00", time_zone="UTC", venue="Pier 9")

    copied = db.write(lambda s: copying.copy_event(s, OPERATOR, event.id, draft, CopyDraft()))

    assert copied.packages > 0
    assert not copied.event.is_archived
    with db.read_session() as session:
        copies = packages.list_all(session, OPERATOR, copied.event.id)
    assert [each.is_archived for each in copies] == [False] * copied.packages
    make.order(copied.event, copies[0])


def test_packages_have_the_flag_of_their_event_whoever_writes_it(event):
    package = make.package(event)
    for archived in (True, False):
        db.write(
            lambda s, value=archived: s.execute(update(Event).where(Event.id == event.id).values(is_archived=value))
        )
        with db.read_session() as session:
            assert session.get_one(Package, package.id).is_archived is archived


def test_restored_event_sells_imports_and_is_edited_again(shop):
    restored = restore_event(shop.event)
    assert not restored.is_archived
    make.order(shop.event, shop.package)
    assert run_import(shop.event, sales_csv(sale(shop.package))).rows_imported == 1
    make.change_package(OPERATOR, shop.package, price="5")


def test_archiving_again_changes_nothing(event):
    assert archive_event(event).version == event.version + 1
    assert archive_event(event).version == event.version + 1
    assert restore_event(event).version == event.version + 2
    assert restore_event(event).version == event.version + 2


def test_archive_and_restore_are_in_the_audit_log(event):
    archive_event(event)
    restore_event(event)
    assert get_audit_changes(event.id, "event.archived") == {"is_archived": (False, True)}
    assert get_audit_changes(event.id, "event.restored") == {"is_archived": (True, False)}


@pytest.mark.parametrize("role", ["coordinator", "viewer"])
def test_only_admins_archive_and_restore(event, role):
    person, stranger = make.staff(role, event), make.staff(role)
    for change in (archive.archive, archive.restore):
        with assert_refused(NotAllowed, event):
            db.write(lambda s, change=change: change(s, person, event.id))
        with assert_refused(NotFound, event):
            db.write(lambda s, change=change: change(s, stranger, event.id))


def test_admin_archives(event):
    admin = make.staff("admin")
    assert archive_event(event, admin).is_archived
    assert not restore_event(event, admin).is_archived


def test_unknown_event_is_not_found():
    with pytest.raises(NotFound):
        db.write(lambda s: archive.archive(s, OPERATOR, uuid.uuid4()))


def test_archived_event_leaves_the_list_and_is_in_that_of_archived_ones(event):
    viewer = make.staff("viewer", event)
    assert (list_ids(viewer), list_ids(viewer, archived=True)) == ({event.id}, set())
    archive_event(event)
    assert (list_ids(viewer), list_ids(viewer, archived=True)) == (set(), {event.id})
    with db.read_session() as session:
        assert events.get(session, viewer, event.id).is_archived


def test_archived_event_can_be_compared_with(event):
    other = make.event()
    make.purchase(event, make.package(event))
    archive_event(event)
    with db.read_session() as session:
        assert event.id in {each.id for each in comparison.list_candidates(session, OPERATOR, other.id)}


def test_archived_event_offers_nothing_and_its_stock_tells_open_tills(event):
    package = make.package(event)
    with db.read_session() as session:
        before = live_stock.load(session, {event.id})[event.id]
    archive_event(event)
    with db.read_session() as session:
        after = live_stock.load(session, {event.id})[event.id]
        assert packages.list_enabled(session, OPERATOR, event.id) == []
    assert before.left == {str(package.id): None}
    assert after.left == {}
    assert after.state != before.state


def test_tried_code_says_that_the_event_is_archived(shop):
    def dry_run():
        with db.read_session() as session:
            values = {"package_id": shop.package.id, "quantity": 1}
            return promo_code_check.dry_run(session, OPERATOR, shop.event.id, shop.promo.code, **values)

    assert [rule.reason for rule in dry_run().package_rules if not rule.passed] == ["event_archived"]
    restore_event(shop.event)
    assert [rule.reason for rule in dry_run().package_rules if not rule.passed] == []

"""Restoring an earlier value is an ordinary change with the same refusals, linked to its audit entry."""

import uuid

import pytest
from sqlalchemy import func, select

from tests.support import image_samples, make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import bulk_edit, events, images, options, packages, promo_codes, restore
from ticketing.catalog.bulk_edit import PackageEdit
from ticketing.errors import (
    CodeUsed,
    Conflict,
    DuplicateName,
    HasAnswers,
    LimitBelowSold,
    LimitBelowUses,
    NotAllowed,
    NotFound,
    StaleVersion,
)
from ticketing.models import AuditEntry, Event, Option, Package, PromoCode
from ticketing.ops import verify

pytestmark = pytest.mark.usefixtures("database_of_module")


@pytest.fixture
def gold_package(event, ana):
    return make.package(event, ana, name="Gold", price="100", quantity_limit=5)


def get_last_entry(record_id, field=None):
    """Return the latest audit entry of a record, or of one of its fields."""
    with db.read_session() as session:
        query = select(AuditEntry).where(AuditEntry.subject_id == record_id).order_by(AuditEntry.id.desc())
        return session.scalars(query.where(AuditEntry.field == field) if field else query).first()


def list_entries():
    with db.read_session() as session:
        return session.scalar(select(func.count()).select_from(AuditEntry))


def get_record(model, record_id):
    with db.read_session() as session:
        return session.get(model, record_id)


def list_restorable(actor, event):
    with db.read_session() as session:
        every = session.scalars(select(AuditEntry).where(AuditEntry.event_id == event.id).order_by(AuditEntry.id)).all()
        found = restore.list_restorable(session, actor, event.id, every)
    return {(offer.entry.subject_name, offer.entry.field): (offer.now, offer.after) for offer in found.values()}


def restore_entry(actor, event, entry, seen_version):
    return db.write(lambda s: restore.restore(s, actor, event.id, entry.id, seen_version=seen_version))


def assert_refused(refusal, actor, event, entry, seen_version, match=None):
    before, sealed = list_entries(), get_record(Package, entry.subject_id)
    with pytest.raises(refusal, match=match):
        restore_entry(actor, event, entry, seen_version)
    now = get_record(Package, entry.subject_id)
    assert list_entries() == before
    assert sealed is None or (now.version, now.price, now.quantity_limit) == (
        sealed.version,
        sealed.price,
        sealed.quantity_limit,
    )


def test_restored_price_is_in_the_audit_log_with_its_entry(event, ana, gold_package):
    ben = make.staff(event=event, name="Ben Okafor")
    make.change_package(ana, gold_package, price="120", description="Better.")
    undone = get_last_entry(gold_package.id, "price")
    restored = restore_entry(ben, event, undone, seen_version=2)
    assert (str(restored.price), restored.description, restored.version) == ("100.00", "Better.", 3)
    made = get_last_entry(gold_package.id)
    assert (made.actor, made.action, made.field, made.old_value, made.new_value) == (
        "Ben Okafor",
        "package.changed",
        "price",
        "120.00",
        "100.00",
    )
    assert (made.restores, made.subject_version) == (undone.id, 3)
    with db.read_session() as session:
        assert [each for each in verify.verify(session) if each.event_id == event.id] == []


def test_restored_value_can_be_restored_again(event, ana, gold_package):
    make.change_package(ana, gold_package, price="120")
    restore_entry(ana, event, get_last_entry(gold_package.id, "price"), 2)
    restore_entry(ana, event, get_last_entry(gold_package.id, "price"), 3)
    assert str(get_record(Package, gold_package.id).price) == "120.00"


def test_restored_value_is_undone_unless_somebody_changed_the_record_since(event, ana, gold_package):
    make.change_package(ana, gold_package, price="120")
    with db.read_session() as s:
        restorable = restore.find_restorable(s, ana, event.id, get_last_entry(gold_package.id, "price").id)
    restore_entry(ana, event, restorable.entry, 2)
    db.write(lambda s: restore.undo(s, ana, restorable, seen_version=3))
    assert str(get_record(Package, gold_package.id).price) == "120.00"
    assert get_last_entry(gold_package.id).restores is None

    before = list_entries()
    with pytest.raises(StaleVersion):
        db.write(lambda s: restore.undo(s, ana, restorable, seen_version=3))
    with pytest.raises(NotAllowed):
        db.write(lambda s: restore.undo(s, make.staff("viewer", event=event), restorable, seen_version=4))
    assert list_entries() == before


@pytest.mark.parametrize(
    ("field", "value", "before"),
    [
        ("name", "Silver", "Gold"),
        ("price", "120", "100.00"),
        ("seats_per_package", 10, 1),
        ("description", "Other.", "One seat at the gala."),
        ("quantity_limit", None, 5),
        ("is_sponsorship", True, False),
        ("is_enabled", False, True),
    ],
)
def test_every_package_field_can_be_restored(event, ana, gold_package, field, value, before):
    make.change_package(ana, gold_package, **{field: value})
    restore_entry(ana, event, get_last_entry(gold_package.id, field), 2)
    now = getattr(get_record(Package, gold_package.id), field)
    assert (str(now) if field == "price" else now) == before


def test_promo_code_option_and_event_can_be_restored(event, ana, gold_package):
    code = make.promo_code(event, ana, expires_at="2026-12-01T18:00")
    changed = {"expires_at": None, "max_total_uses": 3}
    db.write(lambda s: promo_codes.update(s, ana, event.id, code.id, changed, seen_version=1))
    restore_entry(ana, event, get_last_entry(code.id, "expires_at"), 2)
    now = get_record(PromoCode, code.id)
    assert (now.expires_at, now.max_total_uses) == (code.expires_at, 3)

    option = make.option(gold_package, ana, option_type="multi_select", choices=["Fish", "Meat"])
    fewer = {"choices": ["Fish", "Beans"]}
    db.write(lambda s: options.update(s, ana, gold_package.id, option.id, fewer, seen_version=1))
    restore_entry(ana, event, get_last_entry(option.id, "choices"), 2)
    assert get_record(Option, option.id).choices == ["Fish", "Meat"]

    moved = {"starts_at": "2026-12-06T18:00", "time_zone": "America/Chicago"}
    db.write(lambda s: events.update(s, ana, event.id, moved, seen_version=1))
    restore_entry(ana, event, get_last_entry(event.id, "starts_at"), 2)
    restore_entry(ana, event, get_last_entry(event.id, "time_zone"), 3)
    now = get_record(Event, event.id)
    assert (now.starts_at, now.time_zone) == (event.starts_at, "America/New_York")


class TestRefused:
    def test_stale_version_is_refused(self, event, ana, gold_package):
        make.change_package(ana, gold_package, price="120")
        undone = get_last_entry(gold_package.id, "price")
        make.change_package(ana, gold_package, 2, price="130")
        assert_refused(StaleVersion, ana, event, undone, 2, "Ana Ruiz changed Gold after you opened it: price")

    def test_limit_below_sold_is_refused(self, event, ana, gold_package):
        make.change_package(ana, gold_package, quantity_limit=10)
        make.purchase(event, gold_package, quantity=6)
        assert_refused(
            LimitBelowSold, ana, event, get_last_entry(gold_package.id, "quantity_limit"), 2, "6 are sold already"
        )

    def test_used_name_is_refused(self, event, ana, gold_package):
        make.change_package(ana, gold_package, name="Platinum")
        make.package(event, ana, name="gold")
        assert_refused(DuplicateName, ana, event, get_last_entry(gold_package.id, "name"), 2)

    def test_used_code_is_refused(self, event, ana, gold_package):
        code = make.promo_code(event, ana, max_total_uses=1, discount_value="10")
        values = {"discount_value": "20", "max_total_uses": 5}
        db.write(lambda s: promo_codes.update(s, ana, event.id, code.id, values, seen_version=1))
        for _ in range(2):
            make.purchase(event, gold_package, promo_code=code.code)
        assert_refused(CodeUsed, ana, event, get_last_entry(code.id, "discount_value"), 2)
        assert_refused(LimitBelowUses, ana, event, get_last_entry(code.id, "max_total_uses"), 2)

    def test_type_of_an_answered_option_is_refused(self, event, ana, gold_package):
        option = make.option(gold_package, ana, option_type="boolean")
        db.write(
            lambda s: options.update(s, ana, gold_package.id, option.id, {"option_type": "text_input"}, seen_version=1)
        )
        make.purchase(event, gold_package, answers=[{"option_id": option.id, "value": "None"}])
        assert_refused(HasAnswers, ana, event, get_last_entry(option.id, "option_type"), 2)

    def test_viewers_and_strangers_are_refused(self, event, ana, gold_package):
        make.change_package(ana, gold_package, price="120")
        undone = get_last_entry(gold_package.id, "price")
        assert_refused(NotAllowed, make.staff("viewer", event), event, undone, 2)
        assert_refused(NotFound, make.staff(event=make.event()), event, undone, 2)
        elsewhere = make.event()
        assert_refused(NotFound, make.staff(event=elsewhere), elsewhere, undone, 2)

    def test_entry_of_another_event_is_not_found(self, event, ana):
        elsewhere = make.event(venue="Secret Hall")
        db.write(lambda s: events.update(s, OPERATOR, elsewhere.id, {"venue": "Town Hall"}, seen_version=1))
        assert_refused(NotFound, ana, event, get_last_entry(elsewhere.id, "venue"), 1)
        assert get_record(Event, event.id).venue == event.venue

    def test_deleted_record_is_not_found(self, event, ana, gold_package):
        make.change_package(ana, gold_package, price="120")
        undone = get_last_entry(gold_package.id, "price")
        option = make.option(gold_package, ana)
        db.write(lambda s: options.update(s, ana, gold_package.id, option.id, {"label": "Other?"}, seen_version=1))
        asked = get_last_entry(option.id, "label")
        db.write(lambda s: options.delete(s, ana, gold_package.id, option.id))
        assert_refused(NotFound, ana, event, asked, 2)
        db.write(lambda s: packages.delete(s, ana, event.id, gold_package.id))
        assert_refused(NotFound, ana, event, undone, 2)

    def test_entry_of_another_kind_is_refused(self, event, ana, gold_package):
        option = make.option(gold_package, ana)
        db.write(lambda s: options.retire(s, ana, gold_package.id, option.id))
        for entry in (get_last_entry(gold_package.id, "price"), get_last_entry(option.id, "retired_at")):
            assert_refused(Conflict, ana, event, entry, 1, "Only the change of a field can be restored")
        with pytest.raises(NotFound):
            db.write(lambda s: restore.restore(s, ana, event.id, 10**15, seen_version=1))


class TestListRestorable:
    def test_lists_changes_with_a_valid_former_value(self, event, ana, gold_package):
        make.change_package(ana, gold_package, price="120", quantity_limit=None)
        assert list_restorable(ana, event) == {
            ("Gold", "price"): ("120.00", "100.00"),
            ("Gold", "quantity_limit"): (None, 5),
        }

    def test_is_empty_without_permission_to_change(self, event, ana, gold_package):
        make.change_package(ana, gold_package, price="120")
        assert list_restorable(make.staff("viewer", event), event) == {}

    def test_leaves_out_values_that_are_current_again(self, event, ana, gold_package):
        make.change_package(ana, gold_package, price="120")
        make.change_package(ana, gold_package, 2, price="100")
        assert list_restorable(ana, event) == {("Gold", "price"): ("100.00", "120.00")}

    def test_leaves_out_values_that_the_form_refuses(self, event, ana, gold_package):
        option = make.option(gold_package, ana, option_type="multi_select", choices=["Fish", "Meat"], label="Menu")
        to_text = {"option_type": "text_input", "choices": None}
        db.write(lambda s: options.update(s, ana, gold_package.id, option.id, to_text, seen_version=1))
        assert list_restorable(ana, event) == {}

    def test_leaves_out_deleted_records_images_and_creations(self, event, ana, gold_package):
        picture = images.prepare(image_samples.make_image_file("PNG"))
        db.write(lambda s: images.set_image(s, ana, event.id, gold_package.id, picture))
        db.write(lambda s: images.remove_image(s, ana, event.id, gold_package.id))
        silver = make.package(event, ana, name="Silver", price="1")
        make.change_package(ana, silver, price="2")
        db.write(lambda s: packages.delete(s, ana, event.id, silver.id))
        assert list_restorable(ana, event) == {}

    def test_lists_entries_of_a_bulk_edit(self, event, ana, gold_package):
        silver = make.package(event, ana, name="Silver", price="1")
        edits = [PackageEdit(gold_package.id, 1, {"price": "2"}), PackageEdit(silver.id, 1, {"price": "3"})]
        db.write(lambda s: bulk_edit.update(s, ana, event.id, edits))
        assert list_restorable(ana, event) == {
            ("Gold", "price"): ("2.00", "100.00"),
            ("Silver", "price"): ("3.00", "1.00"),
        }

    def test_find_restorable_is_scoped_to_the_event(self, event, ana, gold_package):
        make.change_package(ana, gold_package, price="120")
        entry, elsewhere = get_last_entry(gold_package.id, "price"), make.event()
        with db.read_session() as session:
            assert restore.find_restorable(session, ana, event.id, entry.id).version == 2
            assert restore.find_restorable(session, OPERATOR, elsewhere.id, entry.id) is None
            with pytest.raises(NotFound):
                restore.find_restorable(session, ana, uuid.uuid4(), entry.id)

"""An earlier value comes back as an ordinary change, with all its refusals, and the trail says which entry it undid."""

import uuid

import pytest
from sqlalchemy import func, select

from tests.support import image_samples, make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import bulk_edit, events, images, options, packages, promo_codes
from ticketing.catalog import restore as restoring
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


@pytest.fixture
def gold(event, ana):
    return make.package(event, ana, name="Gold", price="100", quantity_limit=5)


def last(record_id, field=None):
    """The latest entry of a record, of one field."""
    with db.read_session() as session:
        query = select(AuditEntry).where(AuditEntry.subject_id == record_id).order_by(AuditEntry.id.desc())
        return session.scalars(query.where(AuditEntry.field == field) if field else query).first()


def entries():
    with db.read_session() as session:
        return session.scalar(select(func.count()).select_from(AuditEntry))


def stored(model, record_id):
    with db.read_session() as session:
        return session.get(model, record_id)


def offers(actor, event):
    with db.read_session() as session:
        every = session.scalars(select(AuditEntry).where(AuditEntry.event_id == event.id).order_by(AuditEntry.id)).all()
        found = restoring.list_restorable(session, actor, event.id, every)
    return {(offer.entry.subject_name, offer.entry.field): (offer.now, offer.after) for offer in found.values()}


def restore(actor, event, entry, seen_version):
    return db.write(lambda s: restoring.restore(s, actor, event.id, entry.id, seen_version=seen_version))


def assert_refused(refusal, actor, event, entry, seen_version, match=None):
    before, sealed = entries(), stored(Package, entry.subject_id)
    with pytest.raises(refusal, match=match):
        restore(actor, event, entry, seen_version)
    now = stored(Package, entry.subject_id)
    assert entries() == before
    assert sealed is None or (now.version, now.price, now.quantity_limit) == (
        sealed.version, sealed.price, sealed.quantity_limit,
    )  # fmt: skip


def test_a_price_comes_back_and_the_trail_says_who_and_which_entry(event, ana, gold):
    ben = make.staff(event=event, name="Ben Okafor")
    make.change_package(ana, gold, price="120", description="Better.")
    undone = last(gold.id, "price")
    restored = restore(ben, event, undone, seen_version=2)
    assert (str(restored.price), restored.description, restored.version) == ("100.00", "Better.", 3)
    made = last(gold.id)
    assert (made.actor, made.action, made.field, made.old_value, made.new_value) == (
        "Ben Okafor", "package.changed", "price", "120.00", "100.00",
    )  # fmt: skip
    assert (made.restores, made.subject_version) == (undone.id, 3)
    with db.read_session() as session:
        assert [each for each in verify.verify(session) if each.event_id == event.id] == []


def test_what_was_restored_can_be_restored_again(event, ana, gold):
    make.change_package(ana, gold, price="120")
    restore(ana, event, last(gold.id, "price"), 2)
    restore(ana, event, last(gold.id, "price"), 3)
    assert str(stored(Package, gold.id).price) == "120.00"


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
def test_every_field_of_a_package(event, ana, gold, field, value, before):
    make.change_package(ana, gold, **{field: value})
    restore(ana, event, last(gold.id, field), 2)
    now = getattr(stored(Package, gold.id), field)
    assert (str(now) if field == "price" else now) == before


def test_a_promo_code_an_option_and_an_event(event, ana, gold):
    code = make.promo_code(event, ana, expires_at="2026-12-01T18:00")
    changed = {"expires_at": None, "max_total_uses": 3}
    db.write(lambda s: promo_codes.update(s, ana, event.id, code.id, changed, seen_version=1))
    restore(ana, event, last(code.id, "expires_at"), 2)
    now = stored(PromoCode, code.id)
    assert (now.expires_at, now.max_total_uses) == (code.expires_at, 3)

    option = make.option(gold, ana, option_type="multi_select", choices=["Fish", "Meat"])
    fewer = {"choices": ["Fish", "Beans"]}
    db.write(lambda s: options.update(s, ana, gold.id, option.id, fewer, seen_version=1))
    restore(ana, event, last(option.id, "choices"), 2)
    assert stored(Option, option.id).choices == ["Fish", "Meat"]

    moved = {"starts_at": "2026-12-06T18:00", "time_zone": "America/Chicago"}
    db.write(lambda s: events.update(s, ana, event.id, moved, seen_version=1))
    restore(ana, event, last(event.id, "starts_at"), 2)
    restore(ana, event, last(event.id, "time_zone"), 3)
    now = stored(Event, event.id)
    assert (now.starts_at, now.time_zone) == (event.starts_at, "America/New_York")


class TestRefused:
    def test_when_a_colleague_changed_it_since(self, event, ana, gold):
        make.change_package(ana, gold, price="120")
        undone = last(gold.id, "price")
        make.change_package(ana, gold, 2, price="130")
        assert_refused(StaleVersion, ana, event, undone, 2, "Ana Ruiz changed Gold after you opened it: price")

    def test_when_more_are_sold_than_the_limit_was(self, event, ana, gold):
        make.change_package(ana, gold, quantity_limit=10)
        make.purchase(event, gold, quantity=6)
        assert_refused(LimitBelowSold, ana, event, last(gold.id, "quantity_limit"), 2, "6 are sold already")

    def test_when_another_package_has_the_name_now(self, event, ana, gold):
        make.change_package(ana, gold, name="Platinum")
        make.package(event, ana, name="gold")
        assert_refused(DuplicateName, ana, event, last(gold.id, "name"), 2)

    def test_when_a_purchase_used_the_code(self, event, ana, gold):
        code = make.promo_code(event, ana, max_total_uses=1, discount_value="10")
        values = {"discount_value": "20", "max_total_uses": 5}
        db.write(lambda s: promo_codes.update(s, ana, event.id, code.id, values, seen_version=1))
        for _ in range(2):
            make.purchase(event, gold, promo_code=code.code)
        assert_refused(CodeUsed, ana, event, last(code.id, "discount_value"), 2)
        assert_refused(LimitBelowUses, ana, event, last(code.id, "max_total_uses"), 2)

    def test_when_answers_hold_the_type(self, event, ana, gold):
        option = make.option(gold, ana, option_type="boolean")
        db.write(lambda s: options.update(s, ana, gold.id, option.id, {"option_type": "text_input"}, seen_version=1))
        make.purchase(event, gold, answers=[{"option_id": option.id, "value": "None"}])
        assert_refused(HasAnswers, ana, event, last(option.id, "option_type"), 2)

    def test_for_viewers_and_for_others_events(self, event, ana, gold):
        make.change_package(ana, gold, price="120")
        undone = last(gold.id, "price")
        assert_refused(NotAllowed, make.staff("viewer", event), event, undone, 2)
        assert_refused(NotFound, make.staff(event=make.event()), event, undone, 2)
        elsewhere = make.event()
        assert_refused(NotFound, make.staff(event=elsewhere), elsewhere, undone, 2)

    def test_of_what_another_event_was_so_that_nothing_crosses_the_wall(self, event, ana):
        elsewhere = make.event(venue="Secret Hall")
        db.write(lambda s: events.update(s, OPERATOR, elsewhere.id, {"venue": "Town Hall"}, seen_version=1))
        assert_refused(NotFound, ana, event, last(elsewhere.id, "venue"), 1)
        assert stored(Event, event.id).venue == event.venue

    def test_of_what_is_gone(self, event, ana, gold):
        make.change_package(ana, gold, price="120")
        undone = last(gold.id, "price")
        option = make.option(gold, ana)
        db.write(lambda s: options.update(s, ana, gold.id, option.id, {"label": "Other?"}, seen_version=1))
        asked = last(option.id, "label")
        db.write(lambda s: options.delete(s, ana, gold.id, option.id))
        assert_refused(NotFound, ana, event, asked, 2)
        db.write(lambda s: packages.delete(s, ana, event.id, gold.id))
        assert_refused(NotFound, ana, event, undone, 2)

    def test_of_anything_but_the_change_of_a_field(self, event, ana, gold):
        option = make.option(gold, ana)
        db.write(lambda s: options.retire(s, ana, gold.id, option.id))
        for entry in (last(gold.id, "price"), last(option.id, "retired_at")):
            assert_refused(Conflict, ana, event, entry, 1, "Only the change of a field can be restored")
        with pytest.raises(NotFound):
            db.write(lambda s: restoring.restore(s, ana, event.id, 10**15, seen_version=1))


class TestOffers:
    def test_are_the_changes_whose_former_value_the_form_would_take(self, event, ana, gold):
        make.change_package(ana, gold, price="120", quantity_limit=None)
        assert offers(ana, event) == {
            ("Gold", "price"): ("120.00", "100.00"),
            ("Gold", "quantity_limit"): (None, 5),
        }

    def test_are_none_for_who_may_not_change_anything(self, event, ana, gold):
        make.change_package(ana, gold, price="120")
        assert offers(make.staff("viewer", event), event) == {}

    def test_are_not_made_of_what_is_so_again(self, event, ana, gold):
        make.change_package(ana, gold, price="120")
        make.change_package(ana, gold, 2, price="100")
        assert offers(ana, event) == {("Gold", "price"): ("100.00", "120.00")}

    def test_are_not_made_of_what_the_form_refuses_today(self, event, ana, gold):
        option = make.option(gold, ana, option_type="multi_select", choices=["Fish", "Meat"], label="Menu")
        to_text = {"option_type": "text_input", "choices": None}
        db.write(lambda s: options.update(s, ana, gold.id, option.id, to_text, seen_version=1))
        assert offers(ana, event) == {}

    def test_are_not_made_of_deleted_records_pictures_and_the_making(self, event, ana, gold):
        picture = images.prepare(image_samples.make_image_file("PNG"))
        db.write(lambda s: images.set_image(s, ana, event.id, gold.id, picture))
        db.write(lambda s: images.remove_image(s, ana, event.id, gold.id))
        silver = make.package(event, ana, name="Silver", price="1")
        make.change_package(ana, silver, price="2")
        db.write(lambda s: packages.delete(s, ana, event.id, silver.id))
        assert offers(ana, event) == {}

    def test_are_found_in_a_change_of_many(self, event, ana, gold):
        silver = make.package(event, ana, name="Silver", price="1")
        edits = [PackageEdit(gold.id, 1, {"price": "2"}), PackageEdit(silver.id, 1, {"price": "3"})]
        db.write(lambda s: bulk_edit.update(s, ana, event.id, edits))
        assert offers(ana, event) == {("Gold", "price"): ("2.00", "100.00"), ("Silver", "price"): ("3.00", "1.00")}

    def test_of_one_entry_are_of_this_event_only(self, event, ana, gold):
        make.change_package(ana, gold, price="120")
        entry, elsewhere = last(gold.id, "price"), make.event()
        with db.read_session() as session:
            assert restoring.find_restorable(session, ana, event.id, entry.id).version == 2
            assert restoring.find_restorable(session, OPERATOR, elsewhere.id, entry.id) is None
            with pytest.raises(NotFound):
                restoring.find_restorable(session, ana, uuid.uuid4(), entry.id)

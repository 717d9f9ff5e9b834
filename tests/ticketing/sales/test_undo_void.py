"""Undoing a void: statuses, capacity and promo use come back together, or a reason is given and nothing changes."""

from datetime import timedelta

import pytest

from tests.support import make
from tests.support.database_state import assert_refused, get_audit_changes, get_sold_count, get_use_count
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.errors import Conflict, NotAllowed, NotFound, PromoRefused, SoldOut, StaleVersion
from ticketing.imports import batches
from ticketing.models import Order, PromoUse, Purchase
from ticketing.ops import verify
from ticketing.sales import corrections, guests

pytestmark = pytest.mark.usefixtures("database_of_module")


def void(bought, purchase=None):
    """Void the order, or one purchase of it, and return it with its new version."""
    purchase_id = purchase.id if purchase else None
    return db.write(
        lambda s: corrections.void_order(
            s,
            OPERATOR,
            bought.order.event_id,
            bought.order.id,
            "Typed twice",
            seen_version=None,
            purchase_id=purchase_id,
        )
    )


def undo(order, actor=OPERATOR, *, version=None, event_id=None):
    seen = version or order.version
    return db.write(lambda s: corrections.undo_void(s, actor, event_id or order.event_id, order.id, seen_version=seen))


def list_statuses(order):
    with db.read_session() as session:
        lines = session.query(Purchase).filter_by(order_id=order.id).order_by(Purchase.line_number)
        return [line.payment_status for line in lines]


def list_differences(event):
    with db.Session(db.engine()) as session:
        return [each for each in verify.verify(session) if each.event_id == event.id]


def shift_audit_log(minutes):
    """Return a clock that far ahead of the audit log, for the limit of 10 minutes."""
    now = corrections.datetime.now

    class Clock(corrections.datetime):
        @classmethod
        def now(cls, tz=None):
            return now(tz) + timedelta(minutes=minutes)

    return Clock


@pytest.mark.parametrize("status", ["completed", "pending"])
def test_void_is_undone_with_capacity_use_and_amounts(event, status):
    package, promo = make.package(event, quantity_limit=3), make.promo_code(event, max_total_uses=1)
    bought = make.purchase(event, package, quantity=3, promo_code=promo.code, payment_status=status)
    voided = void(bought)
    assert (get_sold_count(package), get_use_count(promo)) == (0, 0)

    restored = undo(voided, make.staff(event=event, name="Ana Ruiz"))

    assert (get_sold_count(package), get_use_count(promo), restored.version) == (3, 1, voided.version + 1)
    with db.read_session() as session:
        row = session.get_one(Purchase, bought.purchase.id)
        assert (row.payment_status, row.void_reason, row.voided_at) == (status, None, None)
        assert session.get_one(PromoUse, bought.order.id).given_back_at is None
    assert get_audit_changes(row.id, "purchase.void_undone") == {
        "payment_status": ("voided", status),
        "void_reason": ("Typed twice", None),
    }
    assert list_differences(event) == []


def test_each_line_of_an_order_gets_its_own_status_back(event):
    first, second, third = (make.package(event) for _ in range(3))
    bought = make.order(event, first, second, third)
    lines = [line.purchase for line in bought.lines]
    db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, lines[1].id, "refunded", seen_version=1))
    void(bought, lines[0])
    undo(void(bought))
    assert list_statuses(bought.order) == ["voided", "refunded", "completed"]  # the first was voided before
    assert [get_sold_count(package) for package in (first, second, third)] == [0, 0, 1]
    assert list_differences(event) == []


def test_use_is_taken_again_only_when_it_was_returned(event):
    first, second, promo = make.package(event), make.package(event), make.promo_code(event, max_total_uses=1)
    bought = make.order(event, first, second, promo_code=promo.code)
    undo(void(bought, bought.lines[0].purchase))
    assert get_use_count(promo) == 1
    undo(void(bought))
    assert get_use_count(promo) == 1


def test_capacity_that_was_sold_meanwhile_refuses_with_what_is_left(event):
    package, other = make.package(event, name="Table", quantity_limit=3), make.package(event)
    bought = make.order(event, other, {"package_id": package.id, "quantity": 2})
    voided = void(bought)
    make.purchase(event, package, quantity=2)
    with assert_refused(SoldOut, event) as refusal:
        undo(voided)
    assert str(refusal.value).startswith("2 of 3 sold, 1 left. Raise the limit of Table")
    db.write(lambda s: packages.update(s, OPERATOR, event.id, package.id, {"quantity_limit": 4}, seen_version=1))
    undo(voided)
    assert (get_sold_count(package), get_sold_count(other)) == (4, 1)


def test_package_off_sale_is_taken_again(event):
    """Undoing is no sale: what was sold before the package was taken off sale stays sold."""
    package = make.package(event)
    voided = void(make.purchase(event, package))
    db.write(lambda s: packages.set_enabled(s, OPERATOR, event.id, package.id, enabled=False))
    undo(voided)
    assert get_sold_count(package) == 1


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [({"max_total_uses": 1}, "used up"), ({"max_uses_per_donor": 1}, "This donor has used")],
)
def test_promo_use_that_was_taken_meanwhile_refuses(event, limits, sentence):
    package, promo, donor = make.package(event), make.promo_code(event, **limits), make.email()
    voided = void(make.purchase(event, package, promo_code=promo.code, donor_email=donor))
    make.purchase(event, package, promo_code=promo.code, donor_email=donor)
    with assert_refused(PromoRefused, event) as refusal:
        undo(voided)
    assert sentence in str(refusal.value)


def test_change_since_the_void_refuses_and_names_who(event):
    package = make.package(event)
    bought = make.order(event, package, make.package(event))
    voided = void(bought, bought.lines[0].purchase)
    ana = make.staff(event=event, name="Ana Ruiz")
    line = bought.lines[1].purchase
    db.write(lambda s: corrections.change_status(s, ana, event.id, line.id, "refunded", seen_version=1))
    with assert_refused(StaleVersion, event) as refusal:
        undo(voided)
    assert refusal.value.changes[-1].by == "Ana Ruiz"
    with assert_refused(Conflict, event) as refusal:
        undo(voided, version=voided.version + 1)
    assert "not a void" in str(refusal.value)


def test_order_that_was_never_voided_has_nothing_to_undo(event):
    bought = make.purchase(event, make.package(event))
    with assert_refused(Conflict, event) as refusal:
        undo(bought.order, version=1)
    assert "not a void" in str(refusal.value)


def test_undone_void_cannot_be_undone_again(event):
    restored = undo(void(make.purchase(event, make.package(event))))
    with assert_refused(Conflict, event):
        undo(restored)


@pytest.mark.parametrize(("minutes", "is_possible"), [(9.9, True), (10.1, False)])
def test_void_can_be_undone_for_ten_minutes(event, monkeypatch, minutes, is_possible):
    package = make.package(event)
    voided = void(make.purchase(event, package))
    monkeypatch.setattr(corrections, "datetime", shift_audit_log(minutes))  # sets a clock
    if is_possible:
        undo(voided)
    else:
        with assert_refused(Conflict, event) as refusal:
            undo(voided)
        assert "10 minutes" in str(refusal.value)
    assert get_sold_count(package) == is_possible


def test_guests_of_a_voided_sale_are_there_again(event):
    bought = make.purchase(event, make.package(event, seats_per_package=2))
    named = {1: {"name": "Bo Lind", "email": ""}}
    db.write(lambda s: guests.name_guests(s, OPERATOR, event.id, bought.purchase.id, named, seen_version=1))
    undo(void(bought))
    with db.read_session() as session:
        assert session.get_one(Purchase, bought.purchase.id).seats_named == 1
    assert list_differences(event) == []


class TestImported:
    def import_once(self, event, package):
        run_import(event, sales_csv(sale(package, external_sale_id="77")))
        with db.read_session() as session:
            purchase = session.query(Purchase).filter_by(event_id=event.id, payment_status="completed").one()
            return purchase, session.get_one(Order, purchase.order_id)

    def test_external_id_that_was_imported_again_refuses(self, event):
        package = make.package(event)
        _, order = self.import_once(event, package)
        voided = db.write(
            lambda s: corrections.void_order(s, OPERATOR, event.id, order.id, "Typed twice", seen_version=None)
        )
        run_import(event, sales_csv(sale(package, external_sale_id="77")), imports_voided=True)
        with assert_refused(Conflict, event) as refusal:
            undo(voided)
        assert "imported again" in str(refusal.value)

    def test_sale_of_an_undone_import_stays_voided(self, event):
        purchase, order = self.import_once(event, make.package(event))
        voided = db.write(
            lambda s: corrections.void_order(s, OPERATOR, event.id, order.id, "Typed twice", seen_version=None)
        )
        batch_id = purchase.import_batch_id
        db.write(lambda s: batches.undo(s, OPERATOR, event.id, batch_id, "Wrong file", confirmed=""))
        with assert_refused(Conflict, event) as refusal:
            undo(voided)
        assert "import" in str(refusal.value)


def test_who_may_undo(event):
    voided = void(make.purchase(event, make.package(event)))
    with assert_refused(NotAllowed, event):
        undo(voided, make.staff("viewer", event))
    with assert_refused(NotFound, event):
        undo(voided, make.staff(event=make.event()))
    with assert_refused(NotFound, event):
        undo(voided, event_id=make.event().id)

"""Voiding a sale: capacity and promo use return once, the row stays, and the audit log has who and why."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from tests.support import make
from tests.support.database_state import (
    assert_purchase_refused,
    assert_refused,
    get_audit_changes,
    get_sold_count,
    get_use_count,
)
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages, promo_codes, promo_uses
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound, PromoRefused, SoldOut
from ticketing.models import AssignedTicket, AuditEntry, PromoUse, Purchase
from ticketing.ops import verify
from ticketing.purchase_filter import ALL_PURCHASES
from ticketing.reporting import figures, purchase_list, timeline
from ticketing.sales import corrections

pytestmark = pytest.mark.usefixtures("database_of_module")

THREADS = 16


def void(bought, actor=OPERATOR, *, reason="Typed twice", event_id=None):
    row = getattr(bought, "purchase", bought)
    return db.write(lambda s: corrections.void(s, actor, event_id or row.event_id, row.id, reason))


def reload(bought):
    with db.read_session() as session:
        return session.get(Purchase, bought.purchase.id)


def list_differences(event):
    with db.Session(db.engine()) as session:
        return [each for each in verify.verify(session) if each.event_id == event.id]


def test_voided_row_keeps_amounts_and_gains_time_and_reason(event):
    package, promo = make.package(event, seats_per_package=2), make.promo_code(event)
    bought = make.purchase(event, package, quantity=3, channel="cash", promo_code=promo.code)
    assert void(bought, reason="  Typed   twice ").payment_status == "voided"
    row = reload(bought)
    assert (row.payment_status, row.void_reason, row.promo_code_id) == ("voided", "Typed twice", promo.id)
    assert abs(row.voided_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (row.quantity, row.list_price, row.discount, row.total) == (3, Decimal(300), Decimal(30), Decimal(270))
    with db.read_session() as session:
        tickets = select(func.count()).where(AssignedTicket.purchase_id == row.id)
        assert session.scalar(tickets) == 6


@pytest.mark.parametrize("status", ["completed", "pending"])
def test_capacity_returns_and_can_be_sold_again(event, status):
    package = make.package(event, quantity_limit=5)
    make.purchase(event, package, quantity=2)
    bought = make.purchase(event, package, quantity=3, payment_status=status)
    assert_purchase_refused(SoldOut, event, package)
    void(bought)
    assert get_sold_count(package) == 2
    make.purchase(event, package, quantity=3)
    assert_purchase_refused(SoldOut, event, package)


def test_promo_use_returns_and_its_row_stays(event):
    package, promo = make.package(event), make.promo_code(event, max_total_uses=1)
    bought = make.purchase(event, package, quantity=4, promo_code=promo.code)
    assert assert_purchase_refused(PromoRefused, event, package, promo_code=promo.code).reason == "used_up"
    void(bought)
    assert get_use_count(promo) == 0
    with db.read_session() as session:
        use = session.get(PromoUse, bought.order.id)
    assert use.given_back_at == reload(bought).voided_at
    make.purchase(event, package, promo_code=promo.code)
    assert assert_purchase_refused(PromoRefused, event, package, promo_code=promo.code).reason == "used_up"


def test_promo_use_returns_once(event):
    package, promo = make.package(event), make.promo_code(event)
    make.purchase(event, package, promo_code=promo.code)
    bought = make.purchase(event, package, promo_code=promo.code)
    for _ in range(2):
        db.write(lambda s: promo_uses.release_use(s, bought.order.id, datetime.now(UTC)))
    assert get_use_count(promo) == 1


def test_use_per_donor_returns_to_that_donor_only(event):
    package, promo = make.package(event), make.promo_code(event, max_uses_per_donor=1)
    ana, bo = make.email("ana"), make.email("bo")
    bought, _ = (make.purchase(event, package, donor_email=donor, promo_code=promo.code) for donor in (ana, bo))
    void(bought)
    assert (
        assert_purchase_refused(PromoRefused, event, package, donor_email=bo, promo_code=promo.code).reason
        == "used_up_by_donor"
    )
    make.purchase(event, package, donor_email=ana.upper(), promo_code=promo.code)
    assert (
        assert_purchase_refused(PromoRefused, event, package, donor_email=ana, promo_code=promo.code).reason
        == "used_up_by_donor"
    )


def test_sale_without_code_returns_no_promo_use(event):
    package, promo = make.package(event), make.promo_code(event)
    make.purchase(event, package, promo_code=promo.code)
    for fields in ({}, {"channel": "comp"}):
        void(make.purchase(event, package, **fields))
    assert (get_use_count(promo), get_sold_count(package)) == (1, 1)


def test_audit_log_has_who_voided_and_why(event):
    ana = make.staff(event=event, name="Ana Ruiz")
    bought = make.purchase(event, make.package(event), donor={"name": "Zoë Oh", "email": "z@example.org"})
    void(bought, ana, reason="Paid with the wrong card")
    assert get_audit_changes(bought.purchase.id, "purchase.voided") == {
        "payment_status": ("completed", "voided"),
        "void_reason": (None, "Paid with the wrong card"),
    }
    with db.read_session() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == bought.purchase.id)).all()
    assert {(row.actor, row.staff_id, row.event_id) for row in rows} == {("Ana Ruiz", ana.staff_id, event.id)}
    assert len({row.change_id for row in rows}) == 1


def test_second_void_is_refused_and_returns_nothing(event):
    package, promo = make.package(event), make.promo_code(event)
    make.purchase(event, package, promo_code=promo.code)
    bought = make.purchase(event, package, quantity=2, promo_code=promo.code)
    void(bought)
    with assert_refused(Conflict, event) as refusal:
        void(bought, reason="Once more")
    assert str(refusal.value) == "This sale is already voided."
    assert (get_sold_count(package), get_use_count(promo), reload(bought).void_reason) == (1, 1, "Typed twice")


def test_imported_sale_keeps_its_external_id(event):
    package = make.package(event)
    run_import(event, sales_csv(sale(package, external_sale_id="A")))
    with db.read_session() as session:
        imported = session.scalars(select(Purchase).where(Purchase.event_id == event.id)).one()
    assert void(imported).external_sale_id == "A"
    assert get_sold_count(package) == 0
    assert list_differences(event) == []


@pytest.mark.parametrize(
    ("reason", "is_valid"),
    [("", False), ("  \n ", False), ("x", True), ("x" * 500, True), ("x" * 501, False), ("x\x00", False)],
)
def test_reason_has_1_to_500_characters(event, reason, is_valid):
    bought = make.purchase(event, make.package(event))
    if is_valid:
        assert void(bought, reason=reason).void_reason == reason
        return
    with assert_refused(InvalidInput, event) as refusal:
        void(bought, reason=reason)
    assert set(refusal.value.fields) == {"reason"}


def test_viewer_and_unassigned_staff_are_refused(event):
    bought = make.purchase(event, make.package(event))
    for actor, kind in ((make.staff(role="viewer", event=event), NotAllowed), (make.staff(), NotFound)):
        with assert_refused(kind, event):
            void(bought, actor)


def test_purchase_of_another_event_is_not_found(event):
    elsewhere = make.event()
    bought = make.purchase(elsewhere, make.package(elsewhere))
    with assert_refused(NotFound, elsewhere):
        void(bought, make.staff(event=event), event_id=event.id)
    with pytest.raises(NotFound):
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, uuid.uuid4(), "Typed twice"))


def test_voided_sale_counts_nowhere(event):
    package, promo = make.package(event, seats_per_package=2, quantity_limit=3), make.promo_code(event)
    kept = make.purchase(event, package, promo_code=promo.code, guests=[{"name": "Bo"}])
    wrong = make.purchase(event, package, quantity=2, promo_code=promo.code, guests=[{"name": "Cy"}])
    void(wrong)
    with db.read_session() as session:
        summary = figures.get_figures(session, OPERATOR, event.id)
        (day,) = timeline.get_timeline(session, OPERATOR, event.id).days
        lines, total = purchase_list.list_purchases(session, OPERATOR, event.id, ALL_PURCHASES)
        _, given = promo_codes.get(session, OPERATOR, event.id, promo.id)
    assert (summary.revenue, summary.discount, summary.pending.total) == (Decimal(90), Decimal(10), Decimal(0))
    assert (summary.purchases, summary.packages_sold, summary.seats_sold, summary.seats_named) == (1, 1, 2, 1)
    assert (summary.sold_out_count, summary.by_package[0].available) == (0, 2)
    assert (day.revenue, day.cumulative, day.packages) == (Decimal(90), Decimal(90), 1)
    assert given == Decimal(10)
    assert (total, {line.purchase.id for line in lines}) == (2, {kept.purchase.id, wrong.purchase.id})
    assert list_differences(event) == []


def test_event_with_only_voided_sales_has_no_days(event):
    void(make.purchase(event, make.package(event)))
    with db.read_session() as session:
        emptied = figures.get_figures(session, OPERATOR, event.id)
        assert timeline.get_timeline(session, OPERATOR, event.id).days == ()
    assert emptied.purchases == 0
    assert list_differences(event) == []


def test_void_changes_event_fingerprint(event):
    bought = make.purchase(event, make.package(event))

    def state():
        with db.read_session() as session:
            return figures.compute_fingerprints(session, {event.id})

    before = state()
    void(bought)
    assert state() != before


def test_limit_may_be_lowered_to_what_is_still_sold(event):
    package = make.package(event, quantity_limit=10)
    make.purchase(event, package, quantity=3)
    void(make.purchase(event, package, quantity=4))
    changed = db.write(
        lambda s: packages.update(s, OPERATOR, event.id, package.id, {"quantity_limit": 3}, seen_version=1)
    )
    assert (changed.quantity_limit, changed.is_sold_out) == (3, True)


def test_key_of_voided_sale_returns_it_and_sells_nothing(event):
    package, key, donor = make.package(event), make.unique("key"), make.email()
    first = make.purchase(event, package, donor_email=donor, idempotency_key=key)
    void(first)
    again = make.purchase(event, package, donor_email=donor, idempotency_key=key)
    assert (again.is_repeat, again.purchase.id, again.purchase.payment_status) == (True, first.purchase.id, "voided")
    assert get_sold_count(package) == 0


def test_16_threads_void_one_sale_once(event):
    package, promo = make.package(event, quantity_limit=10), make.promo_code(event, max_total_uses=5)
    make.purchase(event, package, promo_code=promo.code)
    bought = make.purchase(event, package, quantity=4, promo_code=promo.code)
    start = threading.Barrier(THREADS)

    def attempt(number):
        start.wait(timeout=30)
        try:
            return void(bought, reason=f"Reason {number}")
        except Conflict as refusal:
            return refusal

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(attempt, range(THREADS)))
    assert Counter(type(outcome).__name__ for outcome in outcomes) == {"Purchase": 1, "Conflict": THREADS - 1}
    (done,) = (outcome for outcome in outcomes if isinstance(outcome, Purchase))
    assert reload(bought).void_reason == done.void_reason
    assert get_audit_changes(bought.purchase.id, "purchase.voided")["void_reason"] == (None, done.void_reason)
    with db.read_session() as session:
        rows = select(func.count()).where(AuditEntry.subject_id == bought.purchase.id)
        assert session.scalar(rows) == 2
    assert (get_sold_count(package), get_use_count(promo)) == (1, 1)
    assert list_differences(event) == []

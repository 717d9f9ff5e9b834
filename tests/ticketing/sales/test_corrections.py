"""Payment status changes: which are allowed, what they return, and that concurrent changes apply once."""

import uuid
from decimal import Decimal

import pytest
from sqlalchemy import select

from tests.races.racing import THREADS, count_by_type, race
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
from ticketing.catalog import promo_codes
from ticketing.errors import CodeUsed, Conflict, InvalidInput, NotAllowed, NotFound, PromoRefused, SoldOut, StaleVersion
from ticketing.models import PAYMENT_STATUSES, Purchase
from ticketing.ops import verify
from ticketing.reporting import figures
from ticketing.sales import corrections

pytestmark = pytest.mark.usefixtures("database_of_module")

ALLOWED_CHANGES = {("pending", "completed"), ("pending", "failed"), ("completed", "refunded")}
REFUSED_CHANGES = [(now, to) for now in PAYMENT_STATUSES for to in PAYMENT_STATUSES if (now, to) not in ALLOWED_CHANGES]


def change(purchase, status, actor=OPERATOR, *, seen_version=None, event_id=None):
    row = getattr(purchase, "purchase", purchase)
    return db.write(
        lambda s: corrections.change_status(
            s, actor, event_id or row.event_id, row.id, status, seen_version=seen_version or row.version or 1
        )
    )


def void(purchase, reason="Typed twice"):
    return db.write(lambda s: corrections.void(s, OPERATOR, purchase.event_id, purchase.id, reason))


def make_with_status(event, package, status, **fields):
    """Return a purchase that reached this status by allowed changes."""
    first = "completed" if status in ("completed", "refunded") else "pending"
    bought = make.purchase(event, package, payment_status=first, **fields).purchase
    if status == "voided":
        return void(bought)
    return bought if status == first else change(bought, status, seen_version=1)


def reload(purchase):
    with db.read_session() as session:
        return session.get(Purchase, purchase.id)


def get_figures(event):
    with db.read_session() as session:
        return figures.get_figures(session, OPERATOR, event.id)


def assert_verified(event):
    with db.Session(db.engine()) as session:
        assert [each for each in verify.verify(session) if each.event_id == event.id] == []


@pytest.mark.parametrize(("now", "to"), sorted(ALLOWED_CHANGES))
def test_allowed_status_change_keeps_amounts(event, now, to):
    package = make.package(event, seats_per_package=2)
    bought = make_with_status(event, package, now, quantity=3)
    changed = change(bought, to, seen_version=1)
    assert (changed.payment_status, changed.version, changed.seats) == (to, 2, 6)
    row = reload(bought)
    assert (row.payment_status, row.version, row.total) == (to, 2, Decimal(300))
    assert (row.voided_at, row.void_reason) == (None, None)
    assert get_audit_changes(bought.id, "purchase.status_changed") == {"payment_status": (now, to)}
    assert_verified(event)


@pytest.mark.parametrize(("now", "to"), REFUSED_CHANGES)
def test_other_status_change_is_refused_and_changes_nothing(event, now, to):
    bought = make_with_status(event, make.package(event), now)
    with assert_refused(Conflict, event) as refusal:
        change(bought, to, seen_version=bought.version)
    assert str(refusal.value)
    assert_verified(event)


@pytest.mark.parametrize(
    ("now", "to", "sentence"),
    [
        ("completed", "completed", "This purchase is already completed."),
        ("pending", "refunded", "This purchase is pending, so there is no payment to refund."),
        ("completed", "pending", "This purchase is paid, so it cannot become pending. Refund it instead."),
        ("completed", "voided", "Voiding a sale takes a reason. Use Void instead."),
        ("refunded", "completed", "This purchase is refunded, which is final."),
    ],
)
def test_refusal_says_why_and_what_to_do(event, now, to, sentence):
    bought = make_with_status(event, make.package(event), now)
    with pytest.raises(Conflict, match=sentence[:40]) as refusal:
        change(bought, to, seen_version=bought.version)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize("status", ["", "paid", "COMPLETED", "pending\x00"])
def test_unknown_status_is_invalid_input(event, status):
    bought = make.purchase(event, make.package(event)).purchase
    with assert_refused(InvalidInput, event) as refusal:
        change(bought, status, seen_version=1)
    assert set(refusal.value.fields) == {"status"}


@pytest.mark.parametrize(("now", "to"), [("pending", "failed"), ("completed", "refunded")])
def test_failed_or_refunded_purchase_returns_capacity_and_promo_use(event, now, to):
    package = make.package(event, quantity_limit=5)
    promo = make.promo_code(event, max_total_uses=1)
    bought = make.purchase(event, package, quantity=5, payment_status=now, promo_code=promo.code).purchase
    assert_purchase_refused(SoldOut, event, package)
    change(bought, to, seen_version=1)
    assert (get_sold_count(package), get_use_count(promo)) == (0, 0)
    make.purchase(event, package, quantity=5, promo_code=promo.code)
    assert_purchase_refused(SoldOut, event, package)
    assert_verified(event)


def test_completed_payment_keeps_capacity_and_promo_use(event):
    package = make.package(event, quantity_limit=2)
    promo = make.promo_code(event, max_total_uses=1)
    bought = make.purchase(event, package, quantity=2, payment_status="pending", promo_code=promo.code).purchase
    before = get_figures(event)
    change(bought, "completed", seen_version=1)
    after = get_figures(event)
    assert (before.revenue, before.pending.total) == (0, bought.total)
    assert (after.revenue, after.pending.total, after.seats_sold) == (bought.total, 0, before.seats_sold)
    assert_purchase_refused(SoldOut, event, package)
    other = make.package(event)
    assert assert_purchase_refused(PromoRefused, event, other, promo_code=promo.code).reason == "used_up"


def test_refunded_sale_counts_as_refunded_only(event):
    package = make.package(event, seats_per_package=2)
    kept = make.purchase(event, package, guests=[{"name": "Bo"}]).purchase
    back = make.purchase(event, package, quantity=2, guests=[{"name": "Cy"}]).purchase
    change(back, "refunded", seen_version=1)
    now = get_figures(event)
    assert (now.revenue, now.by_status["refunded"].total, now.packages_sold) == (kept.total, back.total, 1)
    assert (now.seats_sold, now.seats_named) == (2, 1)


def test_voiding_a_refunded_sale_returns_nothing_again(event):
    package, promo = make.package(event), make.promo_code(event)
    make.purchase(event, package, quantity=2, promo_code=promo.code)
    bought = make.purchase(event, package, quantity=3, promo_code=promo.code).purchase
    change(bought, "refunded", seen_version=1)
    void(bought)
    assert (get_sold_count(package), get_use_count(promo)) == (2, 1)
    assert_verified(event)


def test_refunded_sale_keeps_discount_but_code_gave_nothing(event):
    package, promo = make.package(event), make.promo_code(event)
    bought = make.purchase(event, package, promo_code=promo.code).purchase
    change(bought, "refunded", seen_version=1)
    with db.read_session() as session:
        _, given = promo_codes.get(session, OPERATOR, event.id, promo.id)
    assert (given, reload(bought).discount) == (0, Decimal(10))
    new = {"discount_value": "50"}
    with assert_refused(CodeUsed, event):
        db.write(lambda s: promo_codes.update(s, OPERATOR, event.id, promo.id, new, seen_version=1))


def test_imported_purchase_changes_status_like_any_other(event):
    package = make.package(event, quantity_limit=1)
    run_import(event, sales_csv(sale(package)))
    with db.read_session() as session:
        imported = session.scalars(select(Purchase).where(Purchase.event_id == event.id)).one()
    change(imported, "refunded", seen_version=1)
    assert get_sold_count(package) == 0
    make.purchase(event, package)
    assert_verified(event)


def test_stale_version_lists_changes_since(event):
    bought = make.purchase(event, make.package(event), payment_status="pending").purchase
    change(bought, "completed", make.staff(event=event, name="Ana Ruiz"), seen_version=1)
    with assert_refused(StaleVersion, event) as refusal:
        change(bought, "failed", seen_version=1)
    (change_seen,) = refusal.value.changes
    assert (change_seen.field, change_seen.old, change_seen.new, change_seen.by) == (
        "payment_status",
        "pending",
        "completed",
        "Ana Ruiz",
    )
    assert refusal.value.current_version == 2


def test_viewer_and_unassigned_staff_are_refused(event):
    bought = make.purchase(event, make.package(event)).purchase
    for actor, kind in ((make.staff(role="viewer", event=event), NotAllowed), (make.staff(), NotFound)):
        with assert_refused(kind, event):
            change(bought, "refunded", actor, seen_version=1)


def test_purchase_of_another_event_is_not_found(event):
    elsewhere = make.event()
    bought = make.purchase(elsewhere, make.package(elsewhere)).purchase
    with assert_refused(NotFound, elsewhere):
        change(bought, "refunded", make.staff(event=event), seen_version=1, event_id=event.id)
    with pytest.raises(NotFound):
        db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, uuid.uuid4(), "failed", seen_version=1))


class TestConcurrentChanges:
    def test_concurrent_refunds_of_one_sale_apply_once(self, event):
        package, promo = make.package(event, quantity_limit=10), make.promo_code(event)
        make.purchase(event, package, promo_code=promo.code)
        bought = make.purchase(event, package, quantity=4, promo_code=promo.code).purchase
        outcomes = race(THREADS, lambda _: change(bought, "refunded", seen_version=1))
        assert count_by_type(outcomes) == {"Purchase": 1, "StaleVersion": THREADS - 1}
        assert (get_sold_count(package), get_use_count(promo), reload(bought).version) == (1, 1, 2)
        assert_verified(event)

    def test_competing_status_changes_apply_one(self, event):
        package = make.package(event)
        bought = make.purchase(event, package, quantity=2, payment_status="pending").purchase
        outcomes = race(THREADS, lambda n: change(bought, ("completed", "failed")[n % 2], seen_version=1))
        assert count_by_type(outcomes) == {"Purchase": 1, "StaleVersion": THREADS - 1}
        status = reload(bought).payment_status
        assert status in ("completed", "failed")
        assert get_sold_count(package) == (2 if status == "completed" else 0)
        assert_verified(event)

    def test_refund_and_void_return_capacity_once(self, event):
        package, promo = make.package(event), make.promo_code(event)
        bought = make.purchase(event, package, quantity=2, promo_code=promo.code).purchase
        race(THREADS, lambda n: change(bought, "refunded", seen_version=1) if n % 2 else void(bought))
        assert (get_sold_count(package), get_use_count(promo), reload(bought).payment_status) == (0, 0, "voided")
        assert_verified(event)

    def test_purchases_during_refunds_stay_within_limits(self, event):
        limit = THREADS // 2
        package = make.package(event, quantity_limit=limit)
        promo = make.promo_code(event, max_total_uses=limit)
        first = [make.purchase(event, package, promo_code=promo.code).purchase for _ in range(limit)]

        def refund_or_buy(number):
            if number % 2:
                return make.purchase(event, package, promo_code=promo.code)
            return change(first[number // 2 % limit], "refunded", seen_version=1)

        outcomes = race(THREADS * 2, refund_or_buy)
        bought = count_by_type(outcomes)["RecordedPurchase"]
        assert count_by_type(outcomes)["Purchase"] == limit
        assert get_sold_count(package) == get_use_count(promo) == bought <= limit
        assert_verified(event)

"""Updating and deleting promo codes, and their state."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support import make
from tests.support.database_state import assert_purchase_refused, assert_refused, get_audit_changes, get_use_count
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import promo_codes
from ticketing.errors import (
    CodeUsed,
    DuplicateCode,
    InvalidInput,
    LimitBelowUses,
    NotAllowed,
    NotFound,
    PromoRefused,
    StaleVersion,
)
from ticketing.models import PromoCode
from ticketing.sales import corrections

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
WEEK = timedelta(days=7)


def update_code(promo, actor=OPERATOR, *, seen_version=None, event_id=None, **values):
    return db.write(
        lambda s: promo_codes.update(s, actor, event_id or promo.event_id, promo.id, values, seen_version=seen_version)
    )


def delete_code(promo, actor=OPERATOR, *, event_id=None):
    db.write(lambda s: promo_codes.delete(s, actor, event_id or promo.event_id, promo.id))


def get_total_discount(promo, actor=OPERATOR):
    with db.read_session() as session:
        return promo_codes.get(session, actor, promo.event_id, promo.id)


def buy_with_code(event, promo, *, times=1, donor=None):
    package = make.package(event)
    return [make.purchase(event, package, donor_email=donor, promo_code=promo.code) for _ in range(times)]


def void_purchase(bought):
    db.write(lambda s: corrections.void(s, OPERATOR, bought.purchase.event_id, bought.purchase.id, "Typed twice"))


def test_every_field_of_an_unused_code_changes_and_is_in_the_audit_log(event):
    ana = make.staff(event=event, name="Ana Ruiz")
    promo = make.promo_code(event, code="GALA10")
    changed = update_code(
        promo,
        ana,
        seen_version=1,
        code="gala50",
        discount_type="fixed_amount",
        discount_value="50",
        expires_at="2026-12-01T18:00",
        max_total_uses=5,
        max_uses_per_donor=1,
        is_active=False,
    )
    assert (changed.code, changed.version) == ("GALA50", 2)
    row, _ = get_total_discount(promo)
    assert (row.discount_type, row.discount_value, row.is_active) == ("fixed_amount", Decimal(50), False)
    assert row.expires_at == datetime(2026, 12, 1, 23, tzinfo=UTC)
    assert get_audit_changes(promo.id, "promo_code.changed") == {
        "code": ("GALA10", "GALA50"),
        "discount_type": ("percentage", "fixed_amount"),
        "discount_value": ("10.00", "50.00"),
        "expires_at": (None, "2026-12-01T18:00:00-05:00"),
        "max_total_uses": (None, 5),
        "max_uses_per_donor": (None, 1),
        "is_active": (True, False),
    }


def test_update_with_current_values_changes_nothing(event):
    promo = make.promo_code(event, code="GALA10", expires_at="2026-12-01T18:00")
    same = {"code": " gala10", "discount_value": "10.00", "expires_at": "2026-12-01T23:00:00+00:00"}
    assert update_code(promo, seen_version=1, **same).version == 1
    assert get_audit_changes(promo.id, "promo_code.changed") == {}


def test_stale_version_is_refused_with_the_changes(event):
    promo, bo = make.promo_code(event), make.staff(event=event, name="Bo Lind")
    update_code(promo, bo, seen_version=1, max_total_uses=5)
    with assert_refused(StaleVersion, event) as refusal:
        update_code(promo, seen_version=1, is_active=False)
    (change,) = refusal.value.changes
    assert (refusal.value.current_version, change.field, change.new, change.by) == (2, "max_total_uses", 5, "Bo Lind")
    assert update_code(promo, seen_version=2, is_active=False).version == 3


def test_future_version_is_refused_and_none_updates_the_current_one(event):
    promo = make.promo_code(event)
    with assert_refused(StaleVersion, event):
        update_code(promo, seen_version=2, is_active=False)
    update_code(promo, seen_version=1, is_active=False)
    assert update_code(promo, seen_version=None, max_total_uses=3).version == 3


def test_sale_is_no_conflict_for_an_open_form(event):
    promo = make.promo_code(event)
    buy_with_code(event, promo)
    assert update_code(promo, seen_version=1, is_active=False).version == 2


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"code": "ABC"}, {"code"}),
        ({"discount_value": "100.01"}, {"discount_value"}),
        ({"max_total_uses": 0}, {"max_total_uses"}),
        ({"max_uses_per_donor": 101}, {"max_uses_per_donor"}),
        ({"code": None, "is_active": None}, {"code", "is_active"}),
    ],
)
def test_update_is_validated_like_a_new_code(event, values, fields):
    promo = make.promo_code(event)
    with assert_refused(InvalidInput, event) as refusal:
        update_code(promo, **values)
    assert set(refusal.value.fields) == fields


def test_new_type_is_validated_with_the_current_value(event):
    promo = make.promo_code(event, discount_type="fixed_amount", discount_value="100.01")
    with assert_refused(InvalidInput, event) as refusal:
        update_code(promo, discount_type="percentage")
    assert set(refusal.value.fields) == {"discount_value"}
    assert update_code(promo, discount_type="percentage", discount_value="100").discount_value == 100


def test_update_to_a_used_name_is_refused(event):
    make.promo_code(event, code="GALA10")
    promo = make.promo_code(event, code="GALA20")
    with assert_refused(DuplicateCode, event) as refusal:
        update_code(promo, code="Gala10")
    assert "promo code GALA10" in str(refusal.value)


@pytest.mark.parametrize(
    "values", [{"code": "OTHER"}, {"discount_type": "fixed_amount"}, {"discount_value": "11"}, {"discount_value": "9"}]
)
def test_code_type_and_value_of_a_used_code_cannot_change(event, values):
    promo = make.promo_code(event)
    buy_with_code(event, promo)
    with assert_refused(CodeUsed, event):
        update_code(promo, **values)
    with assert_refused(CodeUsed, event):
        update_code(promo, **values, is_active=False)


def test_code_of_a_voided_purchase_cannot_change(event):
    promo = make.promo_code(event)
    (bought,) = buy_with_code(event, promo)
    void_purchase(bought)
    with assert_refused(CodeUsed, event):
        update_code(promo, discount_value="11")


def test_expiry_limits_and_active_flag_of_a_used_code_can_change(event):
    promo = make.promo_code(event, code="GALA10")
    buy_with_code(event, promo)
    values = {"expires_at": NOW, "max_total_uses": 1, "max_uses_per_donor": 1, "is_active": False}
    changed = update_code(promo, code="gala10", discount_value="10.00", **values)
    assert {field: getattr(changed, field) for field in values} == values


def test_total_limit_cannot_go_below_the_uses(event):
    promo = make.promo_code(event, max_total_uses=10)
    buy_with_code(event, promo, times=3)
    with assert_refused(LimitBelowUses, event) as refusal:
        update_code(promo, max_total_uses=2)
    assert (refusal.value.field, str(refusal.value)) == (
        "max_total_uses",
        "The code was used 3 times already. Enter 3 or more.",
    )
    assert update_code(promo, max_total_uses=3).max_total_uses == 3
    assert update_code(promo, max_total_uses=None).max_total_uses is None


def test_limit_per_donor_cannot_go_below_the_uses_of_any_donor(event):
    promo, busiest = make.promo_code(event), make.email()
    buy_with_code(event, promo, times=3, donor=busiest)
    buy_with_code(event, promo, times=2, donor=make.email())
    with assert_refused(LimitBelowUses, event) as refusal:
        update_code(promo, max_uses_per_donor=2)
    assert refusal.value.field == "max_uses_per_donor"
    assert "3 or more" in str(refusal.value)
    assert update_code(promo, max_uses_per_donor=3).max_uses_per_donor == 3


def test_voided_uses_do_not_count_for_limits(event):
    promo, donor = make.promo_code(event), make.email()
    first, _ = buy_with_code(event, promo, times=2, donor=donor)
    void_purchase(first)
    changed = update_code(promo, max_total_uses=1, max_uses_per_donor=1)
    assert (changed.max_total_uses, changed.max_uses_per_donor) == (1, 1)
    assert assert_purchase_refused(PromoRefused, event, make.package(event), promo_code=promo.code).reason == "used_up"


def test_inactive_code_is_refused_until_active_again(event):
    package, promo = make.package(event), make.promo_code(event)
    update_code(promo, is_active=False)
    assert assert_purchase_refused(PromoRefused, event, package, promo_code=promo.code).reason == "inactive"
    update_code(promo, is_active=True)
    assert make.purchase(event, package, promo_code=promo.code).promo_code == promo.code


def test_unused_code_is_deleted_and_kept_in_the_audit_log(event):
    promo = make.promo_code(event, make.staff(event=event), code="GALA10", max_total_uses=5)
    delete_code(promo)
    with pytest.raises(NotFound):
        get_total_discount(promo)
    assert get_audit_changes(promo.id, "promo_code.deleted") == {
        "code": ("GALA10", None),
        "discount_type": ("percentage", None),
        "discount_value": ("10.00", None),
        "expires_at": (None, None),
        "max_total_uses": (5, None),
        "max_uses_per_donor": (None, None),
        "is_active": (True, None),
    }
    assert make.promo_code(event, code="GALA10").id != promo.id


def test_used_code_cannot_be_deleted_even_after_a_void(event):
    promo = make.promo_code(event)
    (bought,) = buy_with_code(event, promo)
    with assert_refused(CodeUsed, event) as refusal:
        delete_code(promo)
    assert "Switch it off instead" in str(refusal.value)
    void_purchase(bought)
    with assert_refused(CodeUsed, event):
        delete_code(promo)


def test_viewer_cannot_change_and_stranger_finds_nothing(event):
    promo = make.promo_code(event)
    for actor, kind in ((make.staff(role="viewer", event=event), NotAllowed), (make.staff(), NotFound)):
        with assert_refused(kind, event):
            update_code(promo, actor, is_active=False)
        with assert_refused(kind, event):
            delete_code(promo, actor)
    assert get_total_discount(promo, make.staff(role="viewer", event=event))[0].code == promo.code
    with pytest.raises(NotFound):
        get_total_discount(promo, make.staff())


def test_code_of_another_event_is_not_found(event):
    promo = make.promo_code(make.event())
    for attempt in (update_code, delete_code):
        with pytest.raises(NotFound):
            attempt(promo, event_id=event.id)
    with db.read_session() as session, pytest.raises(NotFound):
        promo_codes.get(session, OPERATOR, event.id, promo.id)
    assert get_total_discount(promo)[0].version == 1


def test_total_discount_is_of_completed_purchases(event):
    promo = make.promo_code(event)
    assert get_total_discount(promo)[1] == 0
    first, *_ = buy_with_code(event, promo, times=3)
    assert get_total_discount(promo)[1] == 30
    void_purchase(first)
    assert (get_total_discount(promo)[1], get_use_count(promo)) == (20, 2)
    make.purchase(event, make.package(event, price="100"), promo_code=promo.code, payment_status="pending")
    assert (get_total_discount(promo)[1], get_use_count(promo)) == (20, 3)


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("never_used", {}),
        ("active", {"current_uses": 1}),
        ("off", {"is_active": False}),
        ("off", {"is_active": False, "expires_at": NOW - WEEK, "current_uses": 5, "max_total_uses": 5}),
        ("expired", {"expires_at": NOW - MOMENT}),
        ("expired", {"expires_at": NOW}),
        ("expires_soon", {"expires_at": NOW + MOMENT}),
        ("expires_soon", {"expires_at": NOW + WEEK}),
        ("never_used", {"expires_at": NOW + WEEK + MOMENT}),
        ("active", {"expires_at": NOW + WEEK + MOMENT, "current_uses": 1}),
        ("active", {"max_total_uses": 5, "current_uses": 4}),
        ("used_up", {"max_total_uses": 5, "current_uses": 5}),
        ("used_up", {"max_total_uses": 5, "current_uses": 5, "expires_at": NOW + MOMENT}),
        ("expired", {"max_total_uses": 5, "current_uses": 5, "expires_at": NOW}),
    ],
)
def test_state_is_the_first_reason_against_use(state, fields):
    row = PromoCode(**{"is_active": True, "current_uses": 0} | fields)
    assert promo_codes.get_state(row, NOW) == state

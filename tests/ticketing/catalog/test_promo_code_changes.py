"""Promo codes after they were made: what of them changes, when they go, and how they stand."""

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


def change(promo, actor=OPERATOR, *, seen_version=None, event_id=None, **values):
    return db.write(
        lambda s: promo_codes.update(s, actor, event_id or promo.event_id, promo.id, values, seen_version=seen_version)
    )


def delete(promo, actor=OPERATOR, *, event_id=None):
    db.write(lambda s: promo_codes.delete(s, actor, event_id or promo.event_id, promo.id))


def got(promo, actor=OPERATOR):
    with db.read_session() as session:
        return promo_codes.get(session, actor, promo.event_id, promo.id)


def use(event, promo, *, times=1, donor=None):
    package = make.package(event)
    return [make.purchase(event, package, donor_email=donor, promo_code=promo.code) for _ in range(times)]


def void(bought):
    db.write(lambda s: corrections.void(s, OPERATOR, bought.purchase.event_id, bought.purchase.id, "Typed twice"))


def test_every_field_of_an_unused_code_changes_and_the_log_tells_each(event):
    ana = make.staff(event=event, name="Ana Ruiz")
    promo = make.promo_code(event, code="GALA10")
    changed = change(
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
    row, _ = got(promo)
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


def test_a_change_to_what_already_is_leaves_no_trace(event):
    promo = make.promo_code(event, code="GALA10", expires_at="2026-12-01T18:00")
    same = {"code": " gala10", "discount_value": "10.00", "expires_at": "2026-12-01T23:00:00+00:00"}
    assert change(promo, seen_version=1, **same).version == 1
    assert get_audit_changes(promo.id, "promo_code.changed") == {}


def test_a_change_to_something_older_tells_what_happened_meanwhile(event):
    promo, bo = make.promo_code(event), make.staff(event=event, name="Bo Lind")
    change(promo, bo, seen_version=1, max_total_uses=5)
    with assert_refused(StaleVersion, event) as refusal:
        change(promo, seen_version=1, is_active=False)
    (told,) = refusal.value.changes
    assert (refusal.value.current_version, told.field, told.new, told.by) == (2, "max_total_uses", 5, "Bo Lind")
    assert change(promo, seen_version=2, is_active=False).version == 3


def test_a_version_nobody_has_seen_is_refused_and_none_takes_what_stands(event):
    promo = make.promo_code(event)
    with assert_refused(StaleVersion, event):
        change(promo, seen_version=2, is_active=False)
    change(promo, seen_version=1, is_active=False)
    assert change(promo, seen_version=None, max_total_uses=3).version == 3


def test_a_sale_with_the_code_does_not_disturb_who_edits_it(event):
    promo = make.promo_code(event)
    use(event, promo)
    assert change(promo, seen_version=1, is_active=False).version == 2


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
def test_a_change_is_judged_like_a_new_code(event, values, fields):
    promo = make.promo_code(event)
    with assert_refused(InvalidInput, event) as refusal:
        change(promo, **values)
    assert set(refusal.value.fields) == fields


def test_another_type_is_judged_with_the_value_that_stands(event):
    promo = make.promo_code(event, discount_type="fixed_amount", discount_value="100.01")
    with assert_refused(InvalidInput, event) as refusal:
        change(promo, discount_type="percentage")
    assert set(refusal.value.fields) == {"discount_value"}
    assert change(promo, discount_type="percentage", discount_value="100").discount_value == 100


def test_a_code_does_not_take_the_name_of_another(event):
    make.promo_code(event, code="GALA10")
    promo = make.promo_code(event, code="GALA20")
    with assert_refused(DuplicateCode, event) as refusal:
        change(promo, code="Gala10")
    assert "promo code GALA10" in str(refusal.value)


@pytest.mark.parametrize(
    "values", [{"code": "OTHER"}, {"discount_type": "fixed_amount"}, {"discount_value": "11"}, {"discount_value": "9"}]
)
def test_code_type_and_value_of_a_used_code_stay(event, values):
    promo = make.promo_code(event)
    use(event, promo)
    with assert_refused(CodeUsed, event):
        change(promo, **values)
    with assert_refused(CodeUsed, event):
        change(promo, **values, is_active=False)


def test_what_a_voided_purchase_used_stays_as_it_is_too(event):
    promo = make.promo_code(event)
    (bought,) = use(event, promo)
    void(bought)
    with assert_refused(CodeUsed, event):
        change(promo, discount_value="11")


def test_expiry_limits_and_active_flag_of_a_used_code_change(event):
    promo = make.promo_code(event, code="GALA10")
    use(event, promo)
    values = {"expires_at": NOW, "max_total_uses": 1, "max_uses_per_donor": 1, "is_active": False}
    changed = change(promo, code="gala10", discount_value="10.00", **values)
    assert {field: getattr(changed, field) for field in values} == values


def test_the_total_limit_goes_down_to_the_uses_so_far_and_no_further(event):
    promo = make.promo_code(event, max_total_uses=10)
    use(event, promo, times=3)
    with assert_refused(LimitBelowUses, event) as refusal:
        change(promo, max_total_uses=2)
    assert (refusal.value.field, str(refusal.value)) == (
        "max_total_uses",
        "The code was used 3 times already. Enter 3 or more.",
    )
    assert change(promo, max_total_uses=3).max_total_uses == 3
    assert change(promo, max_total_uses=None).max_total_uses is None


def test_the_limit_per_donor_goes_down_to_the_uses_of_the_busiest_donor_and_no_further(event):
    promo, busiest = make.promo_code(event), make.email()
    use(event, promo, times=3, donor=busiest)
    use(event, promo, times=2, donor=make.email())
    with assert_refused(LimitBelowUses, event) as refusal:
        change(promo, max_uses_per_donor=2)
    assert refusal.value.field == "max_uses_per_donor"
    assert "3 or more" in str(refusal.value)
    assert change(promo, max_uses_per_donor=3).max_uses_per_donor == 3


def test_a_voided_use_no_longer_holds_a_limit_up(event):
    promo, donor = make.promo_code(event), make.email()
    first, _ = use(event, promo, times=2, donor=donor)
    void(first)
    changed = change(promo, max_total_uses=1, max_uses_per_donor=1)
    assert (changed.max_total_uses, changed.max_uses_per_donor) == (1, 1)
    assert assert_purchase_refused(PromoRefused, event, make.package(event), promo_code=promo.code).reason == "used_up"


def test_a_code_switched_off_is_refused_and_switched_on_it_is_taken(event):
    package, promo = make.package(event), make.promo_code(event)
    change(promo, is_active=False)
    assert assert_purchase_refused(PromoRefused, event, package, promo_code=promo.code).reason == "inactive"
    change(promo, is_active=True)
    assert make.purchase(event, package, promo_code=promo.code).promo_code == promo.code


def test_an_unused_code_is_deleted_and_the_log_keeps_what_it_was(event):
    promo = make.promo_code(event, make.staff(event=event), code="GALA10", max_total_uses=5)
    delete(promo)
    with pytest.raises(NotFound):
        got(promo)
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


def test_a_used_code_stays_also_when_the_purchase_was_voided(event):
    promo = make.promo_code(event)
    (bought,) = use(event, promo)
    with assert_refused(CodeUsed, event) as refusal:
        delete(promo)
    assert "Switch it off instead" in str(refusal.value)
    void(bought)
    with assert_refused(CodeUsed, event):
        delete(promo)


def test_a_viewer_changes_nothing_and_a_stranger_finds_nothing(event):
    promo = make.promo_code(event)
    for actor, kind in ((make.staff(role="viewer", event=event), NotAllowed), (make.staff(), NotFound)):
        with assert_refused(kind, event):
            change(promo, actor, is_active=False)
        with assert_refused(kind, event):
            delete(promo, actor)
    assert got(promo, make.staff(role="viewer", event=event))[0].code == promo.code
    with pytest.raises(NotFound):
        got(promo, make.staff())


def test_a_code_is_found_in_its_own_event_only(event):
    promo = make.promo_code(make.event())
    for attempt in (change, delete):
        with pytest.raises(NotFound):
            attempt(promo, event_id=event.id)
    with db.read_session() as session, pytest.raises(NotFound):
        promo_codes.get(session, OPERATOR, event.id, promo.id)
    assert got(promo)[0].version == 1


def test_one_code_tells_the_discount_it_gave_without_what_was_voided(event):
    promo = make.promo_code(event)
    assert got(promo)[1] == 0
    first, *_ = use(event, promo, times=3)
    assert got(promo)[1] == 30
    void(first)
    assert (got(promo)[1], get_use_count(promo)) == (20, 2)


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
def test_how_a_code_stands_is_told_by_the_first_thing_that_keeps_it_from_use(state, fields):
    row = PromoCode(**{"is_active": True, "current_uses": 0} | fields)
    assert promo_codes.get_state(row, NOW) == state

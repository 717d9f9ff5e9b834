"""A dry run checks a code against every rule of a purchase and changes nothing."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support import make
from tests.support.database_state import snapshot
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import promo_code_check
from ticketing.errors import InvalidInput, NotFound, PromoRefused
from ticketing.sales import corrections

NOW = datetime.now(UTC)
MOMENT = timedelta(microseconds=1)
CODE_RULES = ["unknown", "inactive", "expired", "used_up", "used_up_by_donor"]


def run_check(event, package, code, actor=OPERATOR, *, quantity=1, **fields):
    before = snapshot(event)
    with db.read_session() as session:
        outcome = promo_code_check.dry_run(
            session, actor, event.id, code, package_id=package.id, quantity=quantity, **fields
        )
    assert snapshot(event) == before
    return outcome


def list_passed(rules):
    return {rule.reason: rule.passed for rule in rules}


def get_sentence(outcome, reason):
    return next(rule.sentence for rule in (*outcome.code_rules, *outcome.package_rules) if rule.reason == reason)


def test_valid_code_returns_the_discounted_price(event):
    package = make.package(event, name="Table", price="33.35", quantity_limit=10)
    promo = make.promo_code(
        event, code="EARLY25", discount_value="12.5", expires_at=NOW + timedelta(days=1), max_total_uses=2
    )
    outcome = run_check(event, package, " early25", quantity=3, donor_email="ana@example.org")
    assert outcome.reason is None
    assert [rule.reason for rule in outcome.code_rules] == CODE_RULES
    assert all(rule.passed for rule in (*outcome.code_rules, *outcome.package_rules))
    bought = make.purchase(event, package, quantity=3, promo_code=promo.code).purchase
    assert (outcome.quote.list_price, outcome.quote.discount, outcome.quote.total) == (
        bought.list_price,
        bought.discount,
        bought.total,
    )


@pytest.mark.parametrize("code", ["NOSUCH", "x", "", "A" * 500, "GALA\x00", "' OR 1=1 --", "../../x"])
def test_unknown_code_fails_one_rule_and_returns_the_full_price(event, code):
    make.promo_code(event, code="GALA10")
    outcome = run_check(event, make.package(event, price="20.00"), code, quantity=2)
    assert (outcome.reason, list_passed(outcome.code_rules)) == ("unknown", {"unknown": False})
    assert (outcome.quote.discount, outcome.quote.total) == (Decimal(0), Decimal(40))
    assert list_passed(outcome.package_rules) == {"not_for_sale": True, "sold_out": True}


def test_code_of_another_event_is_unknown(event):
    assert run_check(event, make.package(event), make.promo_code(make.event()).code).reason == "unknown"


def test_reason_is_the_first_failed_rule(event):
    package, donor = make.package(event), make.email()
    promo = make.promo_code(event, max_total_uses=1, max_uses_per_donor=1)
    make.purchase(event, package, donor_email=donor, promo_code=promo.code)
    by_donor = run_check(event, package, promo.code, donor_email=f" {donor.upper()} ")
    by_another = run_check(event, package, promo.code, donor_email=make.email())
    assert by_donor.reason == by_another.reason == "used_up"
    assert list_passed(by_donor.code_rules) == {
        "unknown": True,
        "inactive": True,
        "expired": True,
        "used_up": False,
        "used_up_by_donor": False,
    }
    assert list_passed(by_another.code_rules)["used_up_by_donor"]


@pytest.mark.parametrize(
    ("reason", "fields", "buy"),
    [
        ("inactive", {"is_active": False}, 0),
        ("inactive", {"is_active": False, "expires_at": NOW - MOMENT}, 0),
        ("expired", {"expires_at": NOW - MOMENT}, 0),
        ("used_up", {"max_total_uses": 2}, 2),
        (None, {"max_total_uses": 2}, 1),
        ("used_up_by_donor", {"max_uses_per_donor": 2}, 2),
        (None, {"max_uses_per_donor": 2}, 1),
    ],
)
def test_reason_equals_the_refusal_of_a_purchase(event, reason, fields, buy):
    package, promo, donor = make.package(event, price="100.00"), make.promo_code(event, **fields), make.email()
    for _ in range(buy):
        make.purchase(event, package, donor_email=donor, promo_code=promo.code)
    outcome = run_check(event, package, promo.code, donor_email=donor)
    assert outcome.reason == reason
    if reason is None:
        assert (
            outcome.quote.total
            == make.purchase(event, package, donor_email=donor, promo_code=promo.code).purchase.total
        )
        return
    assert outcome.quote.total == Decimal(100)
    with pytest.raises(PromoRefused) as refusal:
        make.purchase(event, package, donor_email=donor, promo_code=promo.code)
    assert refusal.value.reason == reason


def test_expiry_is_checked_at_the_given_moment(event):
    package, expires = make.package(event), NOW + timedelta(days=3)
    promo = make.promo_code(event, expires_at=expires)
    assert run_check(event, package, promo.code).reason is None
    assert run_check(event, package, promo.code, moment=expires - MOMENT).reason is None
    assert run_check(event, package, promo.code, moment=expires).reason == "expired"


def test_moment_without_offset_is_local_time():
    event = make.event(time_zone="Asia/Kathmandu")
    package, promo = make.package(event), make.promo_code(event, expires_at="2026-06-01T12:00")
    assert run_check(event, package, promo.code, moment=datetime(2026, 6, 1, 11, 59)).reason is None
    outcome = run_check(event, package, promo.code, moment=datetime(2026, 6, 1, 12))
    assert outcome.reason == "expired"
    assert get_sentence(outcome, "expired") == "It expired on 2026-06-01 at 12:00 (Asia/Kathmandu)."


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        (
            {},
            {
                "expired": "It never expires.",
                "used_up": "Used 1 time in all, without a limit.",
                "used_up_by_donor": "Used 1 time by this donor, without a limit.",
            },
        ),
        (
            {"max_total_uses": 5, "max_uses_per_donor": 1},
            {
                "used_up": "Used 1 time in all, of at most 5.",
                "used_up_by_donor": "Used 1 time by this donor, of at most 1.",
            },
        ),
    ],
)
def test_sentence_of_each_rule(event, fields, sentences):
    package, promo, donor = make.package(event), make.promo_code(event, **fields), make.email()
    make.purchase(event, package, donor_email=donor, promo_code=promo.code)
    outcome = run_check(event, package, promo.code, donor_email=donor)
    assert {reason: get_sentence(outcome, reason) for reason in sentences} == sentences


@pytest.mark.parametrize(
    ("most", "sentence"),
    [
        (None, "Each donor may use it any number of times."),
        (1, "Each donor may use it at most 1 time."),
        (2, "Each donor may use it at most 2 times."),
    ],
)
def test_sentence_of_the_donor_limit_without_a_donor(event, most, sentence):
    promo = make.promo_code(event, max_uses_per_donor=most)
    outcome = run_check(event, make.package(event), promo.code)
    assert (outcome.reason, get_sentence(outcome, "used_up_by_donor")) == (None, sentence)


def test_package_rules_do_not_change_the_reason(event):
    promo = make.promo_code(event)
    off = run_check(event, make.package(event, is_enabled=False), promo.code)
    assert (off.reason, list_passed(off.package_rules)) == (None, {"not_for_sale": False, "sold_out": True})
    few = make.package(event, quantity_limit=3)
    make.purchase(event, few)
    assert list_passed(run_check(event, few, promo.code, quantity=2).package_rules)["sold_out"]
    assert not list_passed(run_check(event, few, promo.code, quantity=3).package_rules)["sold_out"]


def test_released_use_is_available(event):
    package, promo, donor = make.package(event), make.promo_code(event, max_uses_per_donor=1), make.email()
    bought = make.purchase(event, package, donor_email=donor, promo_code=promo.code).purchase
    assert run_check(event, package, promo.code, donor_email=donor).reason == "used_up_by_donor"
    db.write(lambda s: corrections.void(s, OPERATOR, event.id, bought.id, "Typed twice"))
    assert run_check(event, package, promo.code, donor_email=donor).reason is None


def test_amount_above_the_maximum_is_refused(event):
    package = make.package(event, price="1000000.00")
    with pytest.raises(InvalidInput):
        run_check(event, package, "NOSUCH", quantity=10_000)


def test_viewer_may_check_and_stranger_or_foreign_package_is_not_found(event):
    package, promo = make.package(event), make.promo_code(event)
    assert run_check(event, package, promo.code, make.staff(role="viewer", event=event)).reason is None
    for actor, chosen in ((make.staff(), package), (OPERATOR, make.package(make.event()))):
        with pytest.raises(NotFound):
            run_check(event, chosen, promo.code, actor)
    with db.read_session() as session, pytest.raises(NotFound):
        promo_code_check.dry_run(session, OPERATOR, event.id, promo.code, package_id=uuid.uuid4(), quantity=1)

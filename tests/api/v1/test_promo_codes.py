"""Promo codes over HTTP: read, update, delete and dry run."""

from __future__ import annotations

import uuid

import pytest

from tests.support import make
from tests.support.database_state import snapshot
from tests.support.problems import assert_problem, field_messages

CODE = {"code": "EARLY25", "discount_type": "percentage", "discount_value": "25.00"}


def path_of(promo):
    return f"/admin/events/{promo.event_id}/promo-codes/{promo.id}"


def validate_code(call, package, code, **more):
    body = {"package_id": str(package.id), "quantity": 1, "donor_email": "ana@example.org"}
    return call("POST", f"/admin/events/{package.event_id}/promo-codes/validate/{code}", body | more)


def get_problem(answer_of, event, code):
    """Return the problem of a 409 response after checking that nothing changed."""
    before = snapshot(event)
    problem = assert_problem(answer_of(), 409, code)
    assert snapshot(event) == before
    return problem


def test_code_is_returned_with_its_total_discount(call, event):
    promo, package = make.promo_code(event, **CODE, max_total_uses=5), make.package(event)
    make.purchase(event, package, quantity=3, promo_code="EARLY25")

    answer = call("GET", path_of(promo))

    assert answer.status_code == 200
    assert answer.json() == CODE | {
        "id": str(promo.id),
        "event_id": str(event.id),
        "expires_at": None,
        "max_total_uses": 5,
        "max_uses_per_donor": None,
        "is_active": True,
        "current_uses": 1,
        "total_discount": "75.00",
        "version": 1,
    }
    assert call("GET", f"/admin/events/{event.id}/promo-codes").json()["items"] == [answer.json()]


def test_update_changes_only_the_sent_fields(call, event):
    promo = make.promo_code(event, **CODE, max_uses_per_donor=1)
    make.purchase(event, make.package(event), promo_code="EARLY25")
    before = call("GET", path_of(promo)).json()

    changed = call(
        "PATCH",
        path_of(promo),
        {"version": 1, "expires_at": "2026-12-01T12:00:00", "max_total_uses": 1, "max_uses_per_donor": None},
    )

    assert changed.status_code == 200
    assert changed.json() == before | {
        "expires_at": "2026-12-01T12:00:00-05:00",
        "max_total_uses": 1,
        "max_uses_per_donor": None,
        "version": 2,
    }
    assert call("GET", path_of(promo)).json() == changed.json()


def test_update_without_version_is_saved_and_a_stale_one_is_a_conflict(call, program, event):
    promo = make.promo_code(event, **CODE)
    colleague = program(make.staff("coordinator", event, name="Bo Lind"))
    assert colleague("PATCH", path_of(promo), {"is_active": False}).json()["version"] == 2

    problem = get_problem(
        lambda: call("PATCH", path_of(promo), {"version": 1, "max_total_uses": 5}), event, "stale_version"
    )

    (change,) = problem["changes"]
    assert problem["current_version"] == 2
    assert (change["field"], change["old"], change["new"], change["by"]) == ("is_active", True, False, "Bo Lind")
    assert call("PATCH", path_of(promo), {"version": None, "max_total_uses": 5}).json()["version"] == 3
    assert field_messages(call("PATCH", path_of(promo), {"version": 0})) == {"version": "Enter 1 or more."}


def test_invalid_fields_are_named(call, event):
    promo = make.promo_code(event, **CODE)

    with_shape = field_messages(
        call("PATCH", path_of(promo), {"code": "A B", "max_total_uses": 0, "discount_value": "1.001"})
    )
    with_meaning = field_messages(call("PATCH", path_of(promo), {"discount_value": "100.01"}))

    assert set(with_shape) == {"code", "max_total_uses", "discount_value"}
    assert with_meaning == {"discount_value": "Enter a percentage from 1 to 100."}
    assert call("GET", path_of(promo)).json()["version"] == 1


def test_used_code_name_is_a_conflict(call, event):
    make.promo_code(event, code="GALA10")
    promo = make.promo_code(event, code="GALA20")

    get_problem(lambda: call("PATCH", path_of(promo), {"code": "gala10"}), event, "duplicate_code")

    assert call("GET", path_of(promo)).json()["code"] == "GALA20"


@pytest.mark.parametrize("change", [{"code": "OTHER"}, {"discount_type": "fixed_amount"}, {"discount_value": "26"}])
def test_code_type_and_value_of_a_used_code_cannot_change(call, event, change):
    promo = make.promo_code(event, **CODE)
    make.purchase(event, make.package(event), promo_code="EARLY25")

    get_problem(lambda: call("PATCH", path_of(promo), change), event, "code_used")

    assert call("PATCH", path_of(promo), {"is_active": False}).json()["is_active"] is False


@pytest.mark.parametrize("limit", ["max_total_uses", "max_uses_per_donor"])
def test_limit_below_the_uses_is_a_conflict(call, event, limit):
    promo, package, donor = make.promo_code(event, **CODE), make.package(event), make.email()
    for _ in range(2):
        make.purchase(event, package, donor_email=donor, promo_code="EARLY25")

    problem = get_problem(lambda: call("PATCH", path_of(promo), {limit: 1}), event, "limit_below_uses")

    assert "Enter 2 or more." in problem["detail"]
    assert call("PATCH", path_of(promo), {limit: 2}).json()[limit] == 2


def test_only_an_unused_code_is_deleted(call, event):
    unused, promo = make.promo_code(event), make.promo_code(event, **CODE)
    make.purchase(event, make.package(event), promo_code="EARLY25")

    deleted = call("DELETE", path_of(unused))

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert_problem(call("GET", path_of(unused)), 404, "not_found")
    assert_problem(call("DELETE", path_of(unused)), 404, "not_found")
    get_problem(lambda: call("DELETE", path_of(promo)), event, "code_used")


def test_code_of_another_event_is_not_found(call, event):
    elsewhere = make.promo_code(make.event())
    path = f"/admin/events/{event.id}/promo-codes/{elsewhere.id}"

    for verb, body in (("GET", None), ("PATCH", {"is_active": False}), ("DELETE", None)):
        assert_problem(call(verb, path, body), 404, "not_found")
    assert call("GET", path_of(elsewhere)).json()["version"] == 1


def test_valid_code_returns_the_discount_and_every_rule(call, event):
    package = make.package(event, name="Table", price="33.35", quantity_limit=9)
    make.promo_code(event, **CODE, max_total_uses=2, max_uses_per_donor=1)
    before = snapshot(event)

    answer = validate_code(call, package, "early25", quantity=3)

    assert answer.status_code == 200
    assert {key: value for key, value in answer.json().items() if key != "rules"} == {
        "valid": True,
        "reason": None,
        "discount_amount": "25.01",
        "total": "75.04",
    }
    assert answer.json()["rules"] == [
        {"rule": "unknown", "passed": True, "sentence": "This event has the promo code EARLY25."},
        {"rule": "inactive", "passed": True, "sentence": "It is active."},
        {"rule": "expired", "passed": True, "sentence": "It never expires."},
        {"rule": "used_up", "passed": True, "sentence": "Used 0 times in all, of at most 2."},
        {"rule": "used_up_by_donor", "passed": True, "sentence": "Used 0 times by this donor, of at most 1."},
        {"rule": "not_for_sale", "passed": True, "sentence": "Table is on sale."},
        {"rule": "sold_out", "passed": True, "sentence": "Table has 9 left; 3 requested."},
    ]
    assert snapshot(event) == before


@pytest.mark.parametrize(
    ("reason", "given", "uses"),
    [
        ("inactive", {"is_active": False}, 0),
        ("expired", {"expires_at": "2026-01-01T00:00"}, 0),
        ("used_up", {"max_total_uses": 1}, 1),
        ("used_up_by_donor", {"max_uses_per_donor": 1}, 1),
    ],
)
def test_invalid_code_returns_the_reason_and_the_full_price(call, event, reason, given, uses):
    package = make.package(event, price="40.00")
    make.promo_code(event, **CODE, **given)
    for _ in range(uses):
        make.purchase(event, package, donor_email="ana@example.org", promo_code="EARLY25")

    answer = validate_code(call, package, "EARLY25", donor_email=" ANA@Example.org", quantity=2).json()

    rules = answer.pop("rules")
    assert answer == {"valid": False, "reason": reason, "discount_amount": "0.00", "total": "80.00"}
    assert [rule["rule"] for rule in rules if not rule["passed"]] == [reason]


@pytest.mark.parametrize("code", ["NOSUCH", "x", "%20", "G%C3%84LA", "a/b", "a%2Fb", "%27%20OR%201=1"])
def test_any_other_text_is_an_unknown_code(call, event, code):
    answer = validate_code(call, make.package(event, price="40.00"), code)

    assert answer.status_code == 200
    assert (answer.json()["valid"], answer.json()["reason"]) == (False, "unknown")
    assert [(rule["rule"], rule["passed"]) for rule in answer.json()["rules"]] == [
        ("unknown", False),
        ("not_for_sale", True),
        ("sold_out", True),
    ]


def test_code_is_checked_at_another_moment(call, event):
    package, _ = make.package(event), make.promo_code(event, **CODE, expires_at="2099-06-01T12:00")

    for at, reason in (
        (None, None),
        ("2099-06-01T11:59:59.999999", None),
        ("2099-06-01T12:00:00", "expired"),
        ("2099-06-01T15:59:59Z", None),
        ("2099-06-01T16:00:00Z", "expired"),
    ):
        assert validate_code(call, package, "EARLY25", at=at).json()["reason"] == reason, at


def test_sold_out_package_does_not_make_the_code_invalid(call, event):
    package = make.package(event, quantity_limit=1)
    make.promo_code(event, **CODE)

    answer = validate_code(call, package, "EARLY25", quantity=2).json()

    assert (answer["valid"], answer["reason"]) == (True, None)
    assert [rule["rule"] for rule in answer["rules"] if not rule["passed"]] == ["sold_out"]


def test_dry_run_is_validated_like_a_purchase(call, event):
    path = f"/admin/events/{event.id}/promo-codes/validate/EARLY25"
    package = make.package(event)

    assert field_messages(call("POST", path, {})) == {
        "package_id": "Enter a value.",
        "quantity": "Enter a quantity.",
        "donor_email": "Enter an e-mail address.",
    }
    assert set(field_messages(validate_code(call, package, "X", quantity=0, donor_email="ana", at="soon"))) == {
        "quantity",
        "donor_email",
        "at",
    }
    assert set(field_messages(validate_code(call, package, "X", quantity=10_001))) == {"quantity"}
    body = {"package_id": str(uuid.uuid4()), "quantity": 1, "donor_email": "ana@example.org"}
    assert_problem(call("POST", path, body), 404, "not_found")
    assert_problem(call("POST", path, body | {"package_id": str(make.package(make.event()).id)}), 404, "not_found")

"""Idempotency keys: the same request twice is one purchase, and a key is not reused for another one."""

from __future__ import annotations

import pytest

from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count, snapshot
from tests.support.problems import assert_problem, field_messages

ANA = {"name": "Ana Ruiz", "email": "ana@example.org"}


@pytest.fixture
def package(event):
    return make.package(event, quantity_limit=3, seats_per_package=2)


def buy(call, package, key, **more):
    body = {"package_id": str(package.id), "quantity": 1, "donor": ANA} | more
    return call("POST", f"/events/{package.event_id}/tickets/purchases", body, **{"Idempotency-Key": key})


def test_same_key_returns_first_purchase_and_changes_nothing(call, event, package):
    promo, question = make.promo_code(event, max_total_uses=1), make.option(package)
    body = {
        "quantity": 3,
        "promo_code": promo.code,
        "answers": [{"option_id": str(question.id), "value": "Nuts"}],
        "guests": [{"name": "Bo Lind"}],
    }
    first = buy(call, package, "order-1", **body)
    before = snapshot(event)

    again = [buy(call, package, "order-1", **body) for _ in range(2)]

    assert (first.status_code, [response.status_code for response in again]) == (201, [200, 200])
    assert [response.json() for response in again] == [first.json()] * 2
    assert snapshot(event) == before
    assert (get_sold_count(package), get_use_count(promo)) == (3, 1)


def test_first_result_is_returned_after_later_edits(call, event, package):
    first = buy(call, package, "order-1", quantity=3)
    path = f"/admin/events/{event.id}/tickets/packages/{package.id}"
    call("PATCH", path, {"version": 1, "price": "999.00", "seats_per_package": 9})
    call("POST", f"{path}/disable")

    assert buy(call, package, "order-1", quantity=3).json() == first.json()


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": 2},
        {"donor": ANA | {"email": "bo@example.org"}},
        {"donor": ANA | {"name": "Ana R"}},
        {"guests": [{"name": "Bo"}]},
        {"payment_status": "pending"},
        {"package_version": 1},
        {"promo_code": "NOSUCH"},
        {"notes": "At the door"},
    ],
    ids=lambda other: " ".join(other),
)
def test_same_key_for_another_purchase_is_refused_and_changes_nothing(call, event, package, other):
    first = buy(call, package, "order-1")
    before = snapshot(event)

    assert_problem(buy(call, package, "order-1", **other), 422, "idempotency_mismatch")

    assert snapshot(event) == before
    assert buy(call, package, "order-1").json() == first.json()


def test_same_key_for_another_package_is_refused(call, event, package):
    buy(call, package, "order-1")
    other = make.package(event)

    assert_problem(buy(call, other, "order-1"), 422, "idempotency_mismatch")

    assert get_sold_count(other) == 0


def test_same_purchase_in_another_notation_is_a_repeat(call, package):
    first = buy(call, package, "order-1", notes="At the door")

    again = buy(
        call,
        package,
        "order-1",
        donor={"email": " ana@example.org ", "name": "Ana  Ruiz", "phone": None},
        notes=" At the door ",
        guests=[],
        channel="online",
        quantity="1",
    )

    assert (again.status_code, again.json()) == (200, first.json())


def test_refused_request_leaves_its_key_unused(call, event, package):
    promo = make.promo_code(event, is_active=False)
    before = snapshot(event)
    assert_problem(buy(call, package, "order-1", quantity=4), 409, "sold_out")
    assert_problem(buy(call, package, "order-1", promo_code=promo.code), 409, "promo_refused")
    assert list(field_messages(buy(call, package, "order-1", quantity=0))) == ["quantity"]
    assert snapshot(event) == before

    call("PATCH", f"/admin/events/{event.id}/promo-codes/{promo.id}", {"is_active": True})
    retried = buy(call, package, "order-1", promo_code=promo.code)

    assert retried.status_code == 201
    assert buy(call, package, "order-1", promo_code=promo.code).json() == retried.json()
    assert_problem(buy(call, package, "order-1", quantity=4), 422, "idempotency_mismatch")


def test_another_key_is_another_purchase(call, package):
    ids = {buy(call, package, key).json()["id"] for key in ("order-1", "order-2", "ORDER-1")}

    assert len(ids) == get_sold_count(package) == 3


def test_key_belongs_to_one_event(call, package):
    elsewhere = make.package(make.event())

    assert buy(call, package, "order-1").json()["id"] != buy(call, elsewhere, "order-1").json()["id"]


def test_key_is_shared_by_all_callers_of_the_event(call, program, event, package):
    colleague = program(make.staff("coordinator", event))

    first, again = buy(call, package, "order-1"), buy(colleague, package, "order-1")

    assert (again.status_code, again.json()) == (200, first.json())


def test_each_request_without_key_is_a_purchase(call, event, package):
    body = {"package_id": str(package.id), "quantity": 1, "donor": ANA}
    path = f"/events/{event.id}/tickets/purchases"

    assert [call("POST", path, body).status_code for _ in range(2)] == [201, 201]
    assert get_sold_count(package) == 2


@pytest.mark.parametrize(("length", "is_valid"), [(0, False), (1, True), (200, True), (201, False)])
def test_key_has_1_to_200_characters(call, package, length, is_valid):
    response = buy(call, package, "k" * length)

    if is_valid:
        assert response.status_code == 201
    else:
        assert list(field_messages(response)) == ["Idempotency-Key"]
        assert get_sold_count(package) == 0

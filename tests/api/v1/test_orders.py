"""Orders over HTTP: one donor, several packages, one promo code; recorded whole or not at all."""

from __future__ import annotations

import time
import uuid

import pytest

from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count, snapshot
from tests.support.problems import assert_problem, field_messages
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.models import Purchase

ANA = {"name": "Ana Ruiz", "email": "ana@example.org", "phone": "555 0100"}


def orders_path(event):
    return f"/events/{event.id}/tickets/orders"


def line(package, quantity=1, **fields):
    return {"package_id": str(package.id), "quantity": quantity} | fields


def order(call, event, *lines, key=None, **fields):
    headers = {"Idempotency-Key": key} if key else {}
    return call("POST", orders_path(event), {"donor": ANA, "lines": list(lines)} | fields, **headers)


def change(call, event, recorded, verb, **body):
    return call("POST", f"{orders_path(event)}/{recorded['id']}/{verb}", body)


@pytest.fixture
def dinner(event):
    return make.package(event, name="Dinner", price="100.00", seats_per_package=2, quantity_limit=5)


@pytest.fixture
def party(event):
    return make.package(event, name="Party", price="80.00", quantity_limit=5)


@pytest.fixture
def fifty_off(event):
    return make.promo_code(event, code="FIFTY", discount_type="fixed_amount", discount_value="50", max_total_uses=3)


def test_order_shares_donor_and_code_and_splits_the_discount(call, event, dinner, party, fifty_off):
    question = make.option(dinner, label="Vegan?", option_type="boolean")
    answered = {"option_id": str(question.id), "value": True}

    response = order(
        call,
        event,
        line(dinner, answers=[answered], guests=[{"name": "Bo Lind"}], package_version=1),
        line(party),
        promo_code="fifty",
        channel="cash",
        payment_status="pending",
        notes="Near the stage",
    )

    assert response.status_code == 201, response.text
    recorded = response.json()
    assert uuid.UUID(recorded["id"])
    assert len(recorded["number"]) == 6
    expected = {
        "status": "pending",
        "total": "130.00",
        "discount": "50.00",
        "donor": ANA,
        "promo_code": "FIFTY",
        "channel": "cash",
        "notes": "Near the stage",
        "version": 1,
    }
    assert {key: recorded[key] for key in expected} == expected
    assert recorded["purchased_at"][-6:] in ("-05:00", "-04:00")
    first, second = recorded["lines"]
    amounts = ("package_id", "quantity", "list_price", "discount", "total", "payment_status")
    assert [first[key] for key in amounts] == [str(dinner.id), 1, "100.00", "27.78", "72.22", "pending"]
    assert [second[key] for key in amounts] == [str(party.id), 1, "80.00", "22.22", "57.78", "pending"]
    assert first["answers"] == [answered]
    assert [ticket["guest"] for ticket in first["tickets"]] == [{"name": "Bo Lind", "email": None}, None]
    assert [ticket["seat_number"] for ticket in first["tickets"]] == [1, 2]
    assert len(second["tickets"]) == 1
    assert get_use_count(fifty_off) == 1
    assert call("GET", f"{orders_path(event)}/{recorded['id']}").json() == recorded


def test_repeated_key_answers_the_order_as_it_is_now(call, event, dinner, party):
    body = (line(dinner), line(party))
    first = order(call, event, *body, key="order-1")
    again = order(call, event, *body, key="order-1")
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())

    voided = change(call, event, first.json(), "void", reason="Typed twice").json()
    before = snapshot(event)

    assert order(call, event, *body, key="order-1").json() == voided
    assert voided["status"] == "voided"
    assert_problem(order(call, event, *reversed(body), key="order-1"), 422, "idempotency_mismatch")
    assert snapshot(event) == before


def test_orders_and_purchases_share_their_keys(call, event, dinner):
    purchase_body = line(dinner) | {"donor": ANA}
    purchases_path = f"/events/{event.id}/tickets/purchases"
    bought = call("POST", purchases_path, purchase_body, **{"Idempotency-Key": "one"}).json()
    order(call, event, line(dinner), key="two")

    assert_problem(order(call, event, line(dinner), key="one"), 422, "idempotency_mismatch")
    refused = call("POST", purchases_path, purchase_body, **{"Idempotency-Key": "two"})
    assert_problem(refused, 422, "idempotency_mismatch")
    assert get_sold_count(dinner) == 2

    recorded = call("GET", f"{orders_path(event)}/{bought['order_id']}").json()
    assert recorded["number"] == bought["order_number"]
    assert [each["purchase_id"] for each in recorded["lines"]] == [bought["id"]]
    assert recorded["lines"][0]["tickets"] == bought["tickets"]


def test_sold_out_names_every_short_line_and_records_nothing(call, event, dinner, party):
    gold = make.package(event, name="Gold", quantity_limit=1)
    order(call, event, line(gold))
    before = snapshot(event)

    problem = assert_problem(order(call, event, line(dinner, 6), line(party, 5), line(gold)), 409, "sold_out")

    assert problem["shortages"] == [
        {"line": 0, "package_id": str(dinner.id), "left": 5},
        {"line": 2, "package_id": str(gold.id), "left": 0},
    ]
    assert problem["detail"] == ("Dinner: 0 of 5 sold, 5 left; Gold: 1 of 1 sold. Raise their limits, or order fewer.")
    assert problem["errors"] == [{"field": "lines.0.quantity", "message": problem["detail"]}]
    assert snapshot(event) == before
    single = call("POST", f"/events/{event.id}/tickets/purchases", line(gold) | {"donor": ANA})
    problem = assert_problem(single, 409, "sold_out")
    assert problem["shortages"] == [{"line": 0, "package_id": str(gold.id), "left": 0}]
    assert [error["field"] for error in problem["errors"]] == ["quantity"]


def test_invalid_fields_name_their_line(call, event, dinner, party):
    question = make.option(party, label="Vegan?", option_type="boolean")
    nobody = str(uuid.uuid4())
    cases = [
        ([line(dinner), line(party, 0)], ["lines.1.quantity"]),
        ([line(dinner), line(party)], [f"lines.1.answers.{question.id}"]),
        ([line(dinner, guests=[{"name": "A"}] * 3)], ["lines.0.guests"]),
        ([line(dinner), line(dinner)], ["lines"]),
        ([], ["lines"]),
    ]
    before = snapshot(event)
    for lines, fields in cases:
        assert list(field_messages(order(call, event, *lines))) == fields
    assert_problem(order(call, event, line(dinner), channel="comp", promo_code="X"), 422, "invalid_input")
    unknown = assert_problem(order(call, event, line(dinner), line(dinner) | {"package_id": nobody}), 404, "not_found")
    assert [error["field"] for error in unknown["errors"]] == ["lines.1.package_id"]
    assert snapshot(event) == before
    call("POST", f"/admin/events/{event.id}/tickets/packages/{party.id}/disable")
    before = snapshot(event)
    disabled = assert_problem(order(call, event, line(dinner), line(party)), 409, "not_for_sale")
    assert [error["field"] for error in disabled["errors"]] == ["lines.1.package_id"]
    assert snapshot(event) == before


@pytest.mark.parametrize(("count", "status"), [(1, 201), (20, 201), (21, 422)])
def test_order_has_1_to_20_lines(call, event, count, status):
    packages = [make.package(event) for _ in range(count)]
    assert order(call, event, *map(line, packages)).status_code == status


@pytest.mark.parametrize(("seats", "status"), [(1000, 201), (1001, 422)])
def test_order_has_at_most_2000_seats(call, event, seats, status):
    ten, one = make.package(event, seats_per_package=10), make.package(event)
    response = order(call, event, line(ten, 100), line(one, seats))
    assert response.status_code == status
    if status == 422:
        assert list(field_messages(response)) == ["lines.1.quantity"]


@pytest.mark.system
def test_order_of_2000_seats_takes_under_2_seconds(call, event):
    """One purchase of 10,000 x 100 seats held its package for 74 seconds."""
    packages = [make.package(event, seats_per_package=100) for _ in range(20)]
    started = time.perf_counter()
    response = order(call, event, *map(line, packages))
    assert time.perf_counter() - started < 2
    assert sum(len(each["tickets"]) for each in response.json()["lines"]) == 2000


def test_order_is_voided_whole_or_line_by_line(call, event, dinner, party, fifty_off):
    recorded = order(call, event, line(dinner), line(party), promo_code="FIFTY").json()
    first, second = recorded["lines"]

    one = change(call, event, recorded, "void", reason="Typed twice", purchase_id=first["purchase_id"], version=1)

    assert one.status_code == 200, one.text
    assert [each["payment_status"] for each in one.json()["lines"]] == ["voided", "completed"]
    assert (one.json()["status"], one.json()["version"], one.json()["total"]) == ("completed", 2, "130.00")
    assert (get_sold_count(dinner), get_sold_count(party), get_use_count(fifty_off)) == (0, 1, 1)
    before = snapshot(event)
    again = change(call, event, recorded, "void", reason="Twice", purchase_id=first["purchase_id"])
    assert_problem(again, 409, "conflict")
    stale = assert_problem(change(call, event, recorded, "void", reason="Twice", version=1), 409, "stale_version")
    assert stale["current_version"] == 2
    assert "payment_status" in {entry["field"] for entry in stale["changes"]}
    assert list(field_messages(change(call, event, recorded, "void", reason=" "))) == ["reason"]
    assert snapshot(event) == before

    rest = change(call, event, recorded, "void", reason="Typed twice").json()

    assert (rest["status"], rest["version"]) == ("voided", 3)
    assert (get_sold_count(party), get_use_count(fifty_off)) == (0, 0)
    assert_problem(change(call, event, recorded, "void", reason="Twice"), 409, "conflict")
    assert second["total"] == rest["lines"][1]["total"] == "57.78"


def test_payment_of_an_order_or_a_line_moves_on(call, event, dinner, party):
    recorded = order(call, event, line(dinner), line(party), payment_status="pending").json()
    [_, second] = recorded["lines"]

    paid = change(call, event, recorded, "status", status="completed", version=1).json()
    part = change(
        call, event, recorded, "status", status="refunded", version=2, purchase_id=second["purchase_id"]
    ).json()

    assert (paid["status"], paid["version"]) == ("completed", 2)
    assert (part["status"], [each["payment_status"] for each in part["lines"]]) == (
        "partly_refunded",
        ["completed", "refunded"],
    )
    assert (get_sold_count(dinner), get_sold_count(party)) == (1, 0)
    before = snapshot(event)
    assert_problem(change(call, event, recorded, "status", status="refunded", version=2), 409, "stale_version")
    assert_problem(change(call, event, recorded, "status", status="failed", version=3), 409, "conflict")
    assert list(field_messages(change(call, event, recorded, "status", status="voided", version=3))) == ["status"]
    assert list(field_messages(change(call, event, recorded, "status", status="failed"))) == ["version"]
    assert snapshot(event) == before
    whole = change(call, event, recorded, "status", status="refunded", version=3).json()
    assert (whole["status"], get_sold_count(dinner)) == ("refunded", 0)


def test_line_of_another_order_or_event_does_not_exist(call, event, dinner, party):
    mine, other = order(call, event, line(dinner)).json(), order(call, event, line(party)).json()
    foreign = other["lines"][0]["purchase_id"]
    before = snapshot(event)

    assert_problem(change(call, event, mine, "void", reason="Wrong", purchase_id=foreign), 404, "not_found")
    refused = change(call, event, mine, "status", status="refunded", version=1, purchase_id=foreign)
    assert_problem(refused, 404, "not_found")
    elsewhere = make.event()
    assert_problem(call("GET", f"{orders_path(elsewhere)}/{mine['id']}"), 404, "not_found")
    assert_problem(change(call, elsewhere, mine, "void", reason="Wrong"), 404, "not_found")
    assert snapshot(event) == before


def test_imported_order_is_shown_and_can_be_voided(call, event, dinner):
    run_import(event, sales_csv(sale(dinner, external_sale_id="EB-1")))
    with_order = call("GET", f"/admin/events/{event.id}/tickets/packages/{dinner.id}/sales").json()["items"][0]
    with db.read_session() as session:
        order_id = session.get_one(Purchase, uuid.UUID(with_order["id"])).order_id
    shown = call("GET", f"{orders_path(event)}/{order_id}").json()
    assert shown["channel"] == "import"
    assert change(call, event, shown, "void", reason="Wrong").json()["status"] == "voided"


def test_void_is_undone_while_nothing_else_changed(call, event, dinner, fifty_off):
    bought = order(call, event, line(dinner, 5), promo_code="FIFTY").json()
    voided = change(call, event, bought, "void", reason="Typed twice").json()
    assert (voided["status"], get_sold_count(dinner), get_use_count(fifty_off)) == ("voided", 0, 0)
    before = snapshot(event)
    stale = change(call, event, bought, "void/undo", version=bought["version"])
    assert_problem(stale, 409, "stale_version")
    assert snapshot(event) == before

    response = change(call, event, bought, "void/undo", version=voided["version"])

    assert response.status_code == 200
    assert (response.json()["status"], response.json()["version"]) == ("completed", voided["version"] + 1)
    assert (get_sold_count(dinner), get_use_count(fifty_off)) == (5, 1)


def test_void_is_not_undone_when_the_packages_are_sold(call, event, dinner):
    bought = order(call, event, line(dinner, 5)).json()
    voided = change(call, event, bought, "void", reason="Typed twice").json()
    order(call, event, line(dinner))
    response = change(call, event, bought, "void/undo", version=voided["version"])
    assert_problem(response, 409, "sold_out")
    assert get_sold_count(dinner) == 1

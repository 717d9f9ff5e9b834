"""Options, promo codes, purchases and figures over HTTP."""

from __future__ import annotations

import re
import uuid

from tests.support import make
from tests.support.problems import assert_problem


def buy(call, event, package, key=None, **fields):
    body = {"package_id": str(package.id), "quantity": 1, "donor": {"name": "Ana Ruiz", "email": "ana@example.org"}}
    headers = {"Idempotency-Key": key} if key else {}
    return call("POST", f"/events/{event.id}/tickets/purchases", body | fields, **headers)


def test_options_are_created_and_listed_in_order(call, event):
    path = f"/admin/packages/{make.package(event).id}/options"
    dinner = {"label": "Dinner", "option_type": "multi_select", "choices": ["Fish", "Beans"], "is_required": False}

    created = call("POST", path, dinner)
    call("POST", path, {"label": "Vegan?", "option_type": "boolean"})

    assert created.status_code == 201
    expected = dinner | {"display_order": 1, "version": 1}
    assert {key: created.json()[key] for key in expected} == expected
    listed = call("GET", path).json()
    assert [item["label"] for item in listed["items"]] == ["Dinner", "Vegan?"]
    assert listed["items"][1]["choices"] is None
    assert listed["items"][1]["is_required"] is True
    assert (listed["total"], listed["page"], listed["per_page"]) == (2, 1, 20)


def test_multi_select_without_choices_is_refused(call, event):
    path = f"/admin/packages/{make.package(event).id}/options"

    problem = assert_problem(
        call("POST", path, {"label": "Dinner", "option_type": "multi_select"}), 422, "invalid_input"
    )

    assert [error["field"] for error in problem["errors"]] == ["choices"]


def test_promo_codes_are_created_and_listed_with_total_discount(call, event):
    path = f"/admin/events/{event.id}/promo-codes"
    package = make.package(event, price="100.00")
    code = {
        "code": "early10",
        "discount_type": "percentage",
        "discount_value": "10",
        "expires_at": "2093-12-01T12:00:00",
        "max_total_uses": 5,
    }

    created = call("POST", path, code)

    assert created.status_code == 201
    assert created.json()["code"] == "EARLY10"
    assert created.json()["discount_value"] == "10.00"
    assert created.json()["expires_at"] == "2093-12-01T12:00:00-05:00"
    assert (created.json()["current_uses"], created.json()["total_discount"]) == (0, "0.00")
    buy(call, event, package, promo_code="early10", quantity=3)
    (listed,) = call("GET", path).json()["items"]
    assert listed == created.json() | {"current_uses": 1, "total_discount": "30.00"}
    assert_problem(call("POST", path, code), 409, "duplicate_code")


def test_purchase_has_price_discount_and_a_code_for_each_seat(call, event):
    package = make.package(event, price="250.00", seats_per_package=2)
    question = make.option(package, label="Vegan?", option_type="boolean")
    make.promo_code(event, code="SPRING", discount_value="10")

    response = buy(
        call,
        event,
        package,
        quantity=2,
        promo_code="spring",
        answers=[{"option_id": str(question.id), "value": True}],
        guests=[{"name": "Bo Lind", "email": "bo@example.org"}, {"name": "Cy Oh"}],
        package_version=1,
    )

    assert response.status_code == 201
    recorded = response.json()
    assert uuid.UUID(recorded["id"])
    expected = {
        "package_id": str(package.id),
        "quantity": 2,
        "seats": 4,
        "unit_price": "250.00",
        "list_price": "500.00",
        "discount": "50.00",
        "total": "450.00",
        "promo_code": "SPRING",
        "payment_status": "completed",
        "channel": "online",
        "donor": {"name": "Ana Ruiz", "email": "ana@example.org", "phone": None},
        "answers": [{"option_id": str(question.id), "value": True}],
    }
    assert {key: recorded[key] for key in expected} == expected
    guests = [ticket["guest"] for ticket in recorded["tickets"]]
    assert guests == [{"name": "Bo Lind", "email": "bo@example.org"}, {"name": "Cy Oh", "email": None}, None, None]
    assert len({ticket["code"] for ticket in recorded["tickets"]}) == 4
    assert re.search(r"[+-]\d\d:\d\d$", recorded["purchased_at"])


def test_sold_out_disabled_or_changed_package_is_a_conflict(call, event):
    path = f"/admin/events/{event.id}/tickets/packages"
    package = make.package(event, quantity_limit=1)
    buy(call, event, package)
    assert_problem(buy(call, event, package), 409, "sold_out")
    call("PATCH", f"{path}/{package.id}", {"version": 1, "quantity_limit": 9, "price": "120.00"})
    assert_problem(buy(call, event, package, package_version=1), 409, "stale_version")
    call("POST", f"{path}/{package.id}/disable")
    assert_problem(buy(call, event, package), 409, "not_for_sale")


def test_refused_promo_code_has_a_reason(call, event):
    package = make.package(event)
    make.promo_code(event, code="OFFOFF", is_active=False)

    unknown = assert_problem(buy(call, event, package, promo_code="NOSUCH"), 409, "promo_refused")
    inactive = assert_problem(buy(call, event, package, promo_code="OFFOFF"), 409, "promo_refused")

    assert (unknown["reason"], inactive["reason"]) == ("unknown", "inactive")


def test_missing_answer_names_the_option(call, event):
    package = make.package(event)
    question = make.option(package, label="Any allergies?")

    problem = assert_problem(buy(call, event, package), 422, "invalid_input")

    assert problem["errors"] == [{"field": f"answers.{question.id}", "message": "Answer “Any allergies?”."}]


def test_offer_lists_enabled_packages_with_their_options(call, event):
    seat = make.package(event, name="Seat", quantity_limit=1)
    make.package(event, name="Hidden", is_enabled=False)
    table = make.package(event, name="Table")
    question = make.option(table, label="Vegan?", option_type="boolean")
    buy(call, event, seat)

    offer = call("GET", f"/events/{event.id}/tickets/packages").json()

    assert [(item["name"], item["is_sold_out"]) for item in offer["items"]] == [("Seat", True), ("Table", False)]
    assert [asked["id"] for asked in offer["items"][1]["options"]] == [str(question.id)]
    assert offer["total"] == 2


def build_totals(orders, packages, seats, list_price, discount, total):
    """Return the totals of orders with one purchase each."""
    amounts = {"list_price": list_price, "discount": discount, "total": total}
    return {"orders": orders, "purchases": orders, "packages": packages, "seats": seats} | amounts


def test_summary_adds_up(call, event):
    call("PATCH", f"/admin/events/{event.id}", {"version": 1, "revenue_goal": "1000"})
    seat = make.package(event, name="Seat", price="100.00")
    gold = make.package(event, name="Gold", price="500.00", seats_per_package=10, quantity_limit=1, is_sponsorship=True)
    make.promo_code(event, code="SPRING", discount_value="10")
    buy(call, event, seat, quantity=2, promo_code="SPRING", guests=[{"name": "Bo"}])
    buy(call, event, seat, payment_status="pending")
    buy(call, event, gold)

    everything = call("GET", f"/admin/events/{event.id}/tickets/sales/summary").json()
    sponsors = call("GET", f"/admin/events/{event.id}/tickets/sales/summary?sponsorships_only=true").json()

    assert {key: value for key, value in everything.items() if key != "by_package"} == {
        "revenue": "680.00",
        "discount": "20.00",
        "orders": 3,
        "purchases": 3,
        "packages_sold": 4,
        "seats_sold": 13,
        "seats_named": 1,
        "sold_out_count": 1,
        "revenue_goal": "1000.00",
        "paid": build_totals(2, 3, 12, "700.00", "20.00", "680.00"),
        "pending": build_totals(1, 1, 1, "100.00", "0.00", "100.00"),
    }
    assert everything["by_package"] == [
        {
            "package_id": str(seat.id),
            "name": "Seat",
            "sold_count": 3,
            "quantity_limit": None,
            "available": None,
            "seats_sold": 3,
            "revenue": "180.00",
            "paid": build_totals(1, 2, 2, "200.00", "20.00", "180.00"),
            "pending": build_totals(1, 1, 1, "100.00", "0.00", "100.00"),
            "is_sponsorship": False,
            "is_sold_out": False,
        },
        {
            "package_id": str(gold.id),
            "name": "Gold",
            "sold_count": 1,
            "quantity_limit": 1,
            "available": 0,
            "seats_sold": 10,
            "revenue": "500.00",
            "paid": build_totals(1, 1, 10, "500.00", "0.00", "500.00"),
            "pending": build_totals(0, 0, 0, "0.00", "0.00", "0.00"),
            "is_sponsorship": True,
            "is_sold_out": True,
        },
    ]
    assert (sponsors["revenue"], sponsors["packages_sold"]) == ("500.00", 1)
    assert [line["name"] for line in sponsors["by_package"]] == ["Gold"]

"""The sales of one package over HTTP: its figures and its purchases, 20 per page."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from tests.support import make
from tests.support.problems import assert_problem, field_messages
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.sales import corrections

NOON = datetime(2026, 6, 1, 16, tzinfo=UTC)  # noon in New York


def get_sales(package):
    return f"/admin/events/{package.event_id}/tickets/packages/{package.id}/sales"


NOTHING = {
    "orders": 0,
    "purchases": 0,
    "packages": 0,
    "seats": 0,
    "list_price": "0.00",
    "discount": "0.00",
    "total": "0.00",
}


def test_unsold_package_has_zero_figures_and_no_purchases(call, event):
    package = make.package(event, name="Table", quantity_limit=5, is_sponsorship=True)
    make.purchase(event, make.package(event))

    answer = call("GET", get_sales(package))

    assert answer.status_code == 200
    assert answer.json() == {
        "package_id": str(package.id),
        "name": "Table",
        "sold_count": 0,
        "quantity_limit": 5,
        "available": 5,
        "seats_sold": 0,
        "revenue": "0.00",
        "paid": NOTHING,
        "pending": NOTHING,
        "is_sponsorship": True,
        "is_sold_out": False,
        "items": [],
        "total": 0,
        "page": 1,
        "per_page": 20,
    }


def test_figures_equal_the_summary_and_purchases_are_complete(call, event):
    package = make.package(event, price="100.00", seats_per_package=2, quantity_limit=4)
    make.promo_code(event, code="EARLY10", discount_value="10")
    donor = {"name": "Ana Ruiz", "email": "ana@example.org", "phone": "+1 555 0100"}
    bought = make.purchase(
        event,
        package,
        quantity=2,
        promo_code="early10",
        donor=donor,
        guests=[{"name": "Bo"}],
        channel="cheque",
        notes="By the stage",
        moment=NOON,
    ).purchase

    answer = call("GET", get_sales(package)).json()

    (of_event,) = call("GET", f"/admin/events/{event.id}/tickets/sales/summary").json()["by_package"]
    assert {name: answer[name] for name in of_event} == of_event
    assert (answer["sold_count"], answer["seats_sold"], answer["revenue"]) == (2, 4, "180.00")
    assert answer["items"] == [
        {
            "id": str(bought.id),
            "order_id": str(bought.order_id),
            "purchased_at": "2026-06-01T12:00:00-04:00",
            "donor": donor,
            "quantity": 2,
            "seats": 4,
            "seats_named": 1,
            "unit_price": "100.00",
            "list_price": "200.00",
            "discount": "20.00",
            "total": "180.00",
            "promo_code": "EARLY10",
            "payment_status": "completed",
            "channel": "cheque",
            "external_sale_id": None,
            "notes": "By the stage",
        }
    ]


def test_voided_purchase_is_listed_but_not_counted(call, event):
    package = make.package(event, price="100.00")
    bought = make.purchase(event, package).purchase
    db.write(lambda s: corrections.void(s, OPERATOR, event.id, bought.id, "Typed twice"))

    answer = call("GET", get_sales(package)).json()

    assert [item["payment_status"] for item in answer["items"]] == ["voided"]
    assert (answer["total"], answer["sold_count"], answer["revenue"]) == (1, 0, "0.00")


def test_newest_purchases_come_first_with_20_per_page(call, event):
    package, other = make.package(event), make.package(event)
    ids = [
        str(make.purchase(event, package, moment=NOON + timedelta(minutes=minute)).purchase.id) for minute in range(21)
    ]
    make.purchase(event, other)

    first, second, third = (call("GET", f"{get_sales(package)}?page={page}").json() for page in (1, 2, 3))

    assert [item["id"] for item in first["items"]] == ids[:0:-1]
    assert [item["id"] for item in second["items"]] == ids[:1]
    assert third["items"] == []
    assert [(each["total"], each["page"], each["per_page"]) for each in (first, second, third)] == [
        (21, 1, 20),
        (21, 2, 20),
        (21, 3, 20),
    ]
    assert second["sold_count"] == 21


def test_unknown_or_foreign_package_is_not_found(call, event):
    elsewhere = make.package(make.event())
    for package_id in (uuid.uuid4(), elsewhere.id, "7"):
        assert_problem(call("GET", f"/admin/events/{event.id}/tickets/packages/{package_id}/sales"), 404, "not_found")
    assert field_messages(call("GET", get_sales(make.package(event)) + "?page=0")) == {"page": "Enter 1 or more."}


def test_summary_counts_what_its_filters_select(call, event):
    seat, gold = make.package(event, name="Seat", price="100"), make.package(event, name="Gold", price="500")
    make.purchase(event, seat, channel="cash", moment=NOON)
    make.purchase(event, gold, moment=NOON)
    path = f"/admin/events/{event.id}/tickets/sales/summary"
    for query, revenue, names in (
        (f"package={seat.id}", "100.00", ["Seat"]),
        (f"package={seat.id},{gold.id}&channel=cash", "100.00", ["Seat", "Gold"]),
        ("from=2026-06-01&to=2026-06-01", "600.00", ["Seat", "Gold"]),
        ("from=2026-06-02", "0.00", ["Seat", "Gold"]),
    ):
        summary = call("GET", f"{path}?{query}").json()
        assert summary["revenue"] == summary["paid"]["total"] == revenue
        assert [line["name"] for line in summary["by_package"]] == names
    assert call("GET", f"{path}?status=completed").status_code == 422

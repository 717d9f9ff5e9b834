"""Import status changes while others sell, correct and void the same orders. A control shows the naive version fail."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.database_state import get_sold_count
from tests.support.sale_corrections import assert_verified
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import Purchase
from ticketing.sales import corrections

SALES = 40

pytestmark = pytest.mark.usefixtures("database_of_module")


def build_file(packages, status):
    return sales_csv(
        *(
            sale(
                packages[number % 2],
                external_sale_id=f"N{number}",
                purchaser_email=f"{number}@example.org",
                payment_status=status,
            )
            for number in range(SALES)
        )
    )


def list_purchases(event):
    with db.read_session() as session:
        imported = select(Purchase).where(Purchase.event_id == event.id, Purchase.channel == "import")
        return session.scalars(imported.order_by(Purchase.external_sale_id)).all()


def test_control_that_trusts_the_status_it_read_returns_packages_again(stock):
    stock.insert_row(sold=THREADS, price=100)

    def naive(number, session, wait_for_others):
        is_paid = stock.read_in(session).price > 0
        wait_for_others()
        if is_paid:
            stock.change(session, "sold = sold - 1, price = 0")

    stock.race(naive)
    assert stock.read().sold != THREADS - 1


def test_imports_corrections_and_sales_of_the_same_orders_do_not_deadlock(event):
    packages = [make.package(event, name=name) for name in ("Seat", "Table")]
    run_import(event, build_file(packages, "completed"))
    refunded = build_file(packages, "refunded")
    purchases = list_purchases(event)

    def act(number):
        if number < 4:
            return run_import(event, refunded, changes_statuses=True)
        purchase = purchases[number % SALES]
        if number % 3 == 0:
            return make.purchase(event, packages[number % 2])
        if number % 3 == 1:
            return db.write(
                lambda s: corrections.change_status(s, OPERATOR, event.id, purchase.id, "refunded", seen_version=1)
            )
        return db.write(lambda s: corrections.void(s, OPERATOR, event.id, purchase.id, "Twice"))

    outcomes = race(THREADS * 4, act)
    counts = count_by_type(outcomes)
    assert counts.keys() <= {"RecordedPurchase", "ImportResult", "Purchase", "Conflict", "StaleVersion"}
    assert counts["ImportResult"] >= 1
    assert sum(get_sold_count(package) for package in packages) == counts["RecordedPurchase"]
    assert {each.payment_status for each in list_purchases(event)} <= {"refunded", "voided"}
    assert_verified(event)

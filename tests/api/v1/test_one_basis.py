"""A promo code's discount is one number on every page, over HTTP and in the file, with sales of all statuses."""

import asyncio
import csv
import io
from decimal import Decimal

import pytest

from tests.support import make
from tests.support.html_tables import read_table
from tests.support.screen import get_row_text, visit
from ticketing import db, money
from ticketing.actors import OPERATOR
from ticketing.catalog import promo_codes
from ticketing.purchase_filter import ALL_PURCHASES
from ticketing.reporting import csv_export
from ticketing.sales import corrections

CODE = "BOARD25"
STATUSES = ("completed", "pending", "failed", "refunded", "voided")


@pytest.fixture
def gala(event):
    """Return an event with orders of a code in all statuses, lines of different statuses in one order, and others."""
    table, seat = make.package(event, price="1000.50"), make.package(event, name="Seat", price="99.99")
    make.promo_code(event, code=CODE, discount_value="25")
    for quantity, status in enumerate(STATUSES, 1):
        begun = "pending" if status in ("pending", "failed") else "completed"
        bought = make.purchase(event, table, quantity=quantity, promo_code=CODE, payment_status=begun).purchase
        move(event, bought, status)
    mixed = make.order(event, table, seat, promo_code=CODE, payment_status="pending")
    move(event, mixed.lines[1].purchase, "completed")
    make.purchase(event, seat, quantity=3)
    make.purchase(event, seat, channel="comp")
    return event


def move(event, purchase, status):
    def work(session):
        if status == "voided":
            corrections.void(session, OPERATOR, event.id, purchase.id, "Twice")
        else:
            corrections.change_status(session, OPERATOR, event.id, purchase.id, status, seen_version=purchase.version)

    if purchase.payment_status != status:
        db.write(work)


def read_csv_rows(event):
    async def collect():
        with db.read_session() as session:
            export = csv_export.build_sales_export(session, OPERATOR, event.id, ALL_PURCHASES)
        return b"".join([chunk async for chunk in csv_export.stream(export)]).decode("utf-8-sig")

    return list(csv.DictReader(io.StringIO(asyncio.run(collect()))))


def test_discount_of_a_code_is_one_number_everywhere(call, gala):
    of_code = [row for row in read_csv_rows(gala) if row["promo_code"] == CODE]
    assert {row["payment_status"] for row in of_code} == set(STATUSES)
    discount = sum(Decimal(row["discount"]) for row in of_code if row["payment_status"] == "completed")
    revenue = sum(Decimal(row["total"]) for row in of_code if row["payment_status"] == "completed")
    pending = sum(Decimal(row["total"]) for row in of_code if row["payment_status"] == "pending")
    shown = money.format_dollars(discount)
    viewer = make.staff(role="viewer", event=gala)

    sales = visit("sales", viewer, gala)
    columns, *rows = read_table(sales, "What is paid and pending with each promo code")
    line = dict(zip(columns, next(row for row in rows if row[0] == CODE), strict=True))
    assert (line["Discount"], line["Revenue"], line["Pending"]) == (
        shown, money.format_dollars(revenue), money.format_dollars(pending),
    )  # fmt: skip

    (row,) = (each.value for each in visit("promo_codes", viewer, gala).app.get("html") if CODE in each.value)
    assert f"Taken off {shown}" in get_row_text(row)

    purchasers = visit("purchasers", viewer, gala)
    purchasers.app.query_params["code"] = CODE
    columns, *rows = read_table(purchasers.rerun(), "Totals of all pages by status")
    assert {row[0]: row[columns.index("Discount")] for row in rows}["Paid"] == f"-{shown}"

    (code,) = call("GET", f"/admin/events/{gala.id}/promo-codes").json()["items"]
    assert Decimal(code["total_discount"]) == discount
    with db.read_session() as session:
        assert promo_codes.get(session, OPERATOR, gala.id, code["id"])[1] == discount

"""The CSV of an event: what the columns hold, and that a spreadsheet neither garbles nor runs them."""

import asyncio
import csv
import io
from datetime import UTC, datetime

import pytest

from tests import make
from ticketing import db, export
from ticketing.actors import OPERATOR
from ticketing.errors import NotFound
from ticketing.selection import EVERYTHING

COLUMNS = (
    "purchase_id", "purchased_at", "package", "is_sponsorship", "quantity", "seats", "purchaser_name",
    "purchaser_email", "purchaser_phone", "list_price", "discount", "total", "promo_code", "payment_status", "channel",
    "external_sale_id", "notes", "guests",
)  # fmt: skip


def read(query, event, selection=EVERYTHING, actor=OPERATOR):
    with db.reading() as session:
        return query(session, actor, event.id, selection)


def exported(event, selection=EVERYTHING, query=export.purchases_query):
    async def collect(wanted):
        return b"".join([piece async for piece in export.stream(wanted)])

    return asyncio.run(collect(read(query, event, selection)))


def rows_of(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_the_file_opens_right_in_a_spreadsheet_and_its_columns_stand_in_order(event):
    content = exported(event)
    assert content.startswith(b"\xef\xbb\xbf")
    assert tuple(content.decode("utf-8-sig").splitlines()[0].split(","))[: len(COLUMNS)] == COLUMNS


def test_the_file_has_every_purchase_with_its_guests_answers_and_money():
    event = make.event(time_zone="America/New_York")
    package = make.package(event, name="Mesa, “Oro”", price="100", seats_per_package=2)
    vegetarian = make.option(package, option_type="boolean", label="Vegetarian")
    menu = make.option(package, option_type="multi_select", label="Menu", choices=["Fish", "Rice"], is_required=False)
    promo = make.promo_code(event, discount_type="fixed_amount", discount_value="10")
    bought = make.purchase(
        event,
        package,
        moment=datetime(2026, 6, 1, 16, tzinfo=UTC),
        donor={"name": "José Núñez", "email": "jose@example.org", "phone": "555"},
        promo_code=promo.code,
        notes='first line\nsecond "line"',
        guests=[{"name": "Zoë"}, {"name": "Łukasz"}],
        answers=[{"option_id": vegetarian.id, "value": True}, {"option_id": menu.id, "value": ["Fish", "Rice"]}],
    )
    (row,) = rows_of(exported(event))
    assert row["purchase_id"] == str(bought.purchase.id)
    assert row["purchased_at"] == "2026-06-01T12:00:00-04:00"
    assert (row["package"], row["purchaser_name"], row["guests"]) == ("Mesa, “Oro”", "José Núñez", "Zoë; Łukasz")
    assert (row["quantity"], row["seats"]) == ("1", "2")
    assert (row["list_price"], row["discount"], row["total"]) == ("100.00", "10.00", "90.00")
    assert (row["promo_code"], row["payment_status"], row["channel"]) == (promo.code, "completed", "online")
    assert row["notes"] == 'first line\nsecond "line"'
    assert (row["Vegetarian"], row["Menu"]) == ("yes", "Fish, Rice")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "\n="])
def test_no_text_that_was_typed_runs_as_a_formula(event, start):
    formula = f"{start}HYPERLINK(1)"
    package = make.package(event, name=formula.strip())
    make.purchase(
        event, package, donor={"name": formula, "email": "=a@b.co"}, notes=formula, guests=[{"name": formula}]
    )
    (row,) = rows_of(exported(event))
    for column in ("package", "purchaser_name", "purchaser_email", "notes", "guests"):
        assert row[column].startswith("'"), column


def test_ordinary_text_is_left_as_it_is(event):
    make.purchase(
        event, make.package(event, name="Table = ten seats"), donor={"name": "Ana-María", "email": "ana@b.co"}
    )
    (row,) = rows_of(exported(event))
    assert (row["package"], row["purchaser_name"], row["notes"]) == ("Table = ten seats", "Ana-María", "")


def test_the_file_has_no_row_of_another_event(event):
    other = make.event()
    make.purchase(other, make.package(other))
    assert exported(event).count(b"\n") == 1
    with pytest.raises(NotFound):
        read(export.purchases_query, event, actor=make.staff(event=other))

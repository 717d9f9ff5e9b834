"""CSV exports: matching rows only, readable in a spreadsheet, without formulas."""

import asyncio
import csv
import io
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import make, varied_sales
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options
from ticketing.errors import NotFound
from ticketing.purchase_filter import ALL_PURCHASES, PurchaseFilter
from ticketing.reporting import csv_export, purchase_list

COLUMNS = (
    "purchase_id", "purchased_at", "package", "is_sponsorship", "quantity", "seats", "purchaser_name",
    "purchaser_email", "purchaser_phone", "list_price", "discount", "total", "promo_code", "payment_status", "channel",
    "external_sale_id", "notes", "guests",
)  # fmt: skip
LAST = ("fee", "order_id", "order_number", "purchased_at_local (America/New_York)")
CODES = "ticket_codes"  # of the purchases file
SEAT = ("seat_number", "ticket_code", "guest_name", "guest_email")


build_seats_export = partial(csv_export.build_sales_export, kind="guests")


def read(query, event, purchase_filter=ALL_PURCHASES, actor=OPERATOR):
    with db.read_session() as session:
        return query(session, actor, event.id, purchase_filter)


def export(event, purchase_filter=ALL_PURCHASES, query=csv_export.build_sales_export):
    async def collect(prepared):
        return b"".join([chunk async for chunk in csv_export.stream(prepared)])

    return asyncio.run(collect(read(query, event, purchase_filter)))


def parse_rows(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def parse_header(content):
    return next(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def export_seats(event, purchase_filter=ALL_PURCHASES):
    return parse_rows(export(event, purchase_filter, build_seats_export))


@pytest.fixture(scope="module")
def gala(database):
    return varied_sales.create_event()


def test_has_byte_order_mark_and_columns_in_order(event):
    content = export(event)
    assert content.startswith(b"\xef\xbb\xbf")
    assert tuple(parse_header(content)) == (*COLUMNS, *LAST, CODES)
    assert tuple(parse_header(export(event, query=build_seats_export))) == (*COLUMNS[:-1], *SEAT, *LAST)


def test_row_has_guests_answers_and_amounts():
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
    (row,) = parse_rows(export(event))
    assert row["purchase_id"] == str(bought.purchase.id)
    assert row["purchased_at"] == "2026-06-01T12:00:00-04:00"
    assert (row["package"], row["purchaser_name"], row["guests"]) == ("Mesa, “Oro”", "José Núñez", "Zoë; Łukasz")
    assert (row["quantity"], row["seats"]) == ("1", "2")
    assert (row["list_price"], row["discount"], row["total"]) == ("100.00", "10.00", "90.00")
    assert (row["promo_code"], row["payment_status"], row["channel"]) == (promo.code, "completed", "online")
    assert row["notes"] == 'first line\nsecond "line"'
    assert (row["Vegetarian"], row["Menu"]) == ("yes", "Fish, Rice")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "\n=", "＝", "＋", "－", "＠"])
def test_text_of_users_cannot_run_as_formula(event, start):
    formula = f"{start}HYPERLINK(1)"
    package = make.package(event, name=formula.strip())
    make.purchase(
        event,
        package,
        donor={"name": formula, "email": "=a@b.co", "phone": "+1 555"},
        notes=formula,
        guests=[{"name": formula, "email": "=b@b.co"}],
    )
    (row,) = parse_rows(export(event))
    for column in ("package", "purchaser_name", "purchaser_email", "purchaser_phone", "notes", "guests"):
        assert row[column].startswith("'"), column
    (seat,) = export_seats(event)
    assert (seat["guest_name"][0], seat["guest_email"][0], seat["purchaser_name"][0]) == ("'", "'", "'")


def test_questions_and_answers_cannot_run_as_formula(event):
    package = make.package(event)
    wish = make.option(package, label="=1+1")
    make.purchase(event, package, answers=[{"option_id": wish.id, "value": "@SUM(1)"}])
    assert parse_rows(export(event))[0]["'=1+1"] == "'@SUM(1)"


def test_ordinary_text_is_unchanged(event):
    make.purchase(
        event, make.package(event, name="Table = ten seats"), donor={"name": "Ana-María", "email": "ana@b.co"}
    )
    (row,) = parse_rows(export(event))
    assert (row["package"], row["purchaser_name"], row["notes"]) == ("Table = ten seats", "Ana-María", "")


def test_has_no_rows_of_another_event(event):
    other = make.event()
    make.purchase(other, make.package(other))
    assert export(event).count(b"\n") == 1
    with pytest.raises(NotFound):
        read(csv_export.build_sales_export, event, actor=make.staff(event=other))


class TestQuestions:
    def test_each_question_has_one_column_across_packages(self, event):
        gold, silver = make.package(event), make.package(event)
        menu, wish = make.option(gold, label="Menu"), make.option(gold, label="Wish")
        same = make.option(silver, label="Menu")
        for package, option, value in ((gold, menu, "Fish"), (silver, same, "Rice")):
            answers = [{"option_id": option.id, "value": value}]
            if package is gold:
                answers.append({"option_id": wish.id, "value": "A window"})
            make.purchase(event, package, answers=answers)
        content = export(event, PurchaseFilter(sort="oldest"))
        assert parse_header(content)[len(COLUMNS) :] == ["Menu", "Wish", *LAST, CODES]
        assert [(row["Menu"], row["Wish"]) for row in parse_rows(content)] == [("Fish", "A window"), ("Rice", "")]
        assert [row["Menu"] for row in export_seats(event, PurchaseFilter(sort="oldest"))] == ["Fish", "Rice"]

    def test_lines_of_an_order_share_its_number(self, event):
        order = make.order(event, make.package(event), make.package(event), promo_code=make.promo_code(event).code)
        make.purchase(event, make.package(event))
        rows = parse_rows(export(event, PurchaseFilter(sort="oldest")))
        of_order = [row["purchase_id"] for row in rows if row["order_number"] == order.order.number]
        assert of_order == [str(line.purchase.id) for line in order.lines]
        assert {row["order_id"] for row in rows if row["purchase_id"] in of_order} == {str(order.order.id)}

    @pytest.mark.parametrize("label", ["total", "guests", "fee", "order_number"])
    def test_question_named_like_column_gets_suffix(self, event, label):
        package = make.package(event, price="7")
        asked, twin = make.option(package, label=label), make.option(package, label=f"{label} (question)")
        answers = [{"option_id": asked.id, "value": "one"}, {"option_id": twin.id, "value": "two"}]
        make.purchase(event, package, answers=answers)
        content = export(event)
        (row,) = parse_rows(content)
        header = parse_header(content)
        assert len(set(header)) == len(header) == len(COLUMNS) + 3 + len(LAST)
        assert (row["total"], row["guests"], row["fee"]) == ("7.00", "", "")
        assert (row[f"{label} (question)"], row[f"{label} (question) (question)"]) == ("one", "two")

    def test_long_question_is_not_truncated(self, event):
        label = 'Say "yes", please; ' + "ä" * 181
        make.option(make.package(event), label=label)
        assert parse_header(export(event))[-2 - len(LAST)] == label

    def test_retired_question_stays_while_it_has_answers(self, event):
        package = make.package(event)
        once, never, still = (
            make.option(package, label=label, is_required=False) for label in ("Once", "Never", "Still")
        )
        make.purchase(event, package, answers=[{"option_id": once.id, "value": "Fish"}])
        for retired in (once, never):
            db.write(lambda s, retired=retired: options.retire(s, OPERATOR, package.id, retired.id))
        content = export(event)
        assert parse_header(content)[len(COLUMNS) :] == [still.label, once.label, *LAST, CODES]
        assert parse_rows(content)[0]["Once"] == "Fish"

    def test_questions_of_another_event_are_absent(self, event):
        make.option(make.package(make.event()), label="Elsewhere")
        assert "Elsewhere" not in parse_header(export(event))


class TestSeats:
    def test_each_seat_has_a_row(self, event):
        package = make.package(event, name="Gold", seats_per_package=2)
        guests = [{"name": "Zoë", "email": "zoe@example.org"}, {"name": "Ben"}]
        bought = make.purchase(event, package, quantity=2, guests=guests)
        rows = export_seats(event)
        assert [row["ticket_code"] for row in rows] == [ticket.code for ticket in bought.tickets]
        assert [(row["seat_number"], row["guest_name"], row["guest_email"]) for row in rows] == [
            ("1", "Zoë", "zoe@example.org"),
            ("2", "Ben", ""),
            ("3", "", ""),
            ("4", "", ""),
        ]
        assert {(row["purchase_id"], row["package"]) for row in rows} == {(str(bought.purchase.id), "Gold")}

    def test_seats_follow_sort_order(self, event):
        package = make.package(event, seats_per_package=2)
        for name in ("Ben", "Ana"):
            make.purchase(event, package, donor={"name": name, "email": "x@example.org"})
        rows = export_seats(event, PurchaseFilter(sort="name"))
        assert [(row["purchaser_name"], row["seat_number"]) for row in rows] == [
            ("Ana", "1"),
            ("Ana", "2"),
            ("Ben", "1"),
            ("Ben", "2"),
        ]


class TestMatchingPurchases:
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_exports_contain_exactly_the_listed_purchases_in_order(self, gala, data):
        purchase_filter = data.draw(gala.filters())
        with db.read_session() as session:
            lines = purchase_list.list_page(session, OPERATOR, gala.event.id, purchase_filter, per_page=1000)
        listed = [str(line.purchase.id) for line in lines]
        assert [row["purchase_id"] for row in parse_rows(export(gala.event, purchase_filter))] == listed
        by_seat = [row["purchase_id"] for row in export_seats(gala.event, purchase_filter)]
        assert by_seat == [str(line.purchase.id) for line in lines for _ in range(line.purchase.seats)]

    def test_imported_amounts_are_kept(self, event):
        package = make.package(event, price="100")
        run_import(event, sales_csv(sale(package, total_amount="90.00", discount_amount="5.00", fee_amount="2.50")))
        (row,) = parse_rows(export(event))
        money = ("list_price", "discount", "total", "fee")
        assert [row[column] for column in money] == ["100.00", "5.00", "90.00", "2.50"]

    def test_stream_yields_small_chunks(self, event):
        package = make.package(event)
        for number in range(60):
            make.purchase(event, package, notes=f"{number} " + "ñ" * 1990)

        async def lengths(prepared):
            return [len(chunk) async for chunk in csv_export.stream(prepared)]

        sizes = asyncio.run(lengths(read(csv_export.build_sales_export, event)))
        assert len(sizes) == 4
        assert max(sizes) < csv_export.CHUNK_BYTES + 5000

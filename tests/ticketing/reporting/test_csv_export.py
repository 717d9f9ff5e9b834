"""The CSV of an event: exactly what is selected, all of it, and a spreadsheet neither garbles nor runs it."""

import asyncio
import csv
import io
from datetime import UTC, datetime

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
SEAT = ("seat_number", "ticket_code", "guest_name", "guest_email")


def read(query, event, selection=ALL_PURCHASES, actor=OPERATOR):
    with db.read_session() as session:
        return query(session, actor, event.id, selection)


def export(event, selection=ALL_PURCHASES, query=csv_export.build_purchases_export):
    async def collect(wanted):
        return b"".join([piece async for piece in csv_export.stream(wanted)])

    return asyncio.run(collect(read(query, event, selection)))


def parse_rows(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def parse_header(content):
    return next(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def export_seats(event, selection=ALL_PURCHASES):
    return parse_rows(export(event, selection, csv_export.build_guests_export))


@pytest.fixture(scope="module")
def gala(database):
    return varied_sales.create_event()


def test_the_file_opens_right_in_a_spreadsheet_and_its_columns_stand_in_order(event):
    content = export(event)
    assert content.startswith(b"\xef\xbb\xbf")
    assert tuple(parse_header(content)) == (*COLUMNS, "fee")
    assert tuple(parse_header(export(event, query=csv_export.build_guests_export))) == (*COLUMNS[:-1], *SEAT, "fee")


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
def test_no_text_that_was_typed_runs_as_a_formula(event, start):
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


def test_no_answer_and_no_question_runs_as_a_formula_either(event):
    package = make.package(event)
    wish = make.option(package, label="=1+1")
    make.purchase(event, package, answers=[{"option_id": wish.id, "value": "@SUM(1)"}])
    assert parse_rows(export(event))[0]["'=1+1"] == "'@SUM(1)"


def test_ordinary_text_is_left_as_it_is(event):
    make.purchase(
        event, make.package(event, name="Table = ten seats"), donor={"name": "Ana-María", "email": "ana@b.co"}
    )
    (row,) = parse_rows(export(event))
    assert (row["package"], row["purchaser_name"], row["notes"]) == ("Table = ten seats", "Ana-María", "")


def test_the_file_has_no_row_of_another_event(event):
    other = make.event()
    make.purchase(other, make.package(other))
    assert export(event).count(b"\n") == 1
    with pytest.raises(NotFound):
        read(csv_export.build_purchases_export, event, actor=make.staff(event=other))


class TestQuestions:
    def test_have_a_column_each_between_guests_and_fee_whichever_package_asks(self, event):
        gold, silver = make.package(event), make.package(event)
        menu, wish = make.option(gold, label="Menu"), make.option(gold, label="Wish")
        same = make.option(silver, label="Menu")
        for package, asked, told in ((gold, menu, "Fish"), (silver, same, "Rice")):
            answers = [{"option_id": asked.id, "value": told}]
            if package is gold:
                answers.append({"option_id": wish.id, "value": "A window"})
            make.purchase(event, package, answers=answers)
        content = export(event, PurchaseFilter(sort="oldest"))
        assert parse_header(content)[len(COLUMNS) :] == ["Menu", "Wish", "fee"]
        assert [(row["Menu"], row["Wish"]) for row in parse_rows(content)] == [("Fish", "A window"), ("Rice", "")]
        assert [row["Menu"] for row in export_seats(event, PurchaseFilter(sort="oldest"))] == ["Fish", "Rice"]

    @pytest.mark.parametrize("label", ["total", "guests", "fee"])
    def test_are_not_mistaken_for_another_column(self, event, label):
        package = make.package(event, price="7")
        asked, twin = make.option(package, label=label), make.option(package, label=f"{label} (question)")
        answers = [{"option_id": asked.id, "value": "one"}, {"option_id": twin.id, "value": "two"}]
        make.purchase(event, package, answers=answers)
        content = export(event)
        (row,) = parse_rows(content)
        assert len(set(parse_header(content))) == len(parse_header(content)) == len(COLUMNS) + 3
        assert (row["total"], row["guests"], row["fee"]) == ("7.00", "", "")
        assert (row[f"{label} (question)"], row[f"{label} (question) (question)"]) == ("one", "two")

    def test_are_told_whole_however_long(self, event):
        label = 'Say "yes", please; ' + "ä" * 181
        make.option(make.package(event), label=label)
        assert parse_header(export(event))[-2] == label

    def test_that_are_retired_stay_while_they_have_answers(self, event):
        package = make.package(event)
        once, never, still = (
            make.option(package, label=label, is_required=False) for label in ("Once", "Never", "Still")
        )
        make.purchase(event, package, answers=[{"option_id": once.id, "value": "Fish"}])
        for retired in (once, never):
            db.write(lambda s, retired=retired: options.retire(s, OPERATOR, package.id, retired.id))
        content = export(event)
        assert parse_header(content)[len(COLUMNS) :] == [still.label, once.label, "fee"]
        assert parse_rows(content)[0]["Once"] == "Fish"

    def test_of_another_event_are_not_asked_about(self, event):
        make.option(make.package(make.event()), label="Elsewhere")
        assert "Elsewhere" not in parse_header(export(event))


class TestSeats:
    def test_have_a_row_each_named_or_not_with_what_was_bought(self, event):
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

    def test_stand_in_the_order_of_the_selection(self, event):
        package = make.package(event, seats_per_package=2)
        for name in ("Ben", "Ana"):
            make.purchase(event, package, donor={"name": name, "email": "x@example.org"})
        rows = export_seats(event, PurchaseFilter(sort="name"))
        assert [(row["purchaser_name"], row["seat_number"]) for row in rows] == [
            ("Ana", "1"), ("Ana", "2"), ("Ben", "1"), ("Ben", "2"),
        ]  # fmt: skip


class TestTheWholeSelection:
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_is_in_the_files_in_its_order_and_nothing_else(self, gala, data):
        selection = data.draw(gala.filters())
        lines, total = read(purchase_list.list_purchases, gala.event, selection)
        for page in range(2, -(-total // 20) + 1):
            with db.read_session() as session:
                lines += purchase_list.list_page(session, OPERATOR, gala.event.id, selection, page=page)
        listed = [str(line.purchase.id) for line in lines]
        assert [row["purchase_id"] for row in parse_rows(export(gala.event, selection))] == listed
        by_seat = [row["purchase_id"] for row in export_seats(gala.event, selection)]
        assert by_seat == [str(line.purchase.id) for line in lines for _ in range(line.purchase.seats)]

    def test_keeps_the_money_of_what_was_imported(self, event):
        package = make.package(event, price="100")
        run_import(event, sales_csv(sale(package, total_amount="90.00", discount_amount="5.00", fee_amount="2.50")))
        (row,) = parse_rows(export(event))
        money = ("list_price", "discount", "total", "fee")
        assert [row[column] for column in money] == ["100.00", "5.00", "90.00", "2.50"]

    def test_comes_in_pieces_that_stay_small(self, event):
        package = make.package(event)
        for number in range(60):
            make.purchase(event, package, notes=f"{number} " + "ñ" * 1990)

        async def lengths(wanted):
            return [len(piece) async for piece in csv_export.stream(wanted)]

        sizes = asyncio.run(lengths(read(csv_export.build_purchases_export, event)))
        assert len(sizes) == 4
        assert max(sizes) < csv_export.CHUNK_BYTES + 5000

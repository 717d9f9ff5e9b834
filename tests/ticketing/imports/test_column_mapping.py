"""What is proposed for a foreign file, and its rows under a mapping. No database: packages are names by id."""

import json
import uuid

import pytest

from tests.support import seller_files
from tests.support.sales_file import read_data, sale, sales_csv
from ticketing.imports.column_mapping import (
    COLUMNS,
    ColumnMapping,
    apply,
    detect_date_orders,
    from_json,
    header_hash,
    is_needed,
    limit_sales,
    list_package_names,
    propose,
    to_json,
)
from ticketing.imports.files import read

TICKET, TABLE = uuid.uuid4(), uuid.uuid4()
PACKAGES = {TICKET: "Ticket", TABLE: "Table for ten"}


def table(*rows, delimiter=","):
    return read("file.csv", seller_files.to_csv(rows, delimiter))


def applied(found, **fields):
    """The cells of the only column, or row by row when there are more."""
    rows = [cells for _, cells in apply(found, ColumnMapping(**fields), PACKAGES).records]
    return [cells[0] for cells in rows] if all(len(cells) == 1 for cells in rows) else rows


PRETIX_POSITIONS = table(
    *seller_files.build_rows(
        seller_files.PRETIX_POSITIONS,
        seller_files.pretix_position("A", 1, "Ticket", "50.00", "Ana", **{"Attendee email": "a@b.org"}),
        seller_files.pretix_position("A", 2, "table for TEN", "950.00", "Bo"),
    )
)


def test_a_file_with_our_columns_needs_no_mapping_and_one_without_any_of_them_does():
    assert not is_needed(read("sales.csv", read_data("sales.csv")))
    assert not is_needed(read("sales.csv", sales_csv(sale("Table", colour="red"))))
    assert is_needed(read("sales.csv", sales_csv(sale("Table")).replace(b"quantity", b"qty")))


def test_the_positions_of_pretix_are_recognised():
    assert propose(PRETIX_POSITIONS, PACKAGES) == ColumnMapping(
        columns={
            "ticket_type": ("Product",), "purchaser_name": ("Invoice address name",), "purchaser_email": ("Email",),
            "total_amount": ("Price",), "purchase_date": ("Order date", "Order time"),
            "external_sale_id": ("Order code",), "promo_code": ("Voucher",), "payment_status": ("Status",),
            "notes": ("Order comment",), "purchaser_phone": ("Phone number",), "guest_name": ("Attendee name",),
            "guest_email": ("Attendee email",),
        },
        packages={"Ticket": TICKET, "table for TEN": TABLE}, date_order="iso", combine=True,
    )  # fmt: skip


def test_the_orders_of_pretix_are_recognised():
    rows = seller_files.build_rows(seller_files.PRETIX_ORDERS, seller_files.pretix_order("A", "101.50", 2))
    found = propose(table(*rows), {TICKET: "Ticket"})
    assert (found.combine, found.constants) == (False, {"ticket_type": "Ticket"})
    assert (found.columns["purchaser_name"], found.columns["quantity"]) == (("Name",), ("Positions",))
    assert (found.columns["total_amount"], found.columns["fee_amount"]) == (("Order total",), ("Fees",))
    assert "ticket_type" not in propose(table(*rows), PACKAGES).constants


def test_the_orders_and_attendees_of_eventbrite_are_recognised():
    orders = propose(
        table(
            *seller_files.build_rows(seller_files.EVENTBRITE_ORDERS, seller_files.eventbrite_order("1", 2, "107.50"))
        ),
        PACKAGES,
    )
    assert orders.columns["purchaser_name"] == ("Buyer first name", "Buyer last name")
    assert orders.columns["fee_amount"] == ("Eventbrite service fee", "Eventbrite payment processing fee")
    assert (orders.columns["quantity"], orders.columns["total_amount"]) == (("Ticket quantity",), ("Gross sales",))
    assert (orders.columns["external_sale_id"], orders.combine) == (("Order ID",), False)
    attendee = seller_files.eventbrite_attendee("1", "7", "Ticket", "50")
    attendees = propose(table(*seller_files.build_rows(seller_files.EVENTBRITE_ATTENDEES, attendee)), PACKAGES)
    assert attendees.columns["purchaser_email"] == ("Buyer Email",)
    assert attendees.columns["guest_name"] == ("First Name", "Last Name")
    assert (attendees.columns["total_amount"], attendees.combine) == (("Total Paid",), True)
    assert (attendees.packages, attendees.date_order) == ({"Ticket": TICKET}, "month_first")


def test_our_own_columns_are_recognised_whole():
    found = propose(read("sales.csv", read_data("sales.csv")), {})
    assert found.columns == {column: (column,) for column in COLUMNS if column in found.columns}
    assert len(found.columns) == 13


def test_the_first_name_of_a_buyer_names_no_guest():
    found = propose(table(["Order #", "First Name", "Last Name", "Email"], ["1", "Ana", "Ruiz", "a@b.org"]), {})
    assert found.columns["purchaser_name"] == ("First Name", "Last Name")
    assert not {"guest_name", "guest_email"} & set(found.columns)


def test_of_two_columns_for_what_is_required_the_fuller_one_is_proposed():
    header = ["Invoice address name", "Attendee name"]
    assert propose(table(header, ["", "Ana"], ["", "Bo"]), {}).columns["purchaser_name"] == ("Attendee name",)
    assert propose(table(header, ["Cy", "Ana"], ["Di", ""]), {}).columns["purchaser_name"] == (header[0],)


def test_columns_without_a_telling_name_are_known_by_what_is_in_them():
    rows = [["a@b.org", "01/13/2026", "Ticket", "x"], ["c@d.org", "01/14/2026", "TABLE for ten", "y"]]
    found = propose(table(["Who", "When", "What", "Else"], *rows), PACKAGES)
    assert found.columns == {"purchaser_email": ("Who",), "purchase_date": ("When",), "ticket_type": ("What",)}
    assert found.date_order == "month_first"
    mixed = propose(
        table(["Who", "When", "What"], *(row[:3] for row in rows), ["nobody", "never", "Nothing"]), PACKAGES
    )
    assert mixed.columns == {}


def test_an_ambiguous_order_of_dates_is_told_and_not_guessed():
    found = table(["Order date"], ["03/04/2026"], ["05/06/2026"])
    assert propose(found, {}).date_order is None
    assert detect_date_orders(found, ("Order date",)) == ("month_first", "day_first")
    assert applied(found, columns={"purchase_date": ("Order date",)}, date_order=None) == ["03/04/2026", "05/06/2026"]
    assert applied(found, columns={"purchase_date": ("Order date",)}, date_order="day_first")[0] == "2026-04-03"


def test_rows_without_a_quantity_are_one_each():
    rows = [["Order"], ["A"], ["B"]]
    assert propose(table(*rows), {}).constants == {"quantity": "1"}
    twice = propose(table(*rows, ["A"]), {})
    assert (twice.combine, twice.constants) == (True, {})
    assert apply(table(*rows), ColumnMapping(combine=True), {}).header == ("quantity",)


def test_columns_that_together_are_ours_are_joined_and_amounts_summed():
    found = table(
        ["First", "Last", "Day", "Hour", "Fee 1", "Fee 2"], ["Ana", "Ruiz", "2026-10-01", "7:05 PM", "$1.10", "2"]
    )
    assert applied(found, columns={"purchaser_name": ("First", "Last")}) == ["Ana Ruiz"]
    assert applied(found, columns={"purchase_date": ("Day", "Hour")}) == ["2026-10-01T19:05:00"]
    assert applied(found, columns={"fee_amount": ("Fee 1", "Fee 2")}) == ["3.10"]
    assert applied(found, columns={"external_sale_id": ("First", "Last")}) == ["Ana-Ruiz"]
    assert applied(found, columns={"purchaser_email": ("First", "Last")}) == ["Ana"]


def test_a_constant_stands_where_the_file_says_nothing():
    found = table(["Name"], ["Ana"], [" "], ["Bo"])
    assert applied(found, columns={"purchaser_name": ("Name",)}, constants={"purchaser_name": "Guest"}) == ["Ana", "Bo"]
    found = table(["Name", "Phone"], ["Ana", "1"], ["", "2"])
    assert applied(found, columns={"purchaser_name": ("Name",)}, constants={"purchaser_name": "Guest"}) == [
        "Ana",
        "Guest",
    ]
    assert applied(found, constants={"payment_status": "Paid"}) == ["completed", "completed"]


def test_packages_are_matched_by_choice_then_by_name_and_others_stay_as_they_are():
    found = table(["Product"], ["Early bird"], ["TICKET"], ["Brunch"])
    fields = {"columns": {"ticket_type": ("Product",)}, "packages": {"early BIRD": TICKET}}
    assert applied(found, **fields) == ["Ticket", "TICKET", "Brunch"]
    assert list_package_names(found, ColumnMapping(**fields)) == ("Early bird", "TICKET", "Brunch")


def test_rows_keep_their_numbers_and_a_broken_row_its_fault():
    found = table(["Order", "Name"], [], ["A", "Ana"], ["B", "Bo", "more"])
    mapped = apply(found, ColumnMapping({"purchaser_name": ("Name",)}), {})
    assert [row for row, _ in mapped.records] == [3, 4]
    assert "3 cells and the header has 2" in mapped.row_problems[4]


def test_a_name_that_stands_twice_is_two_columns_to_choose_from():
    found = table(["Address", "", "Address", "Address (2)"], ["1", "2", "3", "4"])
    assert found.titles == ("Address", "Column 2", "Address (3)", "Address (2)")
    assert applied(found, columns={"notes": ("Address (3)",)}) == ["3"]


def test_the_first_sales_of_a_file_are_all_of_their_rows():
    found = table(["Order"], ["A"], ["B"], ["A"], ["C"])
    mapping = ColumnMapping({"external_sale_id": ("Order",)}, combine=True)
    assert [row for row, _ in limit_sales(found, mapping, 2).records] == [2, 3, 4]
    assert [row for row, _ in limit_sales(found, ColumnMapping(), 2).records] == [2, 3]


def test_a_mapping_survives_the_database():
    mapping = propose(PRETIX_POSITIONS, PACKAGES)
    stored = json.loads(json.dumps(to_json(mapping)))
    assert from_json(stored, PRETIX_POSITIONS, PACKAGES) == mapping
    assert from_json(stored, PRETIX_POSITIONS, {TICKET: "Ticket"}).packages == {"Ticket": TICKET}
    assert from_json(stored, table(["Email"], ["a@b.org"]), {}).columns == {"purchaser_email": ("Email",)}


def test_a_header_is_known_again_by_its_names_and_their_order():
    assert header_hash(table(["A", "B"], ["1", "2"])) == header_hash(table(["A", "B"], ["3", "4"]))
    assert header_hash(table(["A", "B"], ["1", "2"])) != header_hash(table(["B", "A"], ["1", "2"]))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_of_a_foreign_file_is_the_one_that_finds_most_columns(delimiter):
    header = ("Order, no", "Name", "Total; USD")
    assert table(header, ["A", "Ana", "1"], delimiter=delimiter).titles == header

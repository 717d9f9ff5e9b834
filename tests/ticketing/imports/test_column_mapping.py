"""Mappings proposed for foreign files, and rows under a mapping. No database: packages are names by id."""

import json
import uuid
from dataclasses import replace

import pytest

from tests.support import sales_file, seller_files
from tests.support.sales_file import read_data, sale, sales_csv
from ticketing.imports.column_formats import detect_date_orders, has_local_times, is_half_converted
from ticketing.imports.column_mapping import (
    COLUMNS,
    ColumnMapping,
    apply,
    from_json,
    header_hash,
    is_needed,
    limit_sales,
    list_package_names,
    propose,
    to_json,
)

TICKET, TABLE = uuid.uuid4(), uuid.uuid4()
PACKAGES = {TICKET: "Ticket", TABLE: "Table for ten"}


def read_table(*rows, delimiter=","):
    return sales_file.read_table("file.csv", seller_files.to_csv(rows, delimiter))


def apply_mapping(table, **fields):
    """Return the cells of the only column, or all rows when there are more columns."""
    rows = [cells for _, cells in apply(table, ColumnMapping(**fields), PACKAGES).records]
    return [cells[0] for cells in rows] if all(len(cells) == 1 for cells in rows) else rows


PRETIX_POSITIONS = read_table(
    *seller_files.build_rows(
        seller_files.PRETIX_POSITIONS,
        seller_files.pretix_position("A", 1, "Ticket", "50.00", "Ana", **{"Attendee email": "a@b.org"}),
        seller_files.pretix_position("A", 2, "table for TEN", "950.00", "Bo"),
    )
)


def test_mapping_is_needed_when_a_required_column_is_missing():
    assert not is_needed(sales_file.read_table("sales.csv", read_data("sales.csv")))
    assert not is_needed(sales_file.read_table("sales.csv", sales_csv(sale("Table", color="red"))))
    assert is_needed(sales_file.read_table("sales.csv", sales_csv(sale("Table")).replace(b"quantity", b"qty")))


def test_pretix_positions_are_recognized():
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


def test_pretix_orders_are_recognized():
    rows = seller_files.build_rows(seller_files.PRETIX_ORDERS, seller_files.pretix_order("A", "101.50", 2))
    mapping = propose(read_table(*rows), {TICKET: "Ticket"})
    assert (mapping.combine, mapping.constants) == (False, {"ticket_type": "Ticket"})
    assert (mapping.columns["purchaser_name"], mapping.columns["quantity"]) == (("Name",), ("Positions",))
    assert (mapping.columns["total_amount"], mapping.columns["fee_amount"]) == (("Order total",), ("Fees",))
    assert "ticket_type" not in propose(read_table(*rows), PACKAGES).constants


def test_eventbrite_orders_and_attendees_are_recognized():
    orders = propose(
        read_table(
            *seller_files.build_rows(seller_files.EVENTBRITE_ORDERS, seller_files.eventbrite_order("1", 2, "107.50"))
        ),
        PACKAGES,
    )
    assert orders.columns["purchaser_name"] == ("Buyer first name", "Buyer last name")
    assert orders.columns["fee_amount"] == ("Eventbrite service fee", "Eventbrite payment processing fee")
    assert (orders.columns["quantity"], orders.columns["total_amount"]) == (("Ticket quantity",), ("Gross sales",))
    assert (orders.columns["external_sale_id"], orders.combine) == (("Order ID",), False)
    attendee = seller_files.eventbrite_attendee("1", "7", "Ticket", "50")
    attendees = propose(read_table(*seller_files.build_rows(seller_files.EVENTBRITE_ATTENDEES, attendee)), PACKAGES)
    assert attendees.columns["purchaser_email"] == ("Buyer Email",)
    assert attendees.columns["guest_name"] == ("First Name", "Last Name")
    assert (attendees.columns["total_amount"], attendees.combine) == (("Total Paid",), True)
    assert (attendees.packages, attendees.date_order) == ({"Ticket": TICKET}, "month_first")


def test_all_of_our_own_columns_are_recognized():
    mapping = propose(sales_file.read_table("sales.csv", read_data("sales.csv")), {})
    assert mapping.columns == {column: (column,) for column in COLUMNS if column in mapping.columns}
    assert len(mapping.columns) == 13


def test_name_of_the_purchaser_is_not_proposed_for_the_guest():
    mapping = propose(read_table(["Order #", "First Name", "Last Name", "Email"], ["1", "Ana", "Ruiz", "a@b.org"]), {})
    assert mapping.columns["purchaser_name"] == ("First Name", "Last Name")
    assert not {"guest_name", "guest_email"} & set(mapping.columns)


def test_fuller_column_is_proposed_for_a_required_one():
    header = ["Invoice address name", "Attendee name"]
    assert propose(read_table(header, ["", "Ana"], ["", "Bo"]), {}).columns["purchaser_name"] == ("Attendee name",)
    assert propose(read_table(header, ["Cy", "Ana"], ["Di", ""]), {}).columns["purchaser_name"] == (header[0],)


def test_columns_with_unknown_titles_are_recognized_by_their_content():
    rows = [["a@b.org", "01/13/2026", "Ticket", "x"], ["c@d.org", "01/14/2026", "TABLE for ten", "y"]]
    mapping = propose(read_table(["Who", "When", "What", "Else"], *rows), PACKAGES)
    assert mapping.columns == {"purchaser_email": ("Who",), "purchase_date": ("When",), "ticket_type": ("What",)}
    assert mapping.date_order == "month_first"
    mixed = propose(
        read_table(["Who", "When", "What"], *(row[:3] for row in rows), ["nobody", "never", "Nothing"]), PACKAGES
    )
    assert mixed.columns == {}


def test_ambiguous_date_order_is_not_guessed():
    table = read_table(["Order date"], ["03/04/2026"], ["05/06/2026"])
    assert propose(table, {}).date_order is None
    assert detect_date_orders(table, ("Order date",)) == ("month_first", "day_first")
    assert apply_mapping(table, columns={"purchase_date": ("Order date",)}, date_order=None) == [
        "03/04/2026",
        "05/06/2026",
    ]
    assert apply_mapping(table, columns={"purchase_date": ("Order date",)}, date_order="day_first")[0] == "2026-04-03"


def test_quantity_is_one_where_the_file_has_none():
    rows = [["Order"], ["A"], ["B"]]
    assert propose(read_table(*rows), {}).constants == {"quantity": "1"}
    twice = propose(read_table(*rows, ["A"]), {})
    assert (twice.combine, twice.constants) == (True, {})
    assert apply(read_table(*rows), ColumnMapping(combine=True), {}).header == ("quantity",)


def test_several_columns_are_joined_and_amounts_summed():
    table = read_table(
        ["First", "Last", "Day", "Hour", "Fee 1", "Fee 2"], ["Ana", "Ruiz", "2026-10-01", "7:05 PM", "$1.10", "2"]
    )
    assert apply_mapping(table, columns={"purchaser_name": ("First", "Last")}) == ["Ana Ruiz"]
    assert apply_mapping(table, columns={"purchase_date": ("Day", "Hour")}) == ["2026-10-01T19:05:00"]
    assert apply_mapping(table, columns={"fee_amount": ("Fee 1", "Fee 2")}) == ["3.10"]
    assert apply_mapping(table, columns={"external_sale_id": ("First", "Last")}) == ["Ana-Ruiz"]
    assert apply_mapping(table, columns={"purchaser_email": ("First", "Last")}) == ["Ana"]


def test_constant_fills_empty_cells():
    table = read_table(["Name"], ["Ana"], [" "], ["Bo"])
    assert apply_mapping(table, columns={"purchaser_name": ("Name",)}, constants={"purchaser_name": "Guest"}) == [
        "Ana",
        "Bo",
    ]
    table = read_table(["Name", "Phone"], ["Ana", "1"], ["", "2"])
    assert apply_mapping(table, columns={"purchaser_name": ("Name",)}, constants={"purchaser_name": "Guest"}) == [
        "Ana",
        "Guest",
    ]
    assert apply_mapping(table, constants={"payment_status": "Paid"}) == ["completed", "completed"]


def test_amount_for_all_rows_is_read_as_typed():
    assert apply_mapping(read_table(["A"], ["x"]), constants={"total_amount": "$1,250"}) == ["1250.00"]
    assert apply_mapping(read_table(["A"], ["x"]), constants={"total_amount": "1.250"}) == ["1.250"]


def test_three_digits_after_a_point_are_decided_by_the_column_or_by_staff():
    open_column = read_table(["Total"], ["1.500"], ["3.000"])
    assert propose(open_column, {}).decimal_signs == {}
    total = {"total_amount": ("Total",)}
    assert apply_mapping(open_column, columns=total) == ["1.500", "3.000"]
    assert apply_mapping(open_column, columns=total, decimal_signs={"total_amount": "comma"}) == ["1500", "3000"]
    assert apply_mapping(open_column, columns=total, decimal_signs={"total_amount": "point"}) == ["1.50", "3.00"]
    decided = read_table(["Total"], ["99,50"], ["1.500"])
    assert propose(decided, {}).decimal_signs == {"total_amount": "comma"}
    assert apply_mapping(decided, columns=total) == ["99.50", "1500"]


def test_first_rows_are_read_by_the_decimal_sign_of_the_whole_column():
    table = read_table(["Total"], ["1.500"], ["99,50"])
    mapping = propose(table, {})
    assert apply(limit_sales(table, mapping, 1), mapping, {}).records[0][1][-1] == "1500"


def test_amounts_of_a_column_in_another_currency_are_not_read():
    table = read_table(["Total (EUR)", "Fee (USD)"], ["12.50", "-1.50"])
    assert apply_mapping(table, columns={"total_amount": ("Total (EUR)",)}) == ["12.50 EUR"]
    assert apply_mapping(table, columns={"fee_amount": ("Fee (USD)",)}) == ["1.50"]


def test_time_zone_is_that_of_the_title_else_of_the_row_else_the_chosen_one():
    def read_date(title, *more, **fields):
        table = read_table([title, *more], ["2026-10-02 02:30", "PDT"])
        columns = {"purchase_date": (title,), **({"time_zone": tuple(more)} if more else {})}
        return apply_mapping(table, columns=columns, **fields)[0]

    assert read_date("Date (UTC)") == read_date("Date (UTC)", time_zone="America/New_York") == "2026-10-02T02:30:00Z"
    assert read_date("Date", "Zone") == ["2026-10-02T02:30:00", "PDT"]
    assert read_date("Date", time_zone="America/New_York") == "2026-10-02T02:30:00-04:00"
    assert read_date("Date") == "2026-10-02T02:30:00"


def test_time_zone_in_a_title_does_not_hide_its_name():
    table = read_table(["Created date (UTC)", "Time zone"], ["2026-10-02 02:30", "PDT"])
    assert propose(table, {}).columns == {"purchase_date": ("Created date (UTC)",), "time_zone": ("Time zone",)}
    assert not has_local_times(table, ("Created date (UTC)",))
    assert has_local_times(read_table(["Created"], ["2026-10-02 02:30"]), ("Created",))
    assert not has_local_times(read_table(["Created"], ["2026-10-02"], ["2026-10-02 02:30 EDT"]), ("Created",))


def test_half_converted_dates_are_a_problem_until_staff_choose():
    table = read_table(["Date"], ["2026-03-04"], ["13/4/2026"])
    date = {"purchase_date": ("Date",)}
    assert is_half_converted(table, ("Date",))
    undecided = apply(table, ColumnMapping(date, date_order="day_first"), {})
    assert {row: list(problems) for row, problems in undecided.cell_problems.items()} == {2: ["purchase_date"]}
    assert apply_mapping(table, columns=date, date_order="day_first", swaps_dates=False) == ["2026-03-04", "2026-04-13"]
    assert apply_mapping(table, columns=date, date_order="day_first", swaps_dates=True) == ["2026-04-03", "2026-04-13"]
    assert apply(table, ColumnMapping(date, swaps_dates=True), {}).cell_problems == {}


def test_packages_are_matched_by_choice_then_by_name():
    table = read_table(["Product"], ["Early bird"], ["TICKET"], ["Brunch"])
    fields = {"columns": {"ticket_type": ("Product",)}, "packages": {"early BIRD": TICKET}}
    assert apply_mapping(table, **fields) == ["Ticket", "TICKET", "Brunch"]
    assert list_package_names(table, ColumnMapping(**fields)) == ("Early bird", "TICKET", "Brunch")


def test_rows_keep_their_numbers_and_problems():
    table = read_table(["Order", "Name"], [], ["A", "Ana"], ["B", "Bo", "more"])
    mapped = apply(table, ColumnMapping({"purchaser_name": ("Name",)}), {})
    assert [row for row, _ in mapped.records] == [3, 4]
    assert "3 cells and the header has 2" in mapped.row_problems[4]


def test_repeated_titles_become_unique():
    table = read_table(["Address", "", "Address", "Address (2)"], ["1", "2", "3", "4"])
    assert table.titles == ("Address", "Column 2", "Address (3)", "Address (2)")
    assert apply_mapping(table, columns={"notes": ("Address (3)",)}) == ["3"]


def test_first_sales_have_all_of_their_rows():
    table = read_table(["Order"], ["A"], ["B"], ["A"], ["C"])
    mapping = ColumnMapping({"external_sale_id": ("Order",)}, combine=True)
    assert [row for row, _ in limit_sales(table, mapping, 2).records] == [2, 3, 4]
    assert [row for row, _ in limit_sales(table, ColumnMapping(), 2).records] == [2, 3]


def test_mapping_is_unchanged_by_json_and_drops_what_is_gone():
    mapping = propose(PRETIX_POSITIONS, PACKAGES)
    stored = json.loads(json.dumps(to_json(mapping)))
    assert from_json(stored, PRETIX_POSITIONS, PACKAGES) == mapping
    readings = {"decimal_signs": {"total_amount": "comma"}, "swaps_dates": True, "time_zone": "America/New_York"}
    chosen = replace(mapping, **readings)
    assert from_json(json.loads(json.dumps(to_json(chosen))), PRETIX_POSITIONS, PACKAGES) == chosen
    older = {name: value for name, value in stored.items() if name not in readings}
    assert from_json(older, PRETIX_POSITIONS, PACKAGES) == mapping
    assert from_json(stored, PRETIX_POSITIONS, {TICKET: "Ticket"}).packages == {"Ticket": TICKET}
    assert from_json(stored, read_table(["Email"], ["a@b.org"]), {}).columns == {"purchaser_email": ("Email",)}


def test_header_hash_depends_on_titles_and_their_order():
    assert header_hash(read_table(["A", "B"], ["1", "2"])) == header_hash(read_table(["A", "B"], ["3", "4"]))
    assert header_hash(read_table(["A", "B"], ["1", "2"])) != header_hash(read_table(["B", "A"], ["1", "2"]))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_of_a_foreign_file_is_the_one_with_most_columns(delimiter):
    header = ("Order, no", "Name", "Total; USD")
    assert read_table(header, ["A", "Ana", "1"], delimiter=delimiter).titles == header

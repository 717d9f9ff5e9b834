"""Files with several rows for an order that were once read wrongly, each with its right result, and siblings."""

from decimal import Decimal

import pytest

from tests.support import seller_files
from tests.support.import_cases import check_case, list_cells, read_case
from tests.support.sales_file import read_table
from ticketing.imports import column_mapping, order_amounts, status_names

HEADER = ("Order ID", "Order date", "Name", "Email", "Ticket type", "Quantity", "Total", "Status")


def read_rows(*rows, header=HEADER):
    return read_table("export.csv", seller_files.to_csv([header, *rows]))


def row(package="Seat", total="100.00", status="", order="O1", quantity="1", **more):
    return [order, "2026-10-01", "Ada Lim", "ada@example.org", package, quantity, total, status, *more.values()]


def list_totals(result):
    return [(sale.package.name, sale.quantity, str(sale.total), sale.payment_status) for sale in result.sales]


class TestOnceForTheOrder:
    def test_02b_status_of_the_first_row_holds_for_all(self):
        assert list_totals(check_case(read_case("02b-refunded-two-seats.csv"))) == [
            ("Seat", 2, "200.00", "refunded"),
            ("Seat", 2, "200.00", "failed"),
        ]

    def test_44_everything_that_is_said_once_holds_for_all_rows(self):
        result = check_case(read_case("44-order-level-once.csv"))
        assert result.problems == result.warnings == []
        assert list_totals(result) == [("Table", 1, "450.00", "pending"), ("Seat", 1, "90.00", "pending")]
        assert [(str(sale.discount), str(sale.fee)) for sale in result.sales] == [("50.00", "10.00"), ("10.00", "2.00")]
        assert {
            (sale.promo_code.code, sale.notes, sale.purchaser_phone, sale.order_number) for sale in result.sales
        } == {("EARLY10", "vip", "555", "OL1")}

    def test_59_total_and_status_of_the_first_row_are_those_of_the_order(self):
        result = check_case(read_case("59-shopify-full.csv"))
        assert result.problems == []
        assert list_totals(result) == [("Seat", 2, "200.00", "refunded"), ("Table", 1, "500.00", "refunded")]

    def test_18_name_of_the_ticket_is_the_package_rather_than_its_type(self):
        table = read_case("18-open-event.csv")
        assert column_mapping.propose(table, {}).columns["ticket_type"] == ("Ticket Name",)
        assert list_totals(check_case(table, statuses={"placed": "pending"})) == [
            ("Seat", 1, "100.00", "completed"),
            ("Table", 1, "500.00", "pending"),
        ]

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_it_does_not_matter_which_row_says_it(self, place):
        rows = [row(total=""), row("Table", total=""), row(total="")]
        rows[place][6:8] = "699.99", "pending"
        assert list_totals(check_case(read_rows(*rows))) == [
            ("Seat", 2, "200.00", "pending"),
            ("Table", 1, "499.99", "pending"),
        ]

    def test_value_for_empty_cells_holds_only_where_no_row_says_another(self):
        rows = [row(status="refunded"), row("Table", "500.00"), row(order="O2")]
        result = check_case(read_rows(*rows), constants={"payment_status": "pending"})
        assert [sale.payment_status for sale in result.sales] == ["refunded", "refunded", "pending"]
        assert [sale.payment_status for sale in check_case(read_rows(*rows)).sales][2] == "completed"

    def test_row_without_a_status_beside_different_ones_is_a_problem(self):
        rows = [row(status="refunded"), row("Table", "500.00", "paid"), row()]
        assert list_cells(check_case(read_rows(*rows)).problems) == [(4, "payment_status")]
        rows[2][7] = "refunded"
        assert list_totals(check_case(read_rows(*rows))) == [
            ("Seat", 2, "200.00", "refunded"),
            ("Table", 1, "500.00", "completed"),
        ]

    def test_total_that_only_some_rows_have_is_a_problem_of_the_others(self):
        rows = [row(), row(total="90.00"), row(total="")]
        assert list_cells(check_case(read_rows(*rows)).problems) == [(4, "total_amount")]


class TestAmountScopes:
    def test_28_total_that_all_rows_repeat_is_the_rows_or_the_orders_as_chosen(self):
        table = read_case("28-total-repeated.csv")
        columns = column_mapping.propose(table, {}).columns
        assert order_amounts.list_scopes(table, columns, "total_amount", combine=True) == ("row", "order")
        assert list_cells(check_case(table).problems) == [(2, "total_amount"), (3, "total_amount"), (4, "total_amount")]
        for scope, total in (("order", "300.00"), ("row", "900.00")):
            assert list_totals(check_case(table, amount_scopes={"total_amount": scope})) == [
                ("Seat", 3, total, "completed"),
                ("Seat", 1, "100.00", "completed"),
            ]

    def test_03_item_price_is_of_one_or_of_the_row_as_chosen(self):
        table = read_case("03-unit-price.csv")
        assert list_cells(check_case(table).problems) == [(2, "total_amount"), (3, "total_amount")]
        for scope, totals in (("unit", ["400.00", "200.00", "500.00"]), ("row", ["100.00", "100.00", "500.00"])):
            result = check_case(table, amount_scopes={"total_amount": scope})
            assert [str(sale.total) for sale in result.sales] == totals

    def test_03_total_of_the_order_is_split(self):
        table = read_case("03-unit-price.csv")
        columns = column_mapping.propose(table, {}).columns | {"total_amount": ("Order total",)}
        result = check_case(table, columns=columns, amount_scopes={"total_amount": "order"})
        assert [str(sale.total) for sale in result.sales] == ["400.00", "200.00", "500.00"]

    @pytest.mark.parametrize(
        ("totals", "scopes"),
        [
            (["50.00", "50.00"], ("row", "order")),
            (["50.00", "60.00"], ("row",)),
            (["50.00", ""], ("row",)),
            (["0.00", "0.00"], ("row",)),
        ],
    )
    def test_only_amounts_that_all_rows_repeat_are_asked_about(self, totals, scopes):
        table = read_rows(*(row(total=total) for total in totals))
        columns = column_mapping.propose(table, {}).columns
        assert order_amounts.list_scopes(table, columns, "total_amount", combine=True) == scopes
        assert order_amounts.list_scopes(table, columns, "total_amount", combine=False) == ("row",)

    def test_repeated_discount_and_fee_are_asked_about_and_split_to_the_cent(self):
        header = (*HEADER, "Discount", "Fee")
        rows = [row(total=total, discount="10.00", fee="0.01") for total in ("96.66", "96.67", "96.67")]
        table = read_rows(*rows, header=header)
        assert {column for _, column in list_cells(check_case(table).problems)} == {"discount_amount", "fee_amount"}
        [sale] = check_case(table, amount_scopes={"discount_amount": "order", "fee_amount": "order"}).sales
        assert (sale.total, sale.discount, sale.fee) == (Decimal("290.00"), Decimal("10.00"), Decimal("0.01"))

    def test_amounts_of_an_order_that_differ_are_problems(self):
        rows = [row(total="50.00"), row(total="60.00")]
        result = check_case(read_rows(*rows), amount_scopes={"total_amount": "order"})
        assert list_cells(result.problems) == [(3, "total_amount")]

    def test_choice_is_remembered_for_the_columns_that_are_left(self):
        table = read_case("28-total-repeated.csv")
        mapping = column_mapping.ColumnMapping(
            {"total_amount": ("Order total",)}, amount_scopes={"total_amount": "order", "fee_amount": "order"}
        )
        stored = column_mapping.from_json(column_mapping.to_json(mapping), table, {})
        assert stored.amount_scopes == {"total_amount": "order"}


class TestStatuses:
    def test_08_processing_is_what_staff_choose(self):
        table = read_case("08-woo-processing.csv")
        undecided = check_case(table)
        assert list_cells(undecided.problems) == [(2, "payment_status")]
        for status in ("completed", "pending", "failed", "refunded"):
            result = check_case(table, statuses={"processing": status})
            assert result.problems == []
            assert [sale.payment_status for sale in result.sales] == [status, "completed", "pending"]

    def test_left_out_rows_are_reported_with_their_word(self):
        result = check_case(read_case("08-woo-processing.csv"), statuses={"processing": "left_out"})
        assert [sale.external_sale_id for sale in result.sales] == ["502", "503"]
        assert [(each.row, each.column, each.message) for each in result.warnings] == [
            (2, "payment_status", "The status of this row is processing, which you chose to leave out.")
        ]

    def test_order_whose_status_is_left_out_is_left_out_with_all_rows(self):
        rows = [row(status="Test"), row("Table", "500.00"), row(order="O2", status="Paid")]
        result = check_case(read_rows(*rows), statuses={"test": "left_out"})
        assert [sale.external_sale_id for sale in result.sales] == ["O2"]
        assert list_cells(result.warnings) == [(2, "payment_status"), (3, "payment_status")]

    def test_19_unknown_words_are_problems_until_they_are_matched(self):
        table = read_case("19-statuses.csv")
        unknown = {cells[-1] for _, cells in table.records if status_names.find(cells[-1]) is None}
        assert len(unknown) == 14
        assert len(check_case(table).problems) == 14
        result = check_case(table, statuses={status_names.key(word): "refunded" for word in unknown})
        assert result.problems == []
        assert sum(sale.payment_status == "refunded" for sale in result.sales) == 14

    def test_choice_wins_over_a_known_word(self):
        table = read_rows(row(status="Approved"))
        assert check_case(table, statuses={"approved": "pending"}).sales[0].payment_status == "pending"
        assert check_case(table).sales[0].payment_status == "completed"

    def test_matches_are_remembered_without_unknown_statuses(self):
        mapping = column_mapping.ColumnMapping(statuses={"processing": "left_out", "x": "sold"})
        stored = column_mapping.from_json(column_mapping.to_json(mapping), read_rows(row()), {})
        assert stored.statuses == {"processing": "left_out"}

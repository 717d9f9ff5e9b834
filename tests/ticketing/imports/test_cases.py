"""Files that were once read wrongly, each with its right result, and siblings of each kind."""

import io
from datetime import UTC, datetime

import pytest
import xlsxwriter

from tests.support import seller_files
from tests.support.import_cases import check_case, list_cells, read_case
from tests.support.sales_file import read_table
from ticketing.file_reader.table_format import TOTAL_ROW
from ticketing.imports import column_formats, column_mapping
from ticketing.imports.identifiers import DATE_MESSAGE, NUMBER_MESSAGE, SHORTENED_MESSAGE

LARGE_TABLE = (("Seat", "100.00", 1), ("Table", "1500.00", 10))
HEADER = ("Order ID", "Order date", "Name", "Email", "Ticket type", "Quantity", "Total")


def read_rows(*rows, header=HEADER):
    return read_table("export.csv", seller_files.to_csv([header, *rows]))


def seller_row(number=1, date="2026-10-01", quantity="1", total="100.00", **more):
    return [f"O{number}", date, "Ada Lim", "ada@example.org", "Seat", quantity, total, *more.values()]


def read_totals(*totals, **choices):
    """Return the totals of sales, or None for a problem with the total."""
    rows = [seller_row(number, total=total) for number, total in enumerate(totals, start=2)]
    result = check_case(read_rows(*rows), **choices)
    assert {problem.column for problem in result.problems} <= {"total_amount"}
    read = {sale.external_sale_id: str(sale.total) for sale in result.sales}
    return [read.get(f"O{number}") for number in range(2, len(totals) + 2)]


def read_moments(*dates, **choices):
    """Return the moments of sales in UTC, or None for a problem with the date."""
    result = check_case(read_rows(*(seller_row(place, date) for place, date in enumerate(dates))), **choices)
    assert {problem.column for problem in result.problems} <= {"purchase_date"}
    read = {sale.external_sale_id: sale.purchased_at.strftime("%Y-%m-%dT%H:%M") for sale in result.sales}
    return [read.get(f"O{place}") for place in range(len(dates))]


class TestAmounts:
    def test_01_thousands_or_decimals_are_asked_once_for_the_column(self):
        table = read_case("01-euro-thousands.csv")
        assert column_formats.detect_decimal_signs(table, {"total_amount": ("Total",)}) == {
            "total_amount": ("point", "comma")
        }
        assert column_mapping.propose(table, {}).decimal_signs == {}
        undecided = check_case(table, packages=LARGE_TABLE)
        assert list_cells(undecided.problems) == [(row, "total_amount") for row in (2, 3, 4, 5)]
        assert undecided.problems[0].message.startswith("1.500 can mean 1,500.00 or 1.50.")
        chosen = check_case(table, packages=LARGE_TABLE, decimal_signs={"total_amount": "comma"})
        assert [str(sale.total) for sale in chosen.sales] == ["1500.00", "3000.00"]
        assert list_cells(chosen.problems) == [(4, "total_amount"), (5, "total_amount")]
        assert chosen.problems[0].message.startswith("1.500 € is not in US dollars.")

    def test_32_decimal_commas_decide_the_column(self):
        result = check_case(read_case("32-decimal-commas.csv"), packages=LARGE_TABLE)
        assert [str(sale.total) for sale in result.sales] == ["99.50", "1500.00", "1499.50"]

    @pytest.mark.parametrize(
        ("totals", "undecided", "point", "comma"),
        [
            (["1.500"], [None], ["1.50"], ["1500.00"]),
            (["1,500"], [None], ["1500.00"], ["1.50"]),
            (["1.500", "500"], [None, "500.00"], ["1.50", "500.00"], ["1500.00", "500.00"]),
            (["1.500", "9.50", "9,50"], [None, "9.50", "9.50"], ["1.50", "9.50", "9.50"], ["1500.00", "9.50", "9.50"]),
        ],
    )  # fmt: skip
    def test_undecided_column_is_read_as_chosen_and_not_at_all_before(self, totals, undecided, point, comma):
        assert read_totals(*totals) == undecided
        assert read_totals(*totals, decimal_signs={"total_amount": "point"}) == point
        assert read_totals(*totals, decimal_signs={"total_amount": "comma"}) == comma

    @pytest.mark.parametrize(
        ("totals", "read"),
        [
            (["1.500", "99.50"], ["1.50", "99.50"]),
            (["1,500", "99.50"], ["1500.00", "99.50"]),
            (["1,500", "1,250.00"], ["1500.00", "1250.00"]),
            (["$1,500", "2,000"], ["1500.00", "2000.00"]),
            (["1.500", "12,5"], ["1500.00", "12.50"]),
            (["1.500", "1.500.000"], ["1500.00", "1500000.00"]),
            (["1 500", "1'500.00"], ["1500.00", "1500.00"]),
        ],
    )
    def test_rest_of_the_column_decides(self, totals, read):
        assert read_totals(*totals) == read

    @pytest.mark.parametrize("total", ["€100", "100 €", "£100", "CAD 100", "100 EUR", "CA$100", "A$ 100"])
    def test_amount_in_another_currency_is_a_problem(self, total):
        assert read_totals(total, "$100.00", "US$100", "100 USD") == [None, "100.00", "100.00", "100.00"]

    def test_title_or_column_that_has_foreign_currency_makes_problems(self):
        in_title = read_rows(seller_row(), header=(*HEADER[:-1], "Total (EUR)"))
        titles = {"columns": column_mapping.propose(in_title, {}).columns | {"total_amount": ("Total (EUR)",)}}
        assert list_cells(check_case(in_title, **titles).problems) == [(2, "total_amount")]
        rows = [seller_row(1, code="usd"), seller_row(2, code="eur"), seller_row(3, code="")]
        in_column = read_rows(*rows, header=(*HEADER, "Currency"))
        assert list_cells(check_case(in_column).problems) == [(3, "currency")]

    def test_45_fee_loses_its_minus(self):
        [sale] = check_case(read_case("45-negative-fee.csv")).sales
        assert (str(sale.total), str(sale.fee)) == ("100.00", "3.20")

    @pytest.mark.parametrize("fee", ["-$3.20", "(3.20)", "\u22123.20", "-3,20", "3.20"])
    def test_fee_is_taken_off_however_it_is_written(self, fee):
        [sale] = check_case(read_rows(seller_row(fee=fee), header=(*HEADER, "Fee"))).sales
        assert str(sale.fee) == "3.20"

    def test_50_computed_fee_is_rounded_half_up_with_a_warning(self):
        result = check_case(read_case("50-fee-formula.xlsx"))
        assert (str(result.sales[0].total), str(result.sales[0].fee)) == ("95.50", "3.07")
        assert "row 2, fee_amount: 3.0695 is rounded to $3.07." in map(str, result.warnings)

    def test_computed_amounts_of_a_csv_are_rounded_with_a_warning(self):
        rows = [seller_row(place, fee=fee) for place, fee in enumerate(["3.0650", "3.0649", "0.125"])]
        result = check_case(read_rows(*rows, header=(*HEADER, "Fee")))
        assert [str(sale.fee) for sale in result.sales] == ["3.07", "3.06", "0.13"]
        assert list_cells(result.warnings) == [(2, "fee_amount"), (3, "fee_amount"), (4, "fee_amount")]

    def test_numbers_of_workbooks_and_json_need_no_choice(self):
        rows = [seller_row(1), seller_row(2)]
        for row, total in zip(rows, (1.125, 12.5), strict=True):
            row[-1] = total
        [first, _] = check_case(read_table("x.xlsx", seller_files.to_workbook([HEADER, *rows]))).sales
        assert str(first.total) == "1.13"
        record = ", ".join(f'"{name}": "{cell}"' for name, cell in zip(HEADER[:-1], rows[0][:-1], strict=True))
        [sale] = check_case(read_table("x.json", f'[{{{record}, "Total": 1.500}}]'.encode())).sales
        assert str(sale.total) == "1.50"

    def test_quantity_with_three_decimals_is_asked_too(self):
        table = read_rows(seller_row(quantity="2.000"))
        assert list_cells(check_case(table).problems) == [(2, "quantity")]
        assert check_case(table, decimal_signs={"quantity": "point"}).sales[0].quantity == 2
        assert check_case(table, decimal_signs={"quantity": "comma"}).sales[0].quantity == 2000


class TestIds:
    @pytest.mark.parametrize(("name", "rows"), [("04-sci-ids.csv", (2, 3, 4, 5)), ("04b-long-ids.xlsx", (2, 3, 4))])
    def test_04_shortened_numbers_are_problems_of_their_rows(self, name, rows):
        result = check_case(read_case(name))
        assert [(each.row, each.column, each.message) for each in result.problems] == [
            (row, "external_sale_id", SHORTENED_MESSAGE) for row in rows
        ]

    def test_04d_codes_that_became_dates_or_numbers_are_problems(self):
        result = check_case(read_case("04d-codes-as-dates.xlsx"))
        assert [(each.row, each.column, each.message) for each in result.problems] == [
            (2, "external_sale_id", DATE_MESSAGE),
            (3, "external_sale_id", SHORTENED_MESSAGE),
            (4, "external_sale_id", NUMBER_MESSAGE),
        ]

    @pytest.mark.parametrize(
        ("number_format", "number", "is_damaged"),
        [
            ("00000", 42, True),
            ("00000", 10042, False),
            ("0.00E+00", 12000, True),
            ("0", 42, False),
            ("#,##0", 42000, False),
        ],
    )
    def test_number_that_is_shown_as_a_code_is_a_problem_of_ids_only(self, number_format, number, is_damaged):
        content = io.BytesIO()
        with xlsxwriter.Workbook(content) as book:
            sheet, shown = book.add_worksheet(), book.add_format({"num_format": number_format})
            sheet.write_row(0, 0, HEADER)
            sheet.write_row(1, 0, seller_row())
            sheet.write_number(1, 0, number, shown)
            sheet.write_number(1, 6, number, shown)
        problems = list_cells(check_case(read_table("x.xlsx", content.getvalue())).problems)
        assert problems == ([(2, "external_sale_id")] if is_damaged else [])

    def test_promo_code_that_became_a_date_or_number_is_a_problem(self):
        rows = [seller_row(place, code=code) for place, code in enumerate(["25-Dec", "1.2E+46", "EARLY10"])]
        result = check_case(read_rows(*rows, header=(*HEADER, "Coupon code")))
        assert [(each.row, each.column, each.message) for each in result.problems] == [
            (2, "promo_code", DATE_MESSAGE),
            (3, "promo_code", SHORTENED_MESSAGE),
        ]

    @pytest.mark.parametrize("number", [2**53, 2**53 - 1, 1234567890123456, 104823456789, 42])
    def test_whole_numbers_of_a_workbook_keep_all_digits_up_to_two_to_the_53(self, number):
        table = read_table("x.xlsx", seller_files.to_workbook([HEADER, [number, *seller_row()[1:]]]))
        assert [sale.external_sale_id for sale in check_case(table).sales] == [str(number)]

    @pytest.mark.parametrize("number", [2**53 + 2, 12345678901234567, 1.2e46])
    def test_larger_numbers_of_a_workbook_are_problems(self, number):
        table = read_table("x.xlsx", seller_files.to_workbook([HEADER, [float(number), *seller_row()[1:]]]))
        assert list_cells(check_case(table).problems) == [(2, "external_sale_id")]

    def test_long_numbers_of_a_csv_and_of_json_keep_their_digits(self):
        long = "12345678901234567890"
        [sale] = check_case(read_rows([long, *seller_row()[1:]])).sales
        assert sale.external_sale_id == long
        record = ", ".join(f'"{name}": "{cell}"' for name, cell in zip(HEADER[1:], seller_row()[1:], strict=True))
        [sale] = check_case(read_table("x.json", f'[{{"Order ID": {long}, {record}}}]'.encode())).sales
        assert sale.external_sale_id == long


class TestDates:
    def test_09_utc_in_the_title_is_meant(self):
        moments = [sale.purchased_at for sale in check_case(read_case("09-utc-title.csv")).sales]
        assert moments == [datetime(2026, 10, 2, 2, 30, tzinfo=UTC), datetime(2026, 10, 1, 18, 30, tzinfo=UTC)]

    def test_10_offsets_names_of_zones_and_written_months_are_read(self):
        result = check_case(read_case("10-offset-hours.csv"))
        moments = [sale.purchased_at.strftime("%d %H:%M") for sale in result.sales]
        assert (result.problems, moments) == (
            [],
            ["02 02:30", "02 06:30", "02 02:30", "02 02:30", "02 02:30", "02 04:00", "13 18:30", "02 06:30"],
        )

    def test_15_time_zone_of_a_column_is_proposed(self):
        table = read_case("15-paypal.csv")
        mapping = column_mapping.propose(table, {})
        assert (mapping.columns["time_zone"], mapping.columns["currency"]) == (('"TimeZone"',), ('"Currency"',))
        sales = check_case(table).sales
        assert [(sale.external_sale_id, sale.purchased_at.strftime("%d %H:%M"), str(sale.fee)) for sale in sales] == [
            ("8AB", "21 04:22", "68.94"),
            ("8AD", "22 14:22", "14.94"),
        ]

    def test_56_times_are_utc_and_euros_a_problem(self):
        result = check_case(read_case("56-stripe.csv"), constants={"ticket_type": "Seat"})
        assert list_cells(result.problems) == [(5, "currency")]
        assert {sale.purchased_at for sale in result.sales} == {datetime(2026, 10, 1, 15, tzinfo=UTC)}

    def test_49_time_of_the_venue_is_read_in_its_zone(self):
        [sale] = check_case(read_case("49-vancouver.csv"), venue_zone="America/Vancouver").sales
        assert sale.purchased_at.strftime("%Y-%m-%d") == "2026-11-28"  # 06:30 or 07:30 by the rules of the zone

    @pytest.mark.parametrize(
        ("zone", "utc"),
        [
            ("PDT", "2026-10-02T09:30"), ("EST", "2026-10-02T07:30"), ("GMT", "2026-10-02T02:30"),
            ("Pacific Time (US & Canada)", "2026-10-02T09:30"),
            ("(GMT-05:00) Eastern Time (US & Canada)", "2026-10-02T06:30"),
            ("America/Denver", "2026-10-02T08:30"), ("UTC+2", "2026-10-02T00:30"), ("", "2026-10-02T06:30"),
        ],
    )  # fmt: skip
    def test_time_is_in_the_zone_that_its_row_names(self, zone, utc):
        table = read_rows(seller_row(date="2026-10-02 02:30", zone=zone), header=(*HEADER, "Time zone"))
        assert [sale.purchased_at.strftime("%Y-%m-%dT%H:%M") for sale in check_case(table).sales] == [utc]

    def test_unknown_time_zone_is_a_problem(self):
        table = read_rows(seller_row(date="2026-10-02 02:30", zone="IST"), header=(*HEADER, "Time zone"))
        assert list_cells(check_case(table).problems) == [(2, "time_zone")]

    @pytest.mark.parametrize(
        ("dates", "utc"),
        [
            (["03/04/2026"], [None]),
            (["03/04/2026", "13/04/2026"], ["2026-04-03T04:00", "2026-04-13T04:00"]),
            (["03/04/2026", "04/13/2026"], ["2026-03-04T05:00", "2026-04-13T04:00"]),
            (["3.4.26", "13.4.26"], ["2026-04-03T04:00", "2026-04-13T04:00"]),
        ],
    )
    def test_order_of_day_and_month_is_decided_by_the_column(self, dates, utc):
        assert read_moments(*dates) == utc

    def test_half_converted_dates_are_read_as_chosen_and_not_before(self):
        """4 March and 13 April, written day first, of which an American spreadsheet made 3 April and text."""
        rows = [seller_row(1, datetime(2026, 4, 3)), seller_row(2, "13/04/2026")]
        content = seller_files.to_workbook([HEADER, *rows], default_date_format="yyyy-mm-dd")
        table = read_table("x.xlsx", content)
        assert list_cells(check_case(table).problems) == [(2, "purchase_date")]
        for swaps, expected in ((True, ["2026-03-04", "2026-04-13"]), (False, ["2026-04-03", "2026-04-13"])):
            sales = check_case(table, swaps_dates=swaps).sales
            assert [sale.purchased_at.strftime("%Y-%m-%d") for sale in sales] == expected

    def test_dates_of_a_workbook_counted_from_1904_are_the_same_days(self):
        content = io.BytesIO()
        with xlsxwriter.Workbook(content, {"date_1904": True, "default_date_format": "d-mmm-yy"}) as book:
            sheet = book.add_worksheet()
            for place, row in enumerate([HEADER, seller_row(date=datetime(2026, 10, 2))]):
                sheet.write_row(place, 0, row)
        [sale] = check_case(read_table("x.xlsx", content.getvalue())).sales
        assert sale.purchased_at == datetime(2026, 10, 2, 4, tzinfo=UTC)

    def test_chosen_time_zone_holds_for_times_without_one(self):
        dates = ["2026-10-02 02:30", "2026-10-02 02:30Z", "2026-10-02"]
        assert read_moments(*dates) == ["2026-10-02T06:30", "2026-10-02T02:30", "2026-10-02T04:00"]
        assert read_moments(*dates, time_zone="UTC") == ["2026-10-02T02:30", "2026-10-02T02:30", "2026-10-02T04:00"]


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "ids"),
        [
            ("05-formulas-empty.xlsx", ["F1", "F2"]),
            ("05b-formulas-notes.xlsx", ["FN1", "FN2"]),
            ("06-sep-semicolon.csv", ["S1", "S2"]),
            ("07-pipe.csv", ["P1"]),
            ("20-eventbrite-api.json", ["16"]),
            ("29-sheet-per-month.xlsx", ["O1", "O2", "N1", "N2", "N3"]),
            ("39-copied-example-date.csv", ["CD1"]),
        ],
    )
    def test_file_is_read_without_a_problem(self, name, ids):
        result = check_case(read_case(name))
        assert result.problems == []
        assert [(sale.external_sale_id, str(sale.total)) for sale in result.sales] == [(each, "100.00") for each in ids]
        assert {(sale.notes, sale.promo_code, sale.purchaser_phone) for sale in result.sales} == {(None, None, None)}

    @pytest.mark.parametrize(
        ("name", "problem", "sales"),
        [
            ("05e-formula-and-total.xlsx", (13, "", TOTAL_ROW), 2),
            ("14-banner.csv", (7, "", TOTAL_ROW), 2),
            ("14e-blank-lines-problem.csv", (4, "ticket_type", "This event has no package called Nope."), 0),
            ("40d-t-before-r.xlsx", (2, "notes", "The cell shows #DIV/0!."), 0),
        ],
    )
    def test_file_has_one_problem_that_says_what_to_do(self, name, problem, sales):
        result = check_case(read_case(name))
        assert [(each.row, each.column, each.message[: len(problem[2])]) for each in result.problems] == [problem]
        assert len(result.sales) == sales

    @pytest.mark.parametrize(
        ("name", "title", "rows", "notices"),
        [
            ("06-sep-semicolon.csv", "Order number", ["3", "4"], []),
            ("14-banner.csv", "Order number", ["5", "6", "7"], ["Gala 2026 - order report; Generated 1 Nov 2026"]),
            ("14e-blank-lines-problem.csv", "ticket_type", ["4"], []),
            ("29-sheet-per-month.xlsx", "ticket_type",
             ["2 of October", "3 of October", "2 of November", "3 of November", "4 of November"], []),
        ],
    )  # fmt: skip
    def test_header_and_rows_are_those_that_a_spreadsheet_shows(self, name, title, rows, notices):
        table = read_case(name)
        assert table.titles[0] == title
        assert [str(row) for row, _ in table.records] == rows
        assert [notice.partition(": ")[2].removesuffix(".") for notice in table.notices] == notices

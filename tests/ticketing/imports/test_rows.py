"""Parsing of cells and checks of rows, without a database: packages and codes here are not stored."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.support.sales_file import read_table, sale, sales_csv
from ticketing.imports.header import validate_header
from ticketing.imports.parsing import parse
from ticketing.imports.rows import ExistingData, ValidationResult, list_warnings, validate
from ticketing.models import Package, PromoCode
from ticketing.validation import name_key

NEW_YORK = "America/New_York"


def build_package(name="Table", price="100.00", seats=1, limit=None, sold=0) -> Package:
    return Package(
        id=uuid.uuid4(),
        name=name,
        name_key=name_key(name),
        price=Decimal(price),
        seats_per_package=seats,
        quantity_limit=limit,
        sold_count=sold,
    )


def build_code(code="EARLY25", total=None, per_donor=None, used=0) -> PromoCode:
    return PromoCode(id=uuid.uuid4(), code=code, max_total_uses=total, max_uses_per_donor=per_donor, current_uses=used)


def check_rows(*rows, packages=(), codes=(), stored_ids=(), donor_uses=None, zone=NEW_YORK) -> ValidationResult:
    """Check rows against an event with these packages, by default one called Table."""
    return validate(
        parse(read_table("sales.csv", sales_csv(*rows)), zone),
        ExistingData(
            packages={package.name_key: package for package in packages or (build_package(),)},
            promo_codes={code.code: code for code in codes},
            external_sale_ids=dict.fromkeys(stored_ids, uuid.uuid4()),
            donor_uses=donor_uses or {},
        ),
    )


def list_problems(*rows, **options) -> list[tuple[int, str]]:
    return [(problem.row, problem.column) for problem in check_rows(*rows, **options).problems]


def get_sale(**cells):
    [valid] = check_rows(sale("Table", **cells)).sales
    return valid


@pytest.mark.parametrize(
    ("column", "valid", "invalid"),
    [
        ("quantity", ["1", "2000", " 7 "], ["", "0", "2001", "-1", "1.5", "1.0", "two", "1e3", "1,000", "+2", "٣"]),
        (
            "total_amount",
            ["0", "9999999999.99", "12.5", "12.3456", "0.125", "1234.500"],
            ["", "-5.00", "12.345", "1.500", "NaN", "1e5", "$5", "5 €", "1,234.50", "9999999999.999"],
        ),
        ("discount_amount", ["", "0.00", "100.00"], ["-0.01", "x", "10%"]),
        ("fee_amount", ["", "0.00", "3.75", "-3.20"], ["--1", "inf"]),
        ("purchaser_name", ["美咲", "x" * 200], ["", "   ", "x" * 201, "a\x00b"]),
        ("purchaser_email", ["a@b.org", " DONOR@EXAMPLE.ORG "], ["", "not-an-address", "a@b", f"{'x' * 250}@b.org"]),
        ("purchaser_phone", ["", "5" * 50], ["5" * 51, "1.21256E+10"]),
        ("external_sale_id", ["1", "x" * 200, "00042"], ["", " ", "x" * 201, "1.04823E+11", "2026-12-25", "25-Dec"]),
        ("promo_code", [""], ["2026-12-25", "1.2E+46"]),
        ("currency", ["", "USD", "usd", "US$"], ["EUR", "CAD", "?"]),
        ("time_zone", ["", "UTC", "PDT", "America/New_York", "Pacific Time (US & Canada)"], ["IST", "here"]),
        ("notes", ["", "x" * 2000, "one\ntwo"], ["x" * 2001, "bell\x07"]),
        ("payment_status", ["", "completed", "Pending", "failed", "refunded"], ["voided", "maybe", "paid"]),
        (
            "purchase_date",
            ["2026-10-01", "2026-10-01 18:30", "2026-10-01T18:30:00Z", "2026-10-01T18:30:00.5+02:00",
             "2026-10-01 18:30:00.123456+00", "2000-01-01", "2099-12-31"],
            ["", "31/31/2026", "10/01/2026", "2026-02-30", "2026-13-01", "1999-12-31", "2100-01-01", "yesterday",
             "2026-W01-1", "20261001"],
        ),
    ],
)  # fmt: skip
def test_valid_and_invalid_cells_of_each_column(column, valid, invalid):
    for cell in valid:
        assert (cell, list_problems(sale("Table", **{column: cell}))) == (cell, [])
    for cell in invalid:
        assert (cell, list_problems(sale("Table", **{column: cell}))) == (cell, [(2, column)])


def test_every_problem_is_reported_by_row_and_column():
    bad = {"quantity": "two", "purchaser_email": "x", "total_amount": "NaN"}
    problems = list_problems(sale("Table"), sale("Unknown", **bad), sale("Table", purchaser_name=""))
    assert problems == [
        (3, "purchaser_email"),
        (3, "quantity"),
        (3, "ticket_type"),
        (3, "total_amount"),
        (4, "purchaser_name"),
    ]


def test_package_names_match_without_case_and_outer_spaces():
    assert list_problems(sale("  TABLE "), packages=[build_package("Table")]) == []
    assert list_problems(sale("Tables"), packages=[build_package("Table")]) == [(2, "ticket_type")]


def test_promo_codes_match_without_case_and_an_unknown_one_is_a_problem():
    result = check_rows(sale("Table", promo_code=" early25 "), codes=[build_code()])
    assert (result.problems, result.sales[0].promo_code.code) == ([], "EARLY25")
    assert list_problems(sale("Table", promo_code="EARLY26"), codes=[build_code()]) == [(2, "promo_code")]


def test_missing_cells_are_blank_and_surplus_cells_a_problem():
    content = sales_csv(sale("Table", notes="x")).replace(b",x\r\n", b"\r\n")
    assert [record.problems for record in parse(read_table("sales.csv", content), NEW_YORK)] == [{}]
    content = sales_csv(sale("Table", notes="x")).replace(b",x\r\n", b",x,,\r\n")
    assert [record.problems for record in parse(read_table("sales.csv", content), NEW_YORK)] == [{}]
    content = sales_csv(sale("Table", notes="x")).replace(b",x\r\n", b",x,y\r\n")
    [record] = parse(read_table("sales.csv", content), NEW_YORK)
    assert "9 cells and the header has 8" in record.problems[""]


def test_missing_and_repeated_columns_are_problems_and_unknown_ones_warnings():
    header = read_table("sales.csv", b"ticket_type,quantity,quantity,color\nTable,1,1,red\n").header
    result = validate_header(header)
    assert [(problem.row, problem.column) for problem in result.problems] == [
        (1, "purchaser_name"),
        (1, "purchaser_email"),
        (1, "total_amount"),
        (1, "purchase_date"),
        (1, "external_sale_id"),
        (1, "quantity"),
    ]
    assert [(warning.row, warning.column) for warning in result.warnings] == [(1, "color")]


def test_event_id_of_the_file_is_ignored_without_a_warning():
    content = sales_csv(sale("Table", event_id="another"))
    assert validate_header(read_table("sales.csv", content).header) == ValidationResult()
    assert list_problems(sale("Table", event_id="another")) == []


def test_blank_cells_have_defaults():
    result = get_sale(discount_amount="", fee_amount="", payment_status="", notes="", purchaser_phone="")
    assert (result.discount, result.fee, result.payment_status) == (Decimal("0.00"), None, "completed")
    assert (result.notes, result.purchaser_phone, result.promo_code) == (None, None, None)


@pytest.mark.parametrize(
    ("cell", "utc"),
    [
        ("2026-07-01T12:00:00", "2026-07-01T16:00"),
        ("2026-12-01T12:00:00", "2026-12-01T17:00"),
        ("2026-12-01", "2026-12-01T05:00"),
        ("2026-12-01T12:00:00+01:00", "2026-12-01T11:00"),
        ("2026-12-01T12:00:00Z", "2026-12-01T12:00"),
        ("2026-11-01T01:30:00", "2026-11-01T05:30"),  # comes twice; the first is meant
        ("2026-03-08T02:30:00", "2026-03-08T07:30"),  # the clock leaves it out; 3:30 by the new time
    ],
)
def test_time_without_offset_is_in_the_zone_of_the_event(cell, utc):
    assert get_sale(purchase_date=cell).purchased_at == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_time_without_offset_is_in_the_zone_of_its_row():
    moments = [
        get_sale(purchase_date=cell, time_zone="PDT").purchased_at.isoformat()
        for cell in ("2026-10-01T12:00:00", "2026-10-01T12:00:00Z")
    ]
    assert moments == ["2026-10-01T19:00:00+00:00", "2026-10-01T12:00:00+00:00"]


def test_computed_amounts_are_rounded_half_up_with_a_warning():
    content = sales_csv(sale("Table", total_amount="100.0050", fee_amount="3.0695"), sale("Table", fee_amount="3.0700"))
    records = list(parse(read_table("sales.csv", content), NEW_YORK))
    assert [(each.values["total_amount"], each.values["fee_amount"]) for each in records] == [
        (Decimal("100.01"), Decimal("3.07")),
        (Decimal("100.00"), Decimal("3.07")),
    ]
    assert [str(warning) for warning in list_warnings(records)] == [
        "row 2, total_amount: 100.0050 is rounded to $100.01.",
        "row 2, fee_amount: 3.0695 is rounded to $3.07.",
    ]


def test_three_decimals_are_a_problem_in_our_own_format_whatever_the_column_shows():
    rows = [sale("Table", total_amount=amount) for amount in ("1.500", "99.50", "12.125", "12.1250")]
    assert list_problems(*rows) == [(2, "total_amount"), (4, "total_amount")]


def test_both_readings_of_three_decimals_are_named():
    [problem] = check_rows(sale("Table", total_amount="1.500")).problems
    assert problem.message == (
        "1.500 can mean 1,500.00 or 1.50. Write 1500.00 or 1.50, or choose the meaning where columns are matched."
    )


def test_dates_of_which_a_spreadsheet_converted_some_are_all_problems():
    rows = [sale("Table", purchase_date="2026-03-04"), sale("Table", purchase_date="13/4/2026")]
    assert list_problems(*rows) == [(2, "purchase_date"), (3, "purchase_date")]
    assert list_problems(rows[0]) == []


def test_order_numbers_that_a_spreadsheet_cut_are_problems_of_all_rows():
    rows = [sale("Table", external_sale_id=f"12345678901234{digit}0") for digit in (5, 6, 7)]
    assert list_problems(*rows) == [(2, "external_sale_id"), (3, "external_sale_id"), (4, "external_sale_id")]
    assert list_problems(*rows[:2]) == []


def test_apostrophe_of_an_escaped_formula_is_removed():
    assert get_sale(notes="'=HYPERLINK(1)").notes == "=HYPERLINK(1)"
    assert get_sale(notes="'tis the season").notes == "'tis the season"


def test_total_that_does_not_add_up_is_a_warning_and_is_kept():
    row = sale("Table", quantity=2, total_amount="150.00", discount_amount="10.00")
    result = check_rows(row)
    assert [(warning.row, warning.column) for warning in result.warnings] == [(2, "total_amount")]
    assert str(result.warnings[0]) == (
        "row 2, total_amount: $150.00 is not 2 x $100.00 less $10.00, which is $190.00. "
        "The total from the file is kept."
    )
    assert (result.problems, result.sales[0].total) == ([], Decimal("150.00"))
    assert check_rows(row | {"total_amount": "190.00"}).warnings == []


def test_list_price_beyond_the_limit_is_a_problem():
    expensive = build_package(price="10000000.00")
    assert list_problems(sale("Table", quantity=1_000), packages=[expensive]) == [(2, "quantity")]
    assert list_problems(sale("Table", quantity=999), packages=[expensive]) == []


def test_imported_order_has_at_most_2000_seats():
    table = build_package(seats=10)
    assert list_problems(sale("Table", quantity=200), packages=[table]) == []
    assert list_problems(sale("Table", quantity=201), packages=[table]) == [(2, "quantity")]


def test_row_already_in_the_event_is_skipped_whatever_its_problems():
    result = check_rows(sale("Unknown", external_sale_id="OLD", quantity="two"), sale("Table"), stored_ids={"OLD"})
    assert (result.problems, result.skipped_count, len(result.sales)) == ([], 1, 1)
    assert [(warning.row, warning.column) for warning in result.warnings] == [(2, "external_sale_id")]


def test_repeated_order_number_is_a_problem_at_each_later_row():
    rows = [sale("Table", external_sale_id="A") for _ in range(3)]
    assert list_problems(*rows) == [(3, "external_sale_id"), (4, "external_sale_id")]
    assert list_problems(*rows, stored_ids={"A"}) == [(3, "external_sale_id"), (4, "external_sale_id")]


def test_quantity_limit_can_be_reached_but_not_exceeded():
    package = build_package(limit=10, sold=4)
    fits = [sale("Table", quantity=5), sale("Table", quantity=1)]
    assert list_problems(*fits, packages=[package]) == []
    assert list_problems(*fits, sale("Table"), packages=[package]) == [(4, "quantity")]


def test_row_that_does_not_fit_reserves_nothing():
    package = build_package(limit=3)
    rows = [sale("Table", quantity=2), sale("Table", quantity=2), sale("Table", quantity=1)]
    assert list_problems(*rows, packages=[package]) == [(3, "quantity")]


@pytest.mark.parametrize(
    ("status", "counts"), [("completed", True), ("pending", True), ("failed", False), ("refunded", False)]
)
def test_only_completed_and_pending_rows_reserve_capacity_and_uses(status, counts):
    package, code = build_package(limit=1), build_code(total=1)
    rows = [sale("Table", payment_status=status, promo_code="EARLY25"), sale("Table", promo_code="EARLY25")]
    expected = [(3, "promo_code"), (3, "quantity")] if counts else []
    assert list_problems(*rows, packages=[package], codes=[code]) == expected


def test_skipped_and_repeated_rows_reserve_nothing():
    package, code = build_package(limit=1), build_code(total=1)
    old = sale("Table", external_sale_id="OLD", promo_code="EARLY25")
    new = sale("Table", external_sale_id="NEW", promo_code="EARLY25")
    assert list_problems(old, new, packages=[package], codes=[code], stored_ids={"OLD"}) == []
    assert list_problems(new, new, packages=[package], codes=[code]) == [(3, "external_sale_id")]


def test_row_with_another_problem_still_reserves_capacity():
    rows = [sale("Table", purchaser_email="x"), sale("Table")]
    assert list_problems(*rows, packages=[build_package(limit=1)]) == [(2, "purchaser_email"), (3, "quantity")]


def test_total_uses_can_be_reached_but_not_exceeded():
    code = build_code(total=3, used=1)
    rows = [sale("Table", promo_code="EARLY25") for _ in range(3)]
    assert list_problems(*rows[:2], codes=[code]) == []
    assert list_problems(*rows, codes=[code]) == [(4, "promo_code")]


def test_uses_per_donor_are_counted_without_case():
    code = build_code(per_donor=2)
    rows = [sale("Table", promo_code="EARLY25", purchaser_email=email) for email in ("a@b.org", " A@B.ORG", "A@b.org")]
    other = sale("Table", promo_code="EARLY25", purchaser_email="c@b.org")
    assert list_problems(*rows[:2], other, codes=[code]) == []
    assert list_problems(*rows, other, codes=[code]) == [(4, "promo_code")]
    assert list_problems(rows[0], rows[1], codes=[code], donor_uses={(code.id, "a@b.org"): 1}) == [(3, "promo_code")]


def test_expired_and_inactive_codes_and_packages_are_accepted():
    code, package = build_code(), build_package()
    code.is_active, code.expires_at, package.is_enabled = False, datetime(2020, 1, 1, tzinfo=UTC), False
    assert list_problems(sale("Table", promo_code="EARLY25"), packages=[package], codes=[code]) == []


def test_exceeded_limit_says_the_numbers_and_what_to_do():
    result = check_rows(sale("Table", quantity=3), packages=[build_package(limit=60, sold=58)])
    assert str(result.problems[0]) == (
        "row 2, quantity: 58 of 60 are taken by sales and by rows above, and this row asks for 3. "
        "Raise the limit of Table first."
    )

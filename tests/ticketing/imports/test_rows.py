"""What a cell means and whether rows may stand together, without a database: packages and codes here have no row."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.support.sales_file import sale, sales_csv
from ticketing.imports.files import read_csv
from ticketing.imports.rows import ExistingData, ValidationResult, parse, validate, validate_header
from ticketing.models import Package, PromoCode
from ticketing.validation import name_key

NEW_YORK = "America/New_York"


def a_package(name="Table", price="100.00", seats=1, limit=None, sold=0) -> Package:
    return Package(
        id=uuid.uuid4(), name=name, name_key=name_key(name), price=Decimal(price), seats_per_package=seats,
        quantity_limit=limit, sold_count=sold,
    )  # fmt: skip


def a_code(code="EARLY25", total=None, per_donor=None, used=0) -> PromoCode:
    return PromoCode(
        id=uuid.uuid4(), code=code, max_total_uses=total, max_uses_per_donor=per_donor, current_uses=used
    )  # fmt: skip


def judged(*rows, packages=(), codes=(), known=(), donor_uses=None, zone=NEW_YORK) -> ValidationResult:
    """The verdict on rows of an event that holds these packages (one called Table unless told otherwise)."""
    held = packages or (a_package(),)
    return validate(
        parse(read_csv(sales_csv(*rows)), zone),
        ExistingData(
            packages={package.name_key: package for package in held},
            promo_codes={code.code: code for code in codes},
            external_sale_ids=dict.fromkeys(known, uuid.uuid4()),
            donor_uses=donor_uses or {},
        ),
    )


def problems(*rows, **known) -> list[tuple[int, str]]:
    return [(problem.row, problem.column) for problem in judged(*rows, **known).problems]


def only_sale(**cells):
    [found] = judged(sale("Table", **cells)).sales
    return found


@pytest.mark.parametrize(
    ("column", "right", "wrong"),
    [
        ("quantity", ["1", "10000", " 7 "], ["", "0", "10001", "-1", "1.5", "1.0", "two", "1e3", "1,000", "+2", "٣"]),
        ("total_amount", ["0", "9999999999.99", "12.5"], ["", "-5.00", "12.345", "NaN", "1e5", "$5", "1,234.50"]),
        ("discount_amount", ["", "0.00", "100.00"], ["-0.01", "x", "10%"]),
        ("fee_amount", ["", "0.00", "3.75"], ["-0.01", "inf"]),
        ("purchaser_name", ["美咲", "x" * 200], ["", "   ", "x" * 201, "a\x00b"]),
        ("purchaser_email", ["a@b.org", " DONOR@EXAMPLE.ORG "], ["", "not-an-address", "a@b", f"{'x' * 250}@b.org"]),
        ("purchaser_phone", ["", "5" * 50], ["5" * 51]),
        ("external_sale_id", ["1", "x" * 200], ["", " ", "x" * 201]),
        ("notes", ["", "x" * 2000, "one\ntwo"], ["x" * 2001, "bell\x07"]),
        ("payment_status", ["", "completed", "Pending", "failed", "refunded"], ["voided", "maybe", "paid"]),
        (
            "purchase_date",
            ["2026-10-01", "2026-10-01 18:30", "2026-10-01T18:30:00Z", "2026-10-01T18:30:00.5+02:00", "2000-01-01",
             "2099-12-31"],
            ["", "31/31/2026", "10/01/2026", "2026-02-30", "2026-13-01", "1999-12-31", "2100-01-01", "yesterday",
             "2026-W01-1", "20261001"],
        ),
    ],
)  # fmt: skip
def test_each_column_has_its_boundary(column, right, wrong):
    for cell in right:
        assert (cell, problems(sale("Table", **{column: cell}))) == (cell, [])
    for cell in wrong:
        assert (cell, problems(sale("Table", **{column: cell}))) == (cell, [(2, column)])


def test_every_problem_of_a_row_is_told_each_at_its_column_in_the_order_of_the_rows():
    bad = {"quantity": "two", "purchaser_email": "x", "total_amount": "NaN"}
    told = problems(sale("Table"), sale("Unknown", **bad), sale("Table", purchaser_name=""))
    assert told == [
        (3, "purchaser_email"), (3, "quantity"), (3, "ticket_type"), (3, "total_amount"), (4, "purchaser_name"),
    ]  # fmt: skip


def test_a_package_is_known_by_its_name_without_case_or_stray_space():
    assert problems(sale("  TABLE "), packages=[a_package("Table")]) == []
    assert problems(sale("Tables"), packages=[a_package("Table")]) == [(2, "ticket_type")]


def test_a_code_is_known_without_case_and_an_unknown_one_is_a_problem():
    found = judged(sale("Table", promo_code=" early25 "), codes=[a_code()])
    assert (found.problems, found.sales[0].promo_code.code) == ([], "EARLY25")
    assert problems(sale("Table", promo_code="EARLY26"), codes=[a_code()]) == [(2, "promo_code")]


def test_missing_cells_at_the_end_are_blank_and_more_cells_than_columns_are_a_problem():
    content = sales_csv(sale("Table", notes="x")).replace(b",x\r\n", b"\r\n")
    assert [record.wrong for record in parse(read_csv(content), NEW_YORK)] == [{}]
    content = sales_csv(sale("Table", notes="x")).replace(b",x\r\n", b",x,,\r\n")
    assert [record.wrong for record in parse(read_csv(content), NEW_YORK)] == [{}]
    content = sales_csv(sale("Table", notes="x")).replace(b",x\r\n", b",x,y\r\n")
    [record] = parse(read_csv(content), NEW_YORK)
    assert "9 cells and the header has 8" in record.wrong[""]


def test_a_missing_or_doubled_column_is_a_problem_of_the_header_and_an_unknown_one_a_warning():
    header = read_csv(b"ticket_type,quantity,quantity,colour\nTable,1,1,red\n").header
    told = validate_header(header)
    assert [(problem.row, problem.column) for problem in told.problems] == [
        (1, "purchaser_name"), (1, "purchaser_email"), (1, "total_amount"), (1, "purchase_date"),
        (1, "external_sale_id"), (1, "quantity"),
    ]  # fmt: skip
    assert [(warning.row, warning.column) for warning in told.warnings] == [(1, "colour")]


def test_the_event_id_of_the_file_is_ignored_without_a_word():
    content = sales_csv(sale("Table", event_id="another"))
    assert validate_header(read_csv(content).header) == ValidationResult()
    assert problems(sale("Table", event_id="another")) == []


def test_blank_cells_have_their_defaults():
    found = only_sale(discount_amount="", fee_amount="", payment_status="", notes="", purchaser_phone="")
    assert (found.discount, found.fee, found.payment_status) == (Decimal("0.00"), None, "completed")
    assert (found.notes, found.purchaser_phone, found.promo_code) == (None, None, None)


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
def test_a_time_without_offset_is_in_the_zone_of_the_event(cell, utc):
    assert only_sale(purchase_date=cell).purchased_at == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_text_that_was_disarmed_for_a_spreadsheet_program_is_read_as_it_was():
    assert only_sale(notes="'=HYPERLINK(1)").notes == "=HYPERLINK(1)"
    assert only_sale(notes="'tis the season").notes == "'tis the season"


def test_a_total_that_does_not_add_up_is_a_warning_and_is_kept():
    row = sale("Table", quantity=2, total_amount="150.00", discount_amount="10.00")
    found = judged(row)
    assert [(warning.row, warning.column) for warning in found.warnings] == [(2, "total_amount")]
    assert str(found.warnings[0]) == (
        "row 2, total_amount: $150.00 is not 2 x $100.00 less $10.00, which is $190.00. The total of the file is kept."
    )
    assert (found.problems, found.sales[0].total) == ([], Decimal("150.00"))
    assert judged(row | {"total_amount": "190.00"}).warnings == []


def test_a_list_price_beyond_what_can_be_recorded_is_a_problem():
    dear = a_package(price="1000000.00")
    assert problems(sale("Table", quantity=10_000), packages=[dear]) == [(2, "quantity")]
    assert problems(sale("Table", quantity=9_999), packages=[dear]) == []


def test_a_row_that_is_in_the_event_already_is_skipped_whatever_is_in_it():
    found = judged(sale("Unknown", external_sale_id="OLD", quantity="two"), sale("Table"), known={"OLD"})
    assert (found.problems, found.skipped_count, len(found.sales)) == ([], 1, 1)
    assert [(warning.row, warning.column) for warning in found.warnings] == [(2, "external_sale_id")]


def test_a_row_that_is_doubled_within_the_file_is_a_problem_at_every_later_one():
    rows = [sale("Table", external_sale_id="A") for _ in range(3)]
    assert problems(*rows) == [(3, "external_sale_id"), (4, "external_sale_id")]
    assert problems(*rows, known={"A"}) == [(3, "external_sale_id"), (4, "external_sale_id")]


def test_a_limit_may_be_reached_and_not_passed():
    package = a_package(limit=10, sold=4)
    fits = [sale("Table", quantity=5), sale("Table", quantity=1)]
    assert problems(*fits, packages=[package]) == []
    assert problems(*fits, sale("Table"), packages=[package]) == [(4, "quantity")]


def test_a_row_that_does_not_fit_takes_nothing_from_those_below():
    package = a_package(limit=3)
    rows = [sale("Table", quantity=2), sale("Table", quantity=2), sale("Table", quantity=1)]
    assert problems(*rows, packages=[package]) == [(3, "quantity")]


@pytest.mark.parametrize(("status", "holds"), [("completed", 1), ("pending", 1), ("failed", 0), ("refunded", 0)])
def test_only_rows_that_count_hold_capacity_and_uses(status, holds):
    package, code = a_package(limit=1), a_code(total=1)
    rows = [sale("Table", payment_status=status, promo_code="EARLY25"), sale("Table", promo_code="EARLY25")]
    told = [(3, "promo_code"), (3, "quantity")] if holds else []
    assert problems(*rows, packages=[package], codes=[code]) == told


def test_skipped_and_doubled_rows_take_nothing():
    package, code = a_package(limit=1), a_code(total=1)
    old = sale("Table", external_sale_id="OLD", promo_code="EARLY25")
    new = sale("Table", external_sale_id="NEW", promo_code="EARLY25")
    assert problems(old, new, packages=[package], codes=[code], known={"OLD"}) == []
    assert problems(new, new, packages=[package], codes=[code]) == [(3, "external_sale_id")]


def test_a_row_with_another_problem_takes_its_place_all_the_same():
    rows = [sale("Table", purchaser_email="x"), sale("Table")]
    assert problems(*rows, packages=[a_package(limit=1)]) == [(2, "purchaser_email"), (3, "quantity")]


def test_the_uses_of_a_code_may_reach_its_limit_and_not_pass_it():
    code = a_code(total=3, used=1)
    rows = [sale("Table", promo_code="EARLY25") for _ in range(3)]
    assert problems(*rows[:2], codes=[code]) == []
    assert problems(*rows, codes=[code]) == [(4, "promo_code")]


def test_a_donor_is_known_without_case_when_uses_are_counted():
    code = a_code(per_donor=2)
    rows = [sale("Table", promo_code="EARLY25", purchaser_email=email) for email in ("a@b.org", " A@B.ORG", "A@b.org")]
    other = sale("Table", promo_code="EARLY25", purchaser_email="c@b.org")
    assert problems(*rows[:2], other, codes=[code]) == []
    assert problems(*rows, other, codes=[code]) == [(4, "promo_code")]
    assert problems(rows[0], rows[1], codes=[code], donor_uses={(code.id, "a@b.org"): 1}) == [(3, "promo_code")]


def test_neither_expiry_nor_a_switched_off_code_or_package_is_judged():
    code, package = a_code(), a_package()
    code.is_active, code.expires_at, package.is_enabled = False, datetime(2020, 1, 1, tzinfo=UTC), False
    assert problems(sale("Table", promo_code="EARLY25"), packages=[package], codes=[code]) == []


def test_a_refusal_by_a_limit_tells_numbers_and_what_to_do():
    found = judged(sale("Table", quantity=3), packages=[a_package(limit=60, sold=58)])
    assert str(found.problems[0]) == (
        "row 2, quantity: 58 of 60 are taken by sales and by rows above, and this row asks for 3. "
        "Raise the limit of Table first."
    )

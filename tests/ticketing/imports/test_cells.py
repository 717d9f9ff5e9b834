"""Cells as other programs write them; a cell that cannot be read without guessing is returned unchanged."""

import pytest

from ticketing.imports.cells import (
    detect_date_orders,
    is_date,
    is_email,
    normalize_amount,
    normalize_datetime,
    normalize_discount,
    normalize_whole_number,
    sum_amounts,
)


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        ("$1,234.50", "1234.50"), ("1.234,50 €", "1234.50"), ("USD 12.00", "12.00"), ("US$12", "12"), ("EUR 5", "5"),
        ("12,50", "12.50"), ("12,5", "12.5"), ("1,234", "1234"), ("1,234,567.89", "1234567.89"),
        ("1.234.567", "1234567"), ("1 234,50", "1234.50"), ("1\u00a0234.50", "1234.50"), ("1'234.50", "1234.50"),
        ("0", "0"), ("0.1", "0.1"),
        ("Free", "0.00"), ("(12.00)", "-12.00"), ("-12.00", "-12.00"), ("$-0.00", "0.00"), (" 7 ", "7"),
    ],
)  # fmt: skip
def test_amount_loses_currency_and_separators(cell, plain):
    assert normalize_amount(cell) == plain


@pytest.mark.parametrize(
    "cell",
    [
        "12.3.4",
        "1,23,456",
        "1,2345",
        "CAD 5",
        "£5",
        "1e5",
        "NaN",
        "12 50",
        "(5",
        "5-",
        "",
        "--5",
        "10%",
        "1.234",
        "12.345",
    ],
)
def test_ambiguous_or_invalid_amount_is_unchanged(cell):
    assert normalize_amount(cell) == cell


def test_negative_discount_becomes_positive():
    assert normalize_discount("-$10.00") == normalize_discount("(10.00)") == normalize_discount("10.00") == "10.00"


@pytest.mark.parametrize(
    ("cell", "plain"), [("2", "2"), ("2.0", "2"), ("1,200", "1200"), ("2.5", "2.5"), ("two", "two"), ("-1", "-1")]
)
def test_whole_number_loses_only_zero_decimals(cell, plain):
    assert normalize_whole_number(cell) == plain


def test_amounts_are_summed_to_the_cent_and_an_invalid_one_is_returned():
    assert sum_amounts(["0.10", "0.20", "-0.30", "4"]) == "4.00"
    assert sum_amounts(["0.10", "n/a"]) == "n/a"


@pytest.mark.parametrize(
    ("cell", "iso"),
    [
        ("2026-10-01", "2026-10-01"),
        ("2026/10/1", "2026-10-01"),
        ("2026-10-01 18:30:00", "2026-10-01T18:30:00"),
        ("2026-10-01T18:30:00.5+02:00", "2026-10-01T18:30:00+02:00"),
        ("2024-02-23 10:00:00 +0100", "2024-02-23T10:00:00+0100"),
        ("2026-09-26 20:00 UTC", "2026-09-26T20:00:00Z"),
        ("Sep 26, 2026 7:05 PM", "2026-09-26T19:05:00"),
        ("Saturday, September 26, 2026 at 7:05 p.m.", "2026-09-26T19:05:00"),
        ("26 Sep 2026 12:30am", "2026-09-26T00:30:00"),
        ("26-Sep-2026", "2026-09-26"),
        ("1st", "1st"), ("26 Foo 2026", "26 Foo 2026"), ("2026-02-30", "2026-02-30"),
        ("2026-10-01 24:00", "2026-10-01 24:00"), ("2026-09-26 20:00 PST", "2026-09-26 20:00 PST"),
        ("10/01/2026", "10/01/2026"), ("", ""), ("46296", "46296"),
    ],
)  # fmt: skip
def test_unambiguous_date_is_read_whatever_the_order(cell, iso):
    assert normalize_datetime(cell, "iso") == normalize_datetime(cell, None) == iso


@pytest.mark.parametrize(
    ("cell", "month_first", "day_first"),
    [
        ("03/04/2026", "2026-03-04", "2026-04-03"),
        ("3.4.26 7:05", "2026-03-04T07:05:00", "2026-04-03T07:05:00"),
        ("11/29/24 22:28", "2024-11-29T22:28:00", None),
        ("29-11-2024", None, "2024-11-29"),
        ("10/01/2026 12:00 AM", "2026-10-01T00:00:00", "2026-01-10T00:00:00"),
        ("10/01/2026 12:00 PM", "2026-10-01T12:00:00", "2026-01-10T12:00:00"),
        ("10/01/2026 13:00 PM", None, None),
        ("10/01/2026 0:30 AM", None, None),
        ("31/31/2026", None, None),
    ],
)
def test_numeric_date_is_read_in_the_chosen_order(cell, month_first, day_first):
    assert normalize_datetime(cell, "month_first") == (month_first or cell)
    assert normalize_datetime(cell, "day_first") == (day_first or cell)


@pytest.mark.parametrize(
    ("cells", "orders"),
    [
        (["2026-01-02", "Jan 3, 2026"], ("iso",)),
        ([], ("iso",)),
        (["never"], ("iso",)),
        (["01/02/2026"], ("month_first", "day_first")),
        (["01/02/2026", "2026-01-13"], ("month_first", "day_first")),
        (["01/02/2026", "13/02/2026"], ("day_first",)),
        (["01/02/2026", "02/13/2026"], ("month_first",)),
        (["01/02/2026", "02/13/2026", "never"], ("month_first",)),
        (["13/02/2026", "02/13/2026"], ("month_first", "day_first")),
        (["05/05/2026", "06/06/2026"], ("month_first",)),
    ],
)
def test_date_order_is_ambiguous_only_when_both_readings_are_possible_and_differ(cells, orders):
    assert detect_date_orders(cells) == orders


def test_emails_and_dates_are_recognized():
    assert is_email("a@b.org")
    assert not is_email("a@b")
    assert is_date("2026-10-01")
    assert is_date("01/02/2026")
    assert not is_date("12.50")

"""Amounts as other programs write them; a cell that cannot be read without guessing is returned unchanged."""

import pytest

from ticketing.imports.cells import (
    detect_decimal_signs,
    find_foreign_currency,
    has_foreign_currency,
    is_email,
    is_us_dollars,
    normalize_amount,
    normalize_deduction,
    normalize_whole_number,
    sum_amounts,
)


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        ("$1,234.50", "1234.50"), ("1.234,50", "1234.50"), ("USD 12.00", "12.00"), ("US$12", "12"), ("5 USD", "5"),
        ("12,50", "12.50"), ("12,5", "12.5"), ("1,234,567.89", "1234567.89"), ("1.234.567", "1234567"),
        ("1 234,50", "1234.50"), ("1\u00a0234.50", "1234.50"), ("1'234.50", "1234.50"), ("1\u2019234.50", "1234.50"),
        ("1 234", "1234"),
        ("0", "0"), ("0.1", "0.1"), ("0.500", "0.50"), ("1234.500", "1234.50"), ("1,234.567", "1234.5670"),
        ("3.0695", "3.0695"), ("1,2345", "1.2345"), ("$1,500", "1500"), ("Free", "0.00"), ("(12.00)", "-12.00"),
        ("-12.00", "-12.00"), ("\u221212.00", "-12.00"), ("$-0.00", "0.00"), ("-$5", "-5"), (" 7 ", "7"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("decimal_sign", [None, "point", "comma"])
def test_amount_with_one_reading_loses_dollar_signs_and_separators(cell, plain, decimal_sign):
    assert normalize_amount(cell, decimal_sign) == plain


@pytest.mark.parametrize(
    ("cell", "by_point", "by_comma"),
    [
        ("1.500", "1.50", "1500"),
        ("1,500", "1500", "1.50"),
        ("-3.125", "-3.1250", "-3125"),
        ("$12.345", "12.3450", "12345"),
    ],
)
def test_three_digits_after_one_point_or_comma_are_read_by_the_decimal_sign_of_the_column(cell, by_point, by_comma):
    assert normalize_amount(cell, "point") == by_point
    assert normalize_amount(cell, "comma") == by_comma
    assert normalize_amount(cell, None) == cell


@pytest.mark.parametrize(
    ("cells", "signs"),
    [
        ([], ()),
        (["5", "12.50", "12,50"], ()),
        (["1.500"], ("point", "comma")),
        (["1.500", "3.000", "500", "1 500"], ("point", "comma")),
        (["1.500", "99.50"], ("point",)),
        (["1.500", "99,50", "1.499,50"], ("comma",)),
        (["1,500", "99.50"], ("point",)),
        (["1,500", "$2,500"], ("point",)),
        (["1.500", "1.500.000"], ("comma",)),
        (["1.500", "3.0695"], ("point",)),
        (["1.500", "0.500"], ("point",)),
        (["1.500", "99.50", "99,50"], ("point", "comma")),
        (["1.500", "n/a", "10/2"], ("point", "comma")),
    ],
)
def test_decimal_sign_is_decided_by_the_rest_of_the_column(cells, signs):
    assert detect_decimal_signs(cells) == signs


@pytest.mark.parametrize(
    "cell",
    [
        "12.3.4",
        "1,23,456",
        "CAD 5",
        "£5",
        "5 €",
        "EUR 5",
        "1e5",
        "NaN",
        "12 50",
        "(5",
        "5-",
        "",
        "--5",
        "10%",
        "1.5E+3",
    ],
)
def test_invalid_amount_is_unchanged(cell):
    assert normalize_amount(cell, "point") == normalize_amount(cell, None) == cell


@pytest.mark.parametrize("cell", ["5 €", "€ 1.500", "£5", "CAD 5", "12,50 EUR", "A$5", "CA$ 5", "R$5", "¥500"])
def test_amounts_in_another_currency_are_recognized(cell):
    assert has_foreign_currency(cell)


@pytest.mark.parametrize("cell", ["5", "$5", "US$5", "USD 5", "5 USD", "n/a", "fifty", "-$5.00", "(5)"])
def test_dollars_and_what_is_no_amount_are_no_other_currency(cell):
    assert not has_foreign_currency(cell)


@pytest.mark.parametrize(
    ("title", "currency"),
    [
        ("Total (EUR)", "EUR"), ("Total €", "€"), ("Amount in CAD", "CAD"), ("Total (CA$)", "CA$"),
        ("Gross revenue (USD)", ""), ("Total ($)", ""), ("Total", ""), ("Decade", ""),
    ],
)  # fmt: skip
def test_currency_in_a_title_is_found(title, currency):
    assert find_foreign_currency(title) == currency


def test_names_of_the_us_dollar():
    assert all(map(is_us_dollars, ("usd", "USD", " US$ ", "$", "US Dollar", "US Dollar ($)", "U.S. Dollars")))
    assert not any(map(is_us_dollars, ("EUR", "eur", "CAD", "CA$", "", "USDT")))


def test_negative_fee_or_discount_becomes_positive():
    for cell in ("-$10.00", "(10.00)", "10.00", "\u221210.00"):
        assert normalize_deduction(cell, None) == "10.00"


@pytest.mark.parametrize(
    ("cell", "decimal_sign", "plain"),
    [
        ("2", None, "2"), ("2.0", None, "2"), ("2.00", None, "2"), ("1,200", "point", "1200"), ("2.000", "point", "2"),
        ("2.000", "comma", "2000"), ("2.000", None, "2.000"), ("2.5", None, "2.5"), ("two", None, "two"),
        ("-1", None, "-1"),
    ],
)  # fmt: skip
def test_whole_number_loses_only_zero_decimals(cell, decimal_sign, plain):
    assert normalize_whole_number(cell, decimal_sign) == plain


def test_amounts_are_summed_to_the_cent_and_an_invalid_one_is_returned():
    assert sum_amounts(["0.10", "0.20", "-0.30", "4"]) == "4.00"
    assert sum_amounts(["0.10", "n/a"]) == "n/a"
    assert sum_amounts(["0.10", "1.500"]) == "1.500"


def test_emails_are_recognized():
    assert is_email("a@b.org")
    assert not is_email("a@b")

"""Rounding, parsing and formatting of amounts."""

from decimal import Decimal

import pytest

from ticketing import money

D = Decimal


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("0.004", "0.00"),
        ("0.005", "0.01"),
        ("0.015", "0.02"),
        ("0.025", "0.03"),
        ("1.0049", "1.00"),
        ("-0.005", "-0.01"),
    ],
)
def test_half_a_cent_is_rounded_up(amount, rounded):
    assert str(money.round_to_cents(D(amount))) == rounded


def test_percentage_is_rounded_half_up_to_the_cent():
    assert money.percent_of(D("0.10"), D(5)) == D("0.01")
    assert money.percent_of(D("0.09"), D(5)) == D("0.00")
    assert money.percent_of(D("33.33"), D("12.5")) == D("4.17")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", "0.00"),
        ("1234.5", "1234.50"),
        (" 12.34 ", "12.34"),
        ("-3.10", "-3.10"),
        ("0.10", "0.10"),
        ("5.000", "5.00"),
        ("9999999999.99", "9999999999.99"),
    ],
)
def test_plain_decimals_are_parsed_with_two_places(text, amount):
    assert str(money.parse(text)) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "$5",
        "1,234.50",
        "1.",
        ".5",
        "1e3",
        "NaN",
        "Infinity",
        "0x10",
        "+5",
        "1_000",
        "10000000000",
        "٣",
        "--1",
    ],
)
def test_other_text_is_not_an_amount(text):
    with pytest.raises(ValueError, match="Enter an amount"):
        money.parse(text)


def test_third_decimal_is_refused_instead_of_rounded():
    with pytest.raises(ValueError, match="two decimals"):
        money.parse("1.001")


@pytest.mark.parametrize(
    ("amount", "plain", "dollars", "whole"),
    [
        ("0", "0.00", "$0.00", "$0"),
        ("1234.5", "1234.50", "$1,234.50", "$1,235"),
        ("-7.1", "-7.10", "-$7.10", "-$7"),
        ("1000000", "1000000.00", "$1,000,000.00", "$1,000,000"),
    ],
)
def test_amounts_are_formatted_plain_in_dollars_and_in_whole_dollars(amount, plain, dollars, whole):
    assert money.format_plain(D(amount)) == plain
    assert money.format_dollars(D(amount)) == dollars
    assert money.format_whole_dollars(D(amount)) == whole

"""Rounding, parsing and formatting of amounts."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$1,234.50", "1234.50"), ("1,234", "1234.00"), ("$ 2,400", "2400.00"), ("1,234,567.8", "1234567.80"),
        ("1234.5", "1234.50"), ("2400", "2400.00"), (" 5 ", "5.00"), ("2.40", "2.40"), ("2,400.00", "2400.00"),
        ("-$5", "-5.00"), ("$-5", "-5.00"), ("-5.00", "-5.00"), ("0.5", "0.50"), ("9,999,999,999.99", "9999999999.99"),
    ],
)  # fmt: skip
def test_typed_amount_may_have_a_dollar_sign_and_commas_between_thousands(text, amount):
    assert str(money.parse_typed(text)) == amount


@pytest.mark.parametrize(
    "text",
    ["", "abc", "12,50", "1,23", "1,2345", "1,23,456", "1234,567", "0,500", "2.400,00", "1.234.567", "€5", "5 €",
     "5 USD", "1e3", "$", "--5", "-$-5", ".5", "5.", "٣", "12345678901"],
)  # fmt: skip
def test_other_typed_amounts_are_refused(text):
    with pytest.raises(ValueError, match=r"^Enter an amount, like 1234\.50\.$"):
        money.parse_typed(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2.400", "2.400 can mean 2,400.00 or 2.40. Enter 2400 or 2.40."),
        ("$12.345", "12.345 can mean 12,345.00 or 12.345. Enter 12345, or at most two decimals."),
        ("0.500", "Use at most two decimals."),
        ("2,400.500", "Use at most two decimals."),
        ("2.4000", "Use at most two decimals."),
    ],
)
def test_three_digits_after_one_point_are_refused_with_both_readings(text, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        money.parse_typed(text)


amounts = st.integers(0, 10**12 - 1).map(lambda cents: D(cents) / 100)
weights = st.lists(amounts, min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        ("50.00", ["100.00", "80.00"], ["27.78", "22.22"]),
        ("0.01", ["5.00", "5.00"], ["0.01", "0.00"]),
        ("0.02", ["5.00", "5.00", "5.00"], ["0.01", "0.01", "0.00"]),
        ("1.00", ["1.00", "2.00"], ["0.33", "0.67"]),
        ("10.00", ["0.00", "10.00"], ["0.00", "10.00"]),
        ("0.00", ["0.00", "0.00"], ["0.00", "0.00"]),
        ("9.99", ["9.99"], ["9.99"]),
    ],
)
def test_amount_is_split_by_weight_and_ties_go_to_the_earlier_part(amount, weights, parts):
    assert [str(part) for part in money.split(D(amount), [D(weight) for weight in weights])] == parts


@given(weights, st.fractions(0, 1))
def test_parts_add_up_and_are_at_most_their_weight_and_a_cent_from_the_exact_share(weights, share):
    total = sum(weights, D(0))
    amount = D(int(share * int(total * 100))) / 100
    parts = money.split(amount, weights)
    assert sum(parts, D(0)) == amount
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))
    if total:
        exact = [Fraction(amount) * Fraction(weight) / Fraction(total) for weight in weights]
        assert all(abs(Fraction(part) - each) < Fraction(1, 100) for part, each in zip(parts, exact, strict=True))


@given(amounts, st.integers(1, 20), st.integers(0, 10**6))
def test_equal_weights_differ_by_a_cent_at_most_and_the_first_ones_get_it(weight, count, cents):
    if weight:
        parts = money.split(min(D(cents) / 100, weight * count), [weight] * count)
        assert parts == sorted(parts, reverse=True)
        assert parts[0] - parts[-1] <= money.CENT


def test_amount_cannot_be_split_over_weights_of_zero():
    with pytest.raises(ValueError, match="weights of zero"):
        money.split(D("0.01"), [D(0), D(0)])

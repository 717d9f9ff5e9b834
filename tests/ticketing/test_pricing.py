"""The price of a purchase with every kind of discount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing import pricing
from ticketing.errors import InvalidInput
from ticketing.pricing import Discount, Quote

D = Decimal
cents = st.integers(0, 99_999_999)
prices = cents.map(lambda amount: D(amount) / 100)
quantities = st.integers(1, 10_000)
percentages = st.integers(100, 10_000).map(lambda value: Discount("percentage", D(value) / 100))
fixed_amounts = st.integers(100, 1_000_000).map(lambda value: Discount("fixed_amount", D(value) / 100))


@pytest.mark.parametrize(
    ("case", "price", "quantity", "discount", "expected"),
    [
        ("no code", "100.00", 3, None, ("300.00", "0.00", "300.00")),
        ("ten percent once", "100.00", 3, ("percentage", "10"), ("300.00", "30.00", "270.00")),
        ("fixed once, not per package", "100.00", 3, ("fixed_amount", "50"), ("300.00", "50.00", "250.00")),
        ("fixed beyond the price", "20.00", 1, ("fixed_amount", "50"), ("20.00", "20.00", "0.00")),
        ("fixed exactly the price", "50.00", 1, ("fixed_amount", "50"), ("50.00", "50.00", "0.00")),
        ("fixed a cent below the price", "50.01", 1, ("fixed_amount", "50"), ("50.01", "50.00", "0.01")),
        ("everything off", "99.99", 2, ("percentage", "100"), ("199.98", "199.98", "0.00")),
        ("half a cent goes up", "0.10", 1, ("percentage", "5"), ("0.10", "0.01", "0.09")),
        ("rounded once on the sum", "0.10", 3, ("percentage", "5"), ("0.30", "0.02", "0.28")),
        ("free package", "0.00", 5, ("percentage", "10"), ("0.00", "0.00", "0.00")),
        ("part of a percent", "200.00", 1, ("percentage", "12.5"), ("200.00", "25.00", "175.00")),
    ],
)
def test_price_of_a_purchase(case, price, quantity, discount, expected):
    reduction = Discount(discount[0], D(discount[1])) if discount else None
    assert pricing.quote(D(price), quantity, reduction) == Quote(*map(D, expected)), case


@given(prices, quantities, percentages | fixed_amounts | st.none())
def test_amounts_add_up_and_total_is_between_zero_and_list_price(price, quantity, discount):
    quote = pricing.quote(price, quantity, discount)
    assert quote.list_price == price * quantity
    assert quote.list_price - quote.discount == quote.total
    assert 0 <= quote.total <= quote.list_price
    assert all(amount.as_tuple().exponent == -2 for amount in (quote.list_price, quote.discount, quote.total))


@given(cents, st.integers(1, 50))
def test_every_percentage_agrees_with_integer_arithmetic(unit_cents, quantity):
    base = unit_cents * quantity
    for percent in range(1, 101):
        expected = (base * percent * 2 + 100) // 200
        quote = pricing.quote(D(unit_cents) / 100, quantity, Discount("percentage", D(percent)))
        assert quote.discount * 100 == expected


@given(prices, quantities, fixed_amounts)
def test_fixed_discount_is_taken_once_for_any_quantity(price, quantity, discount):
    assert pricing.quote(price, quantity, discount).discount == min(discount.value, price * quantity)


def test_list_price_above_the_maximum_amount_is_refused():
    assert pricing.quote(D("999999.99"), 10_000).total == D("9999999900.00")
    with pytest.raises(InvalidInput) as refusal:
        pricing.quote(D("1000000.00"), 10_000)
    assert set(refusal.value.fields) == {"quantity"}


@given(prices, quantities)
def test_complimentary_purchase_costs_nothing(price, quantity):
    assert pricing.quote(price, quantity, pricing.COMPLIMENTARY).total == 0


order_lines = st.lists(st.tuples(prices, st.integers(1, 100)), min_size=1, max_size=20)


def test_one_discount_is_split_over_the_lines_of_an_order():
    quotes = pricing.quote_lines([(D("100.00"), 1), (D("80.00"), 1)], Discount("fixed_amount", D(50)))
    assert [quote.discount for quote in quotes] == [D("27.78"), D("22.22")]
    assert sum(quote.total for quote in quotes) == D("130.00")


@given(order_lines, percentages | fixed_amounts | st.none())
def test_lines_add_up_to_the_price_of_the_whole_order(lines, discount):
    quotes = pricing.quote_lines(lines, discount)
    whole = pricing.quote(sum(price * quantity for price, quantity in lines), 1, discount)
    assert [quote.list_price for quote in quotes] == [price * quantity for price, quantity in lines]
    assert sum(quote.discount for quote in quotes) == whole.discount
    assert sum(quote.total for quote in quotes) == whole.total
    for quote in quotes:
        assert quote.list_price - quote.discount == quote.total
        assert 0 <= quote.total <= quote.list_price
        share = whole.discount * quote.list_price
        assert abs(quote.discount * whole.list_price - share) < D("0.01") * whole.list_price or not whole.list_price


@given(order_lines)
def test_complimentary_order_costs_nothing(lines):
    assert all(quote.total == 0 for quote in pricing.quote_lines(lines, pricing.COMPLIMENTARY))


def test_line_above_the_maximum_amount_is_named():
    with pytest.raises(InvalidInput) as refusal:
        pricing.quote_lines([(D(1), 1), (D("1000000.00"), 10_000)])
    assert set(refusal.value.fields) == {"lines.1.quantity"}

"""The price of a purchase: pure arithmetic, no database.

Rules: docs/product.md, "Promo codes" (the discount is taken once from the sum of the order, a percentage is rounded
half up to the cent, the total is never below zero).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from ticketing import money
from ticketing.errors import InvalidInput

DiscountType = Literal["percentage", "fixed_amount"]


@dataclass(frozen=True)
class Discount:
    """The discount of a promo code; `value` is percent (1-100) or USD."""

    discount_type: DiscountType
    value: Decimal


@dataclass(frozen=True)
class Quote:
    """Amounts of one line, or of a whole order, in USD; list_price - discount == total."""

    list_price: Decimal
    discount: Decimal
    total: Decimal


COMPLIMENTARY = Discount("percentage", Decimal(100))


def quote(price: Decimal, quantity: int, discount: Discount | None = None) -> Quote:
    """Return the amounts for `quantity` packages at `price` USD each, with at most one discount.

    The discount is taken once from quantity x price and never exceeds it. Raises InvalidInput when the list price is
    above money.MAX_AMOUNT.
    """
    list_price = _calculate_list_price(price, quantity, "quantity")
    reduction = _calculate_discount(list_price, discount)
    return Quote(list_price, reduction, list_price - reduction)


def quote_lines(lines: Sequence[tuple[Decimal, int]], discount: Discount | None = None) -> list[Quote]:
    """Return the amounts of each line, given as price (USD) and quantity, with one discount over all of them.

    The discount is taken once from the sum of the lines, and split over them in proportion to their list prices.
    Raises InvalidInput (`lines.0.quantity`) when a list price is above money.MAX_AMOUNT.
    """
    list_prices = [
        _calculate_list_price(price, quantity, f"lines.{index}.quantity")
        for index, (price, quantity) in enumerate(lines)
    ]
    reductions = money.split(_calculate_discount(sum(list_prices, money.ZERO), discount), list_prices)
    return [Quote(full, reduction, full - reduction) for full, reduction in zip(list_prices, reductions, strict=True)]


def _calculate_list_price(price: Decimal, quantity: int, field: str) -> Decimal:
    list_price = money.round_to_cents(price * quantity)
    if list_price > money.MAX_AMOUNT:
        raise InvalidInput(
            {field: f"This comes to more than {money.format_dollars(money.MAX_AMOUNT)}. Record it in parts."}
        )
    return list_price


def _calculate_discount(list_price: Decimal, discount: Discount | None) -> Decimal:
    if discount is None:
        return money.ZERO
    if discount.discount_type == "percentage":
        return min(money.percent_of(list_price, discount.value), list_price)
    return min(money.round_to_cents(discount.value), list_price)

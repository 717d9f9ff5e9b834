"""What a purchase costs: pure arithmetic, no database.

Source of every rule: PRODUCT "Promo codes" (the discount is taken once from quantity x price, a percentage is
rounded half-up to the cent, the total never goes below zero).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from ticketing import money
from ticketing.errors import InvalidInput

DiscountType = Literal["percentage", "fixed_amount"]


@dataclass(frozen=True)
class Discount:
    """What a promo code takes off: `value` is percent (1-100) or USD."""

    discount_type: DiscountType
    value: Decimal


@dataclass(frozen=True)
class Quote:
    """USD amounts of one purchase; list_price - discount == total, always."""

    list_price: Decimal
    discount: Decimal
    total: Decimal


COMPLIMENTARY = Discount("percentage", Decimal(100))


def quote(price: Decimal, quantity: int, discount: Discount | None = None) -> Quote:
    """The amounts for `quantity` packages at `price` USD each, with at most one discount.

    The discount is taken once from quantity x price and is never more than it. Raises InvalidInput for a sum that
    no amount column holds.
    """
    list_price = money.round_to_cents(price * quantity)
    if list_price > money.MAX_AMOUNT:
        raise InvalidInput(
            {"quantity": f"This comes to more than {money.format_dollars(money.MAX_AMOUNT)}. Record it in parts."}
        )
    taken_off = _calculate_discount(list_price, discount)
    return Quote(list_price, taken_off, list_price - taken_off)


def _calculate_discount(list_price: Decimal, discount: Discount | None) -> Decimal:
    if discount is None:
        return money.ZERO
    if discount.discount_type == "percentage":
        return min(money.percent_of(list_price, discount.value), list_price)
    return min(money.round_to_cents(discount.value), list_price)

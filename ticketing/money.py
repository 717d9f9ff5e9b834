"""US dollars as Decimal with two places: the one door for rounding, reading and writing amounts."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
MOST = Decimal("9999999999.99")
_PLAIN = re.compile(r"-?[0-9]{1,10}(\.[0-9]+)?")


def to_cents(amount: Decimal) -> Decimal:
    """`amount` rounded half-up to the cent, as on a printed receipt (Python's round() goes to even)."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def percent_of(amount: Decimal, percent: Decimal) -> Decimal:
    """`percent` (1-100) of `amount`, rounded half-up to the cent."""
    return to_cents(amount * percent / 100)


def parse(text: str) -> Decimal:
    """A plain decimal such as "1234.5" as an amount in USD.

    Raises ValueError with a sentence for anything else: currency signs, thousands separators, exponents,
    more than two decimals, more than ten digits before the point.
    """
    stripped = text.strip()
    if not _PLAIN.fullmatch(stripped):
        raise ValueError("Enter a plain number such as 1234.50.")
    amount = Decimal(stripped)
    if amount != to_cents(amount):
        raise ValueError("Use at most two decimals.")
    return to_cents(amount)


def plain(amount: Decimal) -> str:
    """The wire form, "1234.50": no separators, always two decimals."""
    return f"{to_cents(amount):.2f}"


def dollars(amount: Decimal) -> str:
    """The form people read, "$1,234.50"."""
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(to_cents(amount)):,.2f}"


def whole_dollars(amount: Decimal) -> str:
    """For tiles and axes only, "$1,235": the cents are in the tables."""
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(amount).quantize(Decimal(1), ROUND_HALF_UP):,}"

"""US dollars as Decimal with two places: rounding, parsing and formatting of every amount."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
MAX_AMOUNT = Decimal("9999999999.99")
INVALID_AMOUNT_MESSAGE = "Enter an amount, like 1234.50."
_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,10}(\.[0-9]+)?")


def round_to_cents(amount: Decimal) -> Decimal:
    """Return `amount` rounded half up to the cent (Python's round() rounds half to even)."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def percent_of(amount: Decimal, percent: Decimal) -> Decimal:
    """Return `percent` (1-100) of `amount`, rounded half up to the cent."""
    return round_to_cents(amount * percent / 100)


def parse(text: str) -> Decimal:
    """Parse a plain decimal such as "1234.5" as an amount in USD.

    Raises ValueError with a sentence for currency signs, thousands separators, exponents, more than two decimals or
    more than ten digits before the point.
    """
    stripped = text.strip()
    if not _PLAIN_DECIMAL.fullmatch(stripped):
        raise ValueError(INVALID_AMOUNT_MESSAGE)
    amount = Decimal(stripped)
    if amount != round_to_cents(amount):
        raise ValueError("Use at most two decimals.")
    return round_to_cents(amount)


def format_plain(amount: Decimal) -> str:
    """Return the form of the API and of files, "1234.50": no separators, always two decimals."""
    return f"{round_to_cents(amount):.2f}"


def format_dollars(amount: Decimal) -> str:
    """Return the form for people, "$1,234.50"."""
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(round_to_cents(amount)):,.2f}"


def format_whole_dollars(amount: Decimal) -> str:
    """Return whole dollars, "$1,235", for tiles and chart axes; tables show the cents."""
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(amount).quantize(Decimal(1), ROUND_HALF_UP):,}"

"""US dollars as Decimal with two places: rounding, parsing and formatting of every amount."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
MAX_AMOUNT = Decimal("9999999999.99")
INVALID_AMOUNT_MESSAGE = "Enter an amount, like 1234.50."
_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,10}(\.[0-9]+)?")
_TYPED = re.compile(r"(?:(-)\s*\$?|\$?\s*(-?))\s*([0-9]{1,10}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3})((?:\.[0-9]+)?)")
_TWO_READINGS = re.compile(r"([1-9][0-9]{0,2})[.,]([0-9]{3})")


class TypedAmount(str):
    """Text that a person typed for an amount, which `parse_typed` reads; other text is read by `parse`."""

    __slots__ = ()


def round_to_cents(amount: Decimal) -> Decimal:
    """Return `amount` rounded half up to the cent (Python's round() rounds half to even)."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def percent_of(amount: Decimal, percent: Decimal) -> Decimal:
    """Return `percent` (1-100) of `amount`, rounded half up to the cent."""
    return round_to_cents(amount * percent / 100)


def split(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Divide `amount` in proportion to `weights`, to the cent; the parts add up to it.

    Each part is rounded down, and the cents that remain go to the largest remainders, ties to the earlier part. With
    an amount of at most the sum of the weights, no part exceeds its weight. Raises ValueError when all weights are zero
    and the amount is not.
    """
    total = sum(weights, ZERO)
    if not total:
        if amount:
            raise ValueError("An amount cannot be split over weights of zero.")
        return [ZERO for _ in weights]
    cents = int(amount / CENT)
    exact = [Fraction(weight) * cents / Fraction(total) for weight in weights]
    parts = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[: cents - sum(parts)]:
        parts[index] += 1
    return [part * CENT for part in parts]


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


def parse_typed(text: str) -> Decimal:
    """Parse an amount as people type it: "$1,234.50", "1,234" or "1234.5"; commas are between groups of three digits.

    Raises ValueError with a sentence for anything else, more than two decimals, and three digits after one point:
    "2.400" is 2,400 to some people and 2.40 to others.
    """
    match = _TYPED.fullmatch(text.strip())
    if match is None:
        raise ValueError(INVALID_AMOUNT_MESSAGE)
    digits = match[3] + match[4]
    if "," not in digits and (readings := list_readings(digits)):
        whole = digits.replace(".", "")
        ways = f"{whole} or {readings[1]}" if digits.endswith("0") else f"{whole}, or at most two decimals"
        raise ValueError(f"{digits} can mean {readings[0]} or {readings[1]}. Enter {ways}.")
    if len(match[4]) > len(".00"):
        raise ValueError("Use at most two decimals.")
    return parse((match[1] or match[2]) + digits.replace(",", ""))


def list_readings(digits: str) -> tuple[str, str] | None:
    """Return both readings of three digits after one point or comma, or None for any other number.

    "2.400" and "2,400" are 2,400.00, a sign between thousands, or 2.40, a decimal sign. "0.400" has one reading.
    """
    match = _TWO_READINGS.fullmatch(digits)
    if match is None:
        return None
    return f"{match[1]},{match[2]}.00", f"{match[1]}.{match[2][:2]}{match[2][2:].rstrip('0')}"


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

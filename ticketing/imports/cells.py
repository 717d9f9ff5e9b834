"""Convert amounts and numbers as other programs write them to the plain form that an import takes.

Only used under a mapping, which staff have seen and confirmed. Whether a point or a comma is the decimal sign is
decided by the whole column, or by staff. A cell that cannot be read without guessing is returned unchanged, so that the
check reports it with its row and column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal

DecimalSign = Literal["point", "comma"]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PLAIN_AMOUNT = re.compile(r"-?[0-9]{1,10}(\.([0-9]{1,2}|[0-9]{4,}))?")
_DOLLARS = re.compile(r"US\$|\$|\bUSD\b", re.IGNORECASE)
# Groups of three digits have one separator throughout; three digits may follow the decimal sign as well.
_GROUPED = r"(?P<whole>[0-9]+|[1-9][0-9]{{0,2}}(?:(?P<separator>[ '{}])[0-9]{{3}})(?:(?P=separator)[0-9]{{3}})*)"
_FORMATS: dict[DecimalSign, re.Pattern[str]] = {
    "point": re.compile(_GROUPED.format(",") + r"(?:\.(?P<decimals>[0-9]+))?"),
    "comma": re.compile(_GROUPED.format(".") + r"(?:,(?P<decimals>[0-9]+))?"),
}
# Signs such as € are known by their Unicode category.
_CURRENCY_IN_TITLE = re.compile(
    r"\b(?:AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|SEK|SGD|ZAR|(?:AU?|CA?|HK|NZ|R|S)\$)"
)
_OTHER_DOLLARS_OR_CODE = re.compile(r"[A-Z]{1,3} ?[0-9., ']+|[0-9., ']+ ?[A-Z]{2,3}")
_US_DOLLARS = re.compile(
    r"(?:\$|US ?\$|USD|(?:(?:US|U\.S\.|United States|American) )?dollars?)(?: \((?:\$|US ?\$|USD)\))?",
    re.IGNORECASE,
)


def normalize_amount(cell: str, decimal_sign: DecimalSign | None) -> str:
    """Return an amount without dollar signs and separators: "1234.50" for "$1,234.50", "1.234,50" or "USD 1234.50".

    "(12.00)" is negative. "1.500" and "1,500" are read by `decimal_sign`, the one of their column, and returned
    unchanged without one. So are amounts in another currency, since no exchange rate is applied.
    """
    sign, readings = _read(cell)
    if not readings:
        return "0.00" if cell.strip().casefold() == "free" else cell
    plain = readings.get(decimal_sign) if decimal_sign else None
    if plain is None:
        if len(set(readings.values())) > 1:
            return cell
        [plain] = set(readings.values())
    return f"-{plain}" if sign == "-" and plain.strip("0.") else plain


def detect_decimal_signs(cells: Iterable[str]) -> tuple[DecimalSign, ...]:
    """Return the decimal signs that a column can have: two when staff have to choose, none when no cell needs one."""
    needs_sign = False
    signs: set[DecimalSign] = set()
    for cell in cells:
        readings = _read(cell)[1]
        needs_sign |= len(set(readings.values())) == 2
        if len(readings) == 1:
            signs |= readings.keys()
    if not needs_sign:
        return ()
    return tuple(signs) if len(signs) == 1 else ("point", "comma")


def sum_amounts(cells: Sequence[str]) -> str:
    """Return the sum of plain amounts, or the first cell that is not an amount, so that the check reports it."""
    for cell in cells:
        if not _PLAIN_AMOUNT.fullmatch(cell):
            return cell
    return f"{sum(map(Decimal, cells)):f}"


def normalize_deduction(cell: str, decimal_sign: DecimalSign | None) -> str:
    """Return a discount or fee as a positive amount; many programs write it as a negative one."""
    return normalize_amount(cell, decimal_sign).removeprefix("-")


def normalize_whole_number(cell: str, decimal_sign: DecimalSign | None) -> str:
    """Return a whole number without separators and decimals: "2" for "2.0", "1200" for "1 200"."""
    plain = normalize_amount(cell, decimal_sign)
    whole, _, decimals = plain.partition(".")
    is_whole = not decimals.strip("0") and len(decimals) != 3  # a plain form never has three
    return whole if is_whole else cell


def find_foreign_currency(title: str) -> str:
    """Return the currency other than US dollars that the title of a column names, as "€" in "Total (€)", or ""."""
    match = _CURRENCY_IN_TITLE.search(title)
    return match[0] if match else _find_currency_sign(title)


def has_foreign_currency(cell: str) -> bool:
    """Return whether an amount has a currency sign other than $, or a code other than USD."""
    rest = without_dollars(cell)
    return bool(_find_currency_sign(rest) or _OTHER_DOLLARS_OR_CODE.fullmatch(rest))


def without_dollars(cell: str) -> str:
    """Return the cell without its dollar sign or the code USD."""
    return _DOLLARS.sub("", cell).strip()


def _find_currency_sign(text: str) -> str:
    return next((each for each in text if each != "$" and unicodedata.category(each) == "Sc"), "")


def is_us_dollars(currency: str) -> bool:
    """Return whether this is a name of the US dollar."""
    return bool(_US_DOLLARS.fullmatch(currency.strip()))


def is_email(cell: str) -> bool:
    """Return whether this looks like an e-mail address."""
    return bool(_EMAIL.fullmatch(cell))


def _read(cell: str) -> tuple[str, dict[DecimalSign, str]]:
    """Return the sign of an amount, and its plain form for each decimal sign with which it can be read.

    A plain form never has three decimals, which would leave open what its point is. "$1,500" has a dollar sign, whose
    commas are between thousands.
    """
    text = re.sub(r"\s+", " ", _DOLLARS.sub("", cell)).strip().replace("\u2019", "'")
    in_brackets = text.startswith("(") and text.endswith(")")
    is_negative = in_brackets or text.startswith(("-", "\u2212"))
    digits = (text[1:-1] if in_brackets else text[1:] if is_negative else text).strip()
    readings: dict[DecimalSign, str] = {}
    for decimal_sign, pattern in _FORMATS.items():
        if match := pattern.fullmatch(digits):
            decimals = match["decimals"] or ""
            if len(decimals) == 3:
                decimals = decimals[:2] if decimals.endswith("0") else f"{decimals}0"
            whole = re.sub(r"[^0-9]", "", match["whole"])
            readings[decimal_sign] = f"{whole}.{decimals}" if decimals else whole
    if "$" in cell and len(readings) == 2 and "," in digits:
        del readings["comma"]
    return "-" if is_negative else "", readings

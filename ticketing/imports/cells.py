"""Convert cells as other programs write them to the plain form that an import takes: amounts, numbers, dates.

Only used under a mapping, which staff have seen and confirmed. A cell that cannot be read without guessing is returned
unchanged, so that the check reports it with its row and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

DateOrder = Literal["iso", "month_first", "day_first"]

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_NORMALIZED_AMOUNT = re.compile(r"-?[0-9]{1,10}(\.[0-9]+)?")
_CURRENCY = re.compile(r"US\$|\$|€|\b(?:USD|EUR)\b", re.IGNORECASE)
_AMOUNT_FORMATS = (
    # (pattern, thousands separators, decimal sign)
    (re.compile(r"\d+(\.\d+)?"), "", "."),
    (re.compile(r"\d+,\d{1,2}"), "", ","),
    (re.compile(r"\d{1,3}(,\d{3})+(\.\d{1,2})?"), ",", "."),
    (re.compile(r"\d{1,3}(\.\d{3})+,\d{1,2}"), ".", ","),
    (re.compile(r"\d{1,3}(\.\d{3}){2,}"), ".", ","),
    (re.compile(r"\d{1,3}([ ']\d{3})+(\.\d{1,2})?"), " '", "."),
    (re.compile(r"\d{1,3}([ ']\d{3})+,\d{1,2}"), " '", ","),
)

_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), start=1,
    )
    for name in names.split()
}  # fmt: skip
_TIME_PATTERN = (
    r"(?:(?:[ ,T]|\s+at\s+)\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<seconds>\d{2})(?:\.\d{1,9})?)?"
    r"\s*(?P<half>[AaPp])?(?(half)\.?[Mm]\.?)\s*(?P<offset>Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_WEEKDAY_PATTERN = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_ISO_DATE = re.compile(rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){_TIME_PATTERN}")
_NUMERIC_DATE = re.compile(
    rf"(?P<first>\d{{1,2}})[-/.](?P<second>\d{{1,2}})[-/.](?P<year>\d{{4}}|\d{{2}}){_TIME_PATTERN}"
)
_DAY_PATTERN = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_NAMED_MONTH_DATES = (
    re.compile(
        rf"{_WEEKDAY_PATTERN}(?P<name>[a-z]+)\.?\s+{_DAY_PATTERN},?\s+(?P<year>\d{{4}}){_TIME_PATTERN}", re.IGNORECASE
    ),
    re.compile(
        rf"{_WEEKDAY_PATTERN}{_DAY_PATTERN}\.?[ -](?P<name>[a-z]+)\.?,?[ -](?P<year>\d{{4}}){_TIME_PATTERN}",
        re.IGNORECASE,
    ),
)


def normalize_amount(cell: str) -> str:
    """Return an amount without currency and separators: "1234.50" for "$1,234.50", "1.234,50 €" or "USD 1234.50".

    "(12.00)" is negative. "1.234" is returned unchanged, since its point may separate thousands or decimals. No
    exchange rate is applied.
    """
    text = re.sub(r"\s+", " ", _CURRENCY.sub("", cell)).strip()
    if text.casefold() == "free":
        return "0.00"
    in_brackets = text.startswith("(") and text.endswith(")")
    negative = in_brackets or text.startswith(("-", "−"))
    digits = (text[1:-1] if in_brackets else text[1:] if negative else text).strip()
    for pattern, separators, sign in _AMOUNT_FORMATS:
        if pattern.fullmatch(digits):
            plain = digits.translate({ord(separator): None for separator in separators}).replace(sign, ".")
            return f"-{plain}" if negative and plain.strip("0.") else plain
    return cell


def sum_amounts(cells: Sequence[str]) -> str:
    """Return the sum of plain amounts, or the first cell that is not an amount, so that the check reports it."""
    for cell in cells:
        if not _NORMALIZED_AMOUNT.fullmatch(cell):
            return cell
    return f"{sum(map(Decimal, cells)):f}"


def normalize_discount(cell: str) -> str:
    """Return a discount as a positive amount; many programs write it as a negative one."""
    return normalize_amount(cell).removeprefix("-")


def normalize_whole_number(cell: str) -> str:
    """Return a whole number without separators and decimals: "2" for "2.0", "1200" for "1,200"."""
    plain = normalize_amount(cell)
    whole, _, decimals = plain.partition(".")
    return whole if not decimals.strip("0") else cell


def normalize_datetime(cell: str, order: DateOrder | None) -> str:
    """Return a date, with or without a time, as ISO 8601. `order` matters where day and month are both numbers."""
    text = re.sub(r"\s+", " ", cell.replace("\u202f", " ")).strip()
    parts = _parse_date_parts(text, order)
    if parts is None:
        return cell
    year, month, day, time = parts
    try:
        moment = datetime(year, month, day, *time[:3])
    except ValueError:
        return cell
    return moment.isoformat() + time[3] if time[4] else moment.date().isoformat()


def is_email(cell: str) -> bool:
    """Return whether this looks like an e-mail address."""
    return bool(_EMAIL.fullmatch(cell))


def is_date(cell: str) -> bool:
    """Return whether this is a date in either order of day and month."""
    return any(
        normalize_datetime(cell, order) != cell or _ISO_DATE.fullmatch(cell) for order in ("month_first", "day_first")
    )


def detect_date_orders(cells: Iterable[str]) -> tuple[DateOrder, ...]:
    """Return the orders in which these dates can be read: two when staff have to choose, ("iso",) when it is plain."""
    numeric = [text for cell in cells if _NUMERIC_DATE.fullmatch(text := re.sub(r"\s+", " ", cell).strip())]
    readings: dict[DateOrder, list[str]] = {
        order: [normalize_datetime(cell, order) for cell in numeric] for order in ("month_first", "day_first")
    }
    readable = [n for n, cell in enumerate(numeric) if any(reading[n] != cell for reading in readings.values())]
    if not readable:
        return ("iso",)
    possible = tuple(order for order, reading in readings.items() if all(reading[n] != numeric[n] for n in readable))
    if len(possible) == 2 and readings["month_first"] == readings["day_first"]:
        return ("month_first",)
    return possible or ("month_first", "day_first")


def _parse_date_parts(
    text: str, order: DateOrder | None
) -> tuple[int, int, int, tuple[int, int, int, str, bool]] | None:
    if match := _ISO_DATE.fullmatch(text):
        return int(match["year"]), int(match["month"]), int(match["day"]), _parse_time(match)
    for pattern in _NAMED_MONTH_DATES:
        if (match := pattern.fullmatch(text)) and (month := _MONTHS.get(match["name"].casefold())):
            return int(match["year"]), month, int(match["day"]), _parse_time(match)
    if order in (None, "iso") or not (match := _NUMERIC_DATE.fullmatch(text)):
        return None
    first, second = int(match["first"]), int(match["second"])
    month, day = (first, second) if order == "month_first" else (second, first)
    year = int(match["year"])
    return year if year > 99 else 2000 + year, month, day, _parse_time(match)


def _parse_time(match: re.Match[str]) -> tuple[int, int, int, str, bool]:
    """Return hour, minute, second, offset, and whether there is a time; datetime refuses 99, an invalid hour."""
    if match["hour"] is None:
        return 0, 0, 0, "", False
    hour, offset = int(match["hour"]), match["offset"] or ""
    if match["half"]:
        hour = hour % 12 + (12 if match["half"] in "Pp" else 0) if 1 <= hour <= 12 else 99
    return hour, int(match["minute"]), int(match["seconds"] or 0), "Z" if offset == "UTC" else offset, True

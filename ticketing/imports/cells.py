"""Cells as other programs write them, in the plain form that an import takes: amounts, numbers, moments, statuses.

Only used under a mapping, which staff have seen and confirmed. What cannot be read without guessing is handed back as
it is, so that the check tells it at its row and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

DateOrder = Literal["iso", "month_first", "day_first"]

# Statuses of pretix (n, p, e, c and their English names), of Eventbrite's orders and attendees, and everyday words.
# Not here: partly refunded or transferred orders, of which nobody but staff can say what is left.
STATUS_WORDS = {
    "completed": (
        "completed", "complete", "paid", "p", "confirmed", "succeeded", "success", "successful", "captured", "approved",
        "attending", "checked in", "manual", "free", "free order", "paid order", "comp", "complimentary",
        "eventbrite completed", "paypal completed",
    ),
    "pending": (
        "pending", "n", "unpaid", "offline", "open", "on hold", "processing", "awaiting payment", "payment pending",
        "approval pending", "pending approval",
    ),
    "failed": (
        "failed", "e", "expired", "c", "canceled", "cancelled", "abandoned", "deleted", "declined", "rejected", "void",
        "voided", "not attending",
    ),
    "refunded": ("refunded", "refund", "refunded/canceled", "refunded/cancelled", "fully refunded", "charged back"),
}  # fmt: skip
_STATUS_BY_WORD = {word: status for status, words in STATUS_WORDS.items() for word in words}

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_NORMALIZED_AMOUNT = re.compile(r"-?[0-9]{1,10}(\.[0-9]+)?")
_CURRENCY = re.compile(r"US\$|\$|€|\b(?:USD|EUR)\b", re.IGNORECASE)
_AMOUNT_FORMATS = (
    # (form, thousands separators, decimal sign)
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
    r"(?:(?:[ ,T]|\s+at\s+)\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d{1,9})?)?"
    r"\s*(?P<half>[AaPp])?(?(half)\.?[Mm]\.?)\s*(?P<offset>Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_WEEKDAY_PATTERN = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_ISO_DATE = re.compile(rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){_TIME_PATTERN}")
_NUMERIC_DATE = re.compile(
    rf"(?P<first>\d{{1,2}})[-/.](?P<then>\d{{1,2}})[-/.](?P<year>\d{{4}}|\d{{2}}){_TIME_PATTERN}"
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
    """ "$1,234.50", "1.234,50 €" and "USD 12.00" without sign and separators; "(12.00)" is less than nothing.

    A point before three digits may part thousands or cents, so "1.234" stays as it is and is told. No exchange rate
    is applied.
    """
    text = re.sub(r"\s+", " ", _CURRENCY.sub("", cell)).strip()
    if text.casefold() == "free":
        return "0.00"
    in_brackets = text.startswith("(") and text.endswith(")")
    negative = in_brackets or text.startswith(("-", "−"))
    digits = (text[1:-1] if in_brackets else text[1:] if negative else text).strip()
    for form, separators, sign in _AMOUNT_FORMATS:
        if form.fullmatch(digits):
            plain = digits.translate({ord(separator): None for separator in separators}).replace(sign, ".")
            return f"-{plain}" if negative and plain.strip("0.") else plain
    return cell


def sum_amounts(cells: Sequence[str]) -> str:
    """Several plain amounts as one; the first that is no amount stands for all, so that it is told."""
    for cell in cells:
        if not _NORMALIZED_AMOUNT.fullmatch(cell):
            return cell
    return f"{sum(map(Decimal, cells)):f}"


def normalize_discount(cell: str) -> str:
    """As an amount; many programs write a discount as less than nothing."""
    return normalize_amount(cell).removeprefix("-")


def normalize_whole_number(cell: str) -> str:
    """ "2.0" and "1,200" as whole numbers."""
    plain = normalize_amount(cell)
    whole, _, decimals = plain.partition(".")
    return whole if not decimals.strip("0") else cell


def normalize_status(cell: str) -> str:
    """Our word for it; words that nobody knows stay as they are."""
    return _STATUS_BY_WORD.get(re.sub(r"[\s_-]+", " ", cell).strip().casefold(), cell)


def normalize_datetime(cell: str, order: DateOrder | None) -> str:
    """A date, with a time or without, as ISO 8601. The order of day and month matters where both are numbers."""
    text = re.sub(r"\s+", " ", cell.replace("\u202f", " ")).strip()
    found = _parse_date_parts(text, order)
    if found is None:
        return cell
    year, month, day, time = found
    try:
        moment = datetime(year, month, day, *time[:3])
    except ValueError:
        return cell
    return moment.isoformat() + time[3] if time[4] else moment.date().isoformat()


def is_email(cell: str) -> bool:
    return bool(_EMAIL.fullmatch(cell))


def is_date(cell: str) -> bool:
    """Whether this is a date in any order."""
    return any(
        normalize_datetime(cell, order) != cell or _ISO_DATE.fullmatch(cell) for order in ("month_first", "day_first")
    )


def detect_date_orders(cells: Iterable[str]) -> tuple[DateOrder, ...]:
    """In which orders these dates can be read: two when only a person can tell, ("iso",) when none has to."""
    numeric = [text for cell in cells if _NUMERIC_DATE.fullmatch(text := re.sub(r"\s+", " ", cell).strip())]
    readings: dict[DateOrder, list[str]] = {
        order: [normalize_datetime(cell, order) for cell in numeric] for order in ("month_first", "day_first")
    }
    readable = [
        place for place, cell in enumerate(numeric) if any(reading[place] != cell for reading in readings.values())
    ]
    if not readable:
        return ("iso",)
    possible = tuple(
        order for order, reading in readings.items() if all(reading[place] != numeric[place] for place in readable)
    )
    if len(possible) == 2 and readings["month_first"] == readings["day_first"]:
        return ("month_first",)
    return possible or ("month_first", "day_first")


def _parse_date_parts(
    text: str, order: DateOrder | None
) -> tuple[int, int, int, tuple[int, int, int, str, bool]] | None:
    if found := _ISO_DATE.fullmatch(text):
        return int(found["year"]), int(found["month"]), int(found["day"]), _parse_time(found)
    for form in _NAMED_MONTH_DATES:
        if (found := form.fullmatch(text)) and (month := _MONTHS.get(found["name"].casefold())):
            return int(found["year"]), month, int(found["day"]), _parse_time(found)
    if order in (None, "iso") or not (found := _NUMERIC_DATE.fullmatch(text)):
        return None
    first, then = int(found["first"]), int(found["then"])
    month, day = (first, then) if order == "month_first" else (then, first)
    year = int(found["year"])
    return year if year > 99 else 2000 + year, month, day, _parse_time(found)


def _parse_time(found: re.Match[str]) -> tuple[int, int, int, str, bool]:
    """Hour, minute, second and offset, and whether a time was given. An hour that cannot be is 99, which no day has."""
    if found["hour"] is None:
        return 0, 0, 0, "", False
    hour, offset = int(found["hour"]), found["offset"] or ""
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0) if 1 <= hour <= 12 else 99
    return hour, int(found["minute"]), int(found["second"] or 0), "Z" if offset == "UTC" else offset, True

"""Convert dates as other programs write them to ISO 8601. The order of day and month is that of the whole column.

Only used under a mapping, which staff have seen and confirmed. A cell that cannot be read without guessing is returned
unchanged, so that the check reports it with its row and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Literal, NamedTuple

from ticketing.imports import time_zones

HALF_CONVERTED_MESSAGE = (
    "A spreadsheet made dates of some cells of this column and left others as text, so day and month may be exchanged. "
    "Choose how they are meant where columns are matched."
)
DateOrder = Literal["iso", "month_first", "day_first"]

_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), start=1,
    )
    for name in names.split()
}  # fmt: skip
_MAX_CHARACTERS = 100
# What follows the seconds is an offset, the name of a zone, or both: "GMT+0000 (Coordinated Universal Time)".
_TIME_PATTERN = (
    r"(?:(?:[ ,T]|\s+at\s+)\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<seconds>\d{2})(?:[.,]\d{1,9})?)?"
    r"\s*(?P<half>[AaPp])?(?(half)\.?[Mm]\.?(?![A-Za-z]))"
    r"\s*(?P<zone>(?:UTC|GMT)?\s?[+\-\u2212]\d{1,2}(?::?\d{2})?|[A-Za-z][A-Za-z_/]*)?\s*(?:[(\[](?P<name_of_zone>.+)[)\]])?)?"
)
_WEEKDAY_PATTERN = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_DAY_PATTERN = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_ISO_DATE = re.compile(rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){_TIME_PATTERN}")
_SPREADSHEET_DATE = re.compile(r"[0-9]{4}-([01][0-9])-([0-3][0-9])(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?")
_NUMERIC_DATE = re.compile(
    rf"{_WEEKDAY_PATTERN}(?P<first>\d{{1,2}})[-/.](?P<second>\d{{1,2}})[-/.](?P<year>\d{{4}}|\d{{2}}){_TIME_PATTERN}",
    re.IGNORECASE,
)
_NAMED_MONTH_DATES = tuple(
    re.compile(_WEEKDAY_PATTERN + date + _TIME_PATTERN, re.IGNORECASE)
    for date in (
        rf"(?P<month>[a-z]+)\.?[ -]{_DAY_PATTERN}(?:,\s*|[ -]|,?\s+)(?P<year>\d{{4}})",
        rf"{_DAY_PATTERN}\.?[ /-](?P<month>[a-z]+)\.?,?[ /-](?P<year>\d{{4}}|\d{{2}})",
        rf"(?P<year>\d{{4}})[ /-](?P<month>[a-z]+)[ /-]{_DAY_PATTERN}",
    )
)


class _Date(NamedTuple):
    """A date or, with `has_time`, a moment; `moment` has an offset if the cell names one."""

    moment: datetime
    has_time: bool


def normalize_datetime(
    cell: str, order: DateOrder | None, zone: tzinfo | None = None, *, swaps_iso: bool = False
) -> str:
    """Return a date, with or without a time, as ISO 8601.

    `order` matters where day and month are both numbers after each other, `zone` for a time without an offset; a day
    without a time stays that day. `swaps_iso` exchanges day and month of dates such as 2026-04-03, which a spreadsheet
    made of text that it read in the wrong order (`is_half_converted`).
    """
    date = _parse(cell, order, swaps_iso=swaps_iso)
    if date is None:
        return cell
    if not date.has_time:
        return date.moment.date().isoformat()
    is_local = zone is not None and date.moment.tzinfo is None
    return time_zones.format_iso(date.moment.replace(tzinfo=zone) if is_local else date.moment)


def is_date(cell: str) -> bool:
    """Return whether this is a date in either order of day and month."""
    return any(_parse(cell, order) is not None for order in ("month_first", "day_first"))


def is_local_time(cell: str) -> bool:
    """Return whether this is a time of day without an offset or time zone."""
    dates = (_parse(cell, order) for order in ("month_first", "day_first"))
    return any(date is not None and date.has_time and date.moment.tzinfo is None for date in dates)


def is_spreadsheet_date(cell: str) -> bool:
    """Return whether a date has the form in which spreadsheets' own dates arrive: year first, without a time zone."""
    return bool(_SPREADSHEET_DATE.fullmatch(cell.strip()))


def detect_date_orders(cells: Iterable[str]) -> tuple[DateOrder, ...]:
    """Return the orders in which these dates can be read: two when staff have to choose, ("iso",) when it is plain."""
    numeric = [cell for cell in cells if _NUMERIC_DATE.fullmatch(_clean(cell))]
    readings: dict[DateOrder, list[_Date | None]] = {
        order: [_parse(cell, order) for cell in numeric] for order in ("month_first", "day_first")
    }
    readable = [place for place in range(len(numeric)) if any(reading[place] for reading in readings.values())]
    if not readable:
        return ("iso",)
    possible = tuple(order for order, reading in readings.items() if all(reading[place] for place in readable))
    if len(possible) == 2 and readings["month_first"] == readings["day_first"]:
        return ("month_first",)
    return possible or ("month_first", "day_first")


def is_half_converted(cells: Iterable[str]) -> bool:
    """Return whether a spreadsheet may have read these dates in the wrong order, and left the others as text.

    Of 3/4/2026 and 13/4/2026, meant as days of April, an American spreadsheet makes the fourth of March and text. So
    dates with the year first stand beside others, and none of them has a day after the 12th.
    """
    cells = set(cells)
    years_first = {cell for cell in cells if cell.strip()[:4].isdigit()}
    if not years_first or len(years_first) == len(cells):
        return False  # nearly every file
    converted = [
        (int(match[1]), int(match[2])) for cell in years_first if (match := _SPREADSHEET_DATE.fullmatch(cell.strip()))
    ]
    return (
        any(_NUMERIC_DATE.fullmatch(_clean(cell)) for cell in cells - years_first)
        and all(day <= 12 for _, day in converted)
        and any(month != day for month, day in converted)
    )


def _clean(cell: str) -> str:
    return re.sub(r"\s+", " ", cell).strip()


def _parse(cell: str, order: DateOrder | None, *, swaps_iso: bool = False) -> _Date | None:
    text = _clean(cell)
    if len(text) > _MAX_CHARACTERS:
        return None
    if match := _ISO_DATE.fullmatch(text):
        month, day = int(match["month"]), int(match["day"])
        swaps = swaps_iso and day <= 12 and is_spreadsheet_date(cell)
        return _build(match, *((day, month) if swaps else (month, day)))
    for pattern in _NAMED_MONTH_DATES:
        if (match := pattern.fullmatch(text)) and (named := _MONTHS.get(match["month"].casefold())):
            return _build(match, named, int(match["day"]))
    if order in (None, "iso") or not (match := _NUMERIC_DATE.fullmatch(text)):
        return None
    first, second = int(match["first"]), int(match["second"])
    return _build(match, *((first, second) if order == "month_first" else (second, first)))


def _build(match: re.Match[str], month: int, day: int) -> _Date | None:
    year = int(match["year"])
    year = year if len(match["year"]) == 4 else 2000 + year
    has_time = match["hour"] is not None
    hour = int(match["hour"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match["half"] in "Pp" else 0)
    zone_name = match["zone"] or match["name_of_zone"]
    zone = time_zones.find(zone_name) if zone_name else None
    if zone_name and zone is None:
        return None
    try:
        moment = datetime(year, month, day, hour, int(match["minute"] or 0), int(match["seconds"] or 0), tzinfo=zone)
    except ValueError:
        return None
    return _Date(moment, has_time)

"""Text for users: escaping for Markdown, and the format of money, dates and counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import money
from ticketing.formatting import CHANNEL_LABELS as CHANNEL_LABELS
from ticketing.formatting import format_count as format_count
from ticketing.models import Event
from ticketing.sales.sale_details import ANSWER_FIELD

T = TypeVar("T")
# Everywhere else the day comes first, and most people count 24 hours.
_MONTH_FIRST_REGIONS = {"US", "CA", "PH", "PR", "GU", "VI", "AS", "MP"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
# What Streamlit makes an emoji or icon, and Markdown a link, each with the letter that is set apart: the first colon of
# :smile:, the first t of http, a w of www, the sign in an e-mail address. What follows that letter must be no link.
_EFFECT = re.compile(r"(?i)&#58;(?=(?:\w|&#4[357];|&#95;)+&#58;)|(?<=h)t(?=tps?&#58;)|w(?=ww&#46;)|&#64;")

STATUS_LABELS = {
    "completed": "Paid",
    "pending": "Pending",
    "failed": "Failed",
    "refunded": "Refunded",
    "voided": "Voided",
}
ORDER_STATUS_LABELS = STATUS_LABELS | {"partly_refunded": "Partly refunded"}
FIELD_LABELS = {
    "name": "Name",
    "price": "Price",
    "seats_per_package": "Seats",
    "description": "Description",
    "quantity_limit": "Limit",
    "is_sponsorship": "Sponsorship",
    "is_enabled": "On sale",
    "image": "Picture",
    "image_alt": "What the picture shows",
    "starts_at": "Starts",
    "time_zone": "Time zone",
    "venue": "Venue",
    "revenue_goal": "Revenue goal",
    "code": "Code",
    "discount_type": "Type",
    "discount_value": "Value",
    "expires_at": "Expires",
    "max_total_uses": "Total uses",
    "max_uses_per_donor": "Uses per donor",
    "is_active": "Active",
    "label": "Question",
    "option_type": "Answer",
    "choices": "Choices",
    "is_required": "Required",
    "role": "Role",
    "donor.name": "Donor's name",
    "donor.email": "Donor's e-mail address",
    "donor.phone": "Donor's phone",
    "notes": "Note",
    "payment_status": "Status",
    "void_reason": "Reason",
}
_ANSWER_PREFIX = f"{ANSWER_FIELD} "
UNLIMITED_FIELDS = ("quantity_limit", "max_total_uses", "max_uses_per_donor")
VALUE_LABELS = {
    "percentage": "Percentage",
    "fixed_amount": "Fixed amount",
    "boolean": "Yes or no",
    "single_select": "Choose one",
    "multi_select": "Choose several",
    "text_input": "Text",
}


def escape_markdown(text: object, limit: int = 1000) -> str:
    """Return `text` so that Markdown shows it as typed, without formatting, links, emojis or icons.

    Entities prevent formatting. Bare addresses and codes of emojis and icons, which Streamlit looks for after it has
    replaced the entities, are broken by a directive without a color around one of their characters: a plain span, and
    nothing that a reader would copy. Line breaks become spaces.
    """
    line = _CONTROL.sub(" ", str(text))[:limit]
    inert = re.sub(r"[^\w ]|_", lambda match: f"&#{ord(match[0])};", line)
    return _EFFECT.sub(lambda match: f":color[{match[0]}]", inert)


def format_dollars(amount: Decimal) -> str:
    """Return "$1,234.50" for Markdown, where a bare dollar sign would start a formula."""
    return money.format_dollars(amount).replace("$", r"\$")


def format_whole_dollars(amount: Decimal) -> str:
    """Return "$1,235" for Markdown."""
    return money.format_whole_dollars(amount).replace("$", r"\$")


def is_month_first() -> bool:
    """Return whether the browser's locale is of a region that writes "Dec 12, 6:00 PM"; English of none is."""
    return _is_month_first(st.context.locale or "en")


@lru_cache(maxsize=128)
def _is_month_first(locale: str) -> bool:
    language, *others = locale.replace("_", "-").split("-")
    region = next((each.upper() for each in others if len(each) == 2), "")
    return region in _MONTH_FIRST_REGIONS if region else language.lower() == "en"


def get_date_input_format() -> str:
    """Return the format of date fields."""
    return "MM/DD/YYYY" if is_month_first() else "DD/MM/YYYY"


def format_datetime(when: datetime, zone: str, now: datetime | None = None) -> str:
    """Return "today, 9:42 AM" or "Oct 3, 9:42 AM", in the event's zone, with the year unless it is the current one."""
    local = when.astimezone(ZoneInfo(zone))
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(zone)).date()
    return f"{format_day(local.date(), today)}, {format_time(local)}"


def format_day(local_date: date, today: date) -> str:
    """Return "today", "yesterday", "Oct 3" or "Oct 3, 2025"."""
    if (today - local_date).days in (0, 1):
        return "yesterday" if local_date < today else "today"
    return format_date(local_date, has_year=local_date.year != today.year)


def format_date(day: date, *, has_year: bool = True, has_weekday: bool = False) -> str:
    """Return "Oct 3", "Oct 3, 2026" or "Sat, Oct 3"; where the day comes first "3 Oct" and so on."""
    return _format_date(day, has_year=has_year, has_weekday=has_weekday, is_month_first=is_month_first())


@lru_cache(maxsize=4096)  # a chart has the same days after each sale
def _format_date(day: date, *, has_year: bool, has_weekday: bool, is_month_first: bool) -> str:
    weekday = f"{day:%a}, " if has_weekday else ""
    if is_month_first:
        return f"{weekday}{day:%b} {day.day}" + (f", {day.year}" if has_year else "")
    return f"{weekday}{day.day} {day:%b}" + (f" {day.year}" if has_year else "")


def format_date_range(first: date, last: date) -> str:
    """Return "Oct 5 to Nov 29, 2026", or one date; the first has its year unless both are in the same."""
    if first == last:
        return format_date(first)
    return f"{format_date(first, has_year=first.year != last.year)} to {format_date(last)}"


def format_venue_date(event: Event) -> str:
    """Return "Oct 3, 2026", the day on which the event starts at its venue."""
    return format_date(event.starts_at.astimezone(ZoneInfo(event.time_zone)).date())


def format_time(local: datetime) -> str:
    """Return "9:42 AM" or "09:42"."""
    return f"{local.hour % 12 or 12}:{local:%M %p}" if is_month_first() else f"{local:%H:%M}"


def unique_labels(items: Mapping[T, tuple[str, str]]) -> dict[T, str]:
    """Return a unique label for each {key: (name, detail)}, because Streamlit identifies a choice by its label.

    Names that repeat get their detail, and a number if the details repeat too.
    """
    labels: dict[T, str] = {}
    for key, (name, detail) in items.items():
        is_unique = sum(other == name for other, _ in items.values()) == 1
        label = base = name if is_unique else f"{name} · {detail}"
        number = 1
        while label in labels.values():
            number += 1
            label = f"{base} ({number})"
        labels[key] = label
    return labels


def format_zone_city(zone: str) -> str:
    """Return "New York" for America/New_York."""
    return zone.rpartition("/")[2].replace("_", " ")


def format_event_line(
    name: str, starts_at: datetime, zone: str, now: datetime | None = None, *, has_date: bool = True
) -> str:
    """Return "Harbor Lights Gala 2026 · Sat, Dec 5, 6:00 PM New York · 13 days to go", as Markdown."""
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(zone)).date()
    days = (starts_at.astimezone(ZoneInfo(zone)).date() - today).days
    date = [format_event_date(starts_at, zone, now)] if has_date else []
    return " · ".join((escape_markdown(name), *date, format_days_until(days)))


def format_event_date(starts_at: datetime, zone: str, now: datetime | None = None) -> str:
    """Return "Sat, Dec 5, 6:00 PM New York" as Markdown, with the year unless it is the current one."""
    local = starts_at.astimezone(ZoneInfo(zone))
    this_year = (now or datetime.now(UTC)).astimezone(ZoneInfo(zone)).year
    day = format_date(local.date(), has_year=local.year != this_year, has_weekday=True)
    return escape_markdown(f"{day}, {format_time(local)} {format_zone_city(zone)}")


def format_days_until(days: int) -> str:
    if days == 0:
        return "today"
    return f"{format_count(days, 'day')} to go" if days > 0 else f"{format_count(-days, 'day')} ago"


def format_field_label(field: str) -> str:
    """Return the label of a field as the audit log stores it; that of an answer has the question."""
    if field.startswith(_ANSWER_PREFIX):
        return f"Answer to “{field.removeprefix(_ANSWER_PREFIX)}”"
    return FIELD_LABELS.get(field) or field.replace("_", " ").capitalize()


def format_value(field: str, stored: object, zone: str = "UTC") -> str:
    """Return a field's value as forms and the audit log show it. Not escaped for Markdown.

    Dates without a zone are in `zone`.
    """
    if stored is None or stored in ("", []):
        return "Unlimited" if field in UNLIMITED_FIELDS else "Never" if field == "expires_at" else "Nothing"
    if isinstance(stored, bool):
        return "Yes" if stored else "No"
    if isinstance(stored, list):
        return ", ".join(map(str, stored))
    if field in ("price", "revenue_goal"):
        return format_amount(stored)
    if field in ("starts_at", "expires_at"):
        when = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
        return format_datetime(when if when.tzinfo else when.replace(tzinfo=ZoneInfo(zone)), zone)
    return VALUE_LABELS.get(str(stored), str(stored)).replace("\n", ", ")


def format_amount(stored: object) -> str:
    """Return an amount in USD as "$1,234.50", or the text itself if it is not an amount."""
    try:
        return money.format_dollars(money.parse(str(stored)))
    except ValueError:
        return str(stored)

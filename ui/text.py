"""Text for users: escaping for Markdown, and the format of money, dates and counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from ticketing import money
from ticketing.formatting import format_count as format_count

T = TypeVar("T")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_EMOJI = re.compile(r":(?=[\w+/-]+:)")
_AUTOLINK = re.compile(r"(?i)\b(h)(ttps?)|\b(w)(ww)|(&#64;)")

CHANNEL_LABELS = {
    "cash": "Cash",
    "cheque": "Check",
    "card_terminal": "Card terminal",
    "comp": "Comp",
    "online": "Online",
    "import": "Import",
}
STATUS_LABELS = {
    "completed": "Paid",
    "pending": "Pending",
    "failed": "Failed",
    "refunded": "Refunded",
    "voided": "Voided",
}
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
}
UNLIMITED_FIELDS = ("quantity_limit", "max_total_uses", "max_uses_per_donor")
VALUE_LABELS = {
    "percentage": "Percentage",
    "fixed_amount": "Fixed amount",
    "boolean": "Yes or no",
    "multi_select": "Multiple choice",
    "text_input": "Text",
}


def escape_markdown(text: object, limit: int = 1000) -> str:
    """Return `text` so that Markdown shows it as typed, without formatting, links, emojis or icons.

    Entities prevent formatting. A word joiner (U+2060) breaks bare addresses and codes of emojis and icons, which
    Streamlit looks for after it has replaced the entities. Line breaks become spaces.
    """
    line = _EMOJI.sub(":\u2060", _CONTROL.sub(" ", str(text))[:limit])
    inert = re.sub(r"[^\w ]|_", lambda match: f"&#{ord(match[0])};", line)
    return _AUTOLINK.sub(
        lambda match: (match[1] or match[3] or "") + "\u2060" + (match[2] or match[4] or match[5]), inert
    )


def format_dollars(amount: Decimal) -> str:
    """Return "$1,234.50" for Markdown, where a bare dollar sign would start a formula."""
    return money.format_dollars(amount).replace("$", r"\$")


def format_whole_dollars(amount: Decimal) -> str:
    """Return "$1,235" for Markdown."""
    return money.format_whole_dollars(amount).replace("$", r"\$")


def format_datetime(when: datetime, zone: str, now: datetime | None = None) -> str:
    """Return "today, 9:42 AM" or "3 Oct, 9:42 AM", in the event's zone, with the year unless it is the current one."""
    local = when.astimezone(ZoneInfo(zone))
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(zone)).date()
    return f"{format_day(local.date(), today)}, {format_time(local)}"


def format_day(local_date: date, today: date) -> str:
    """Return "today", "yesterday", "3 Oct" or "3 Oct 2025"."""
    if (today - local_date).days in (0, 1):
        return "yesterday" if local_date < today else "today"
    return f"{local_date.day} {local_date:%b}" + (f" {local_date.year}" if local_date.year != today.year else "")


def format_time(local: datetime) -> str:
    """Return "9:42 AM"."""
    return f"{local.hour % 12 or 12}:{local:%M %p}"


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


def format_event_line(name: str, starts_at: datetime, zone: str, now: datetime | None = None) -> str:
    """Return "Harbor Lights Gala 2026 · Sat 5 Dec, 6:00 PM New York · 13 days to go", as Markdown."""
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(zone)).date()
    days = (starts_at.astimezone(ZoneInfo(zone)).date() - today).days
    return f"{escape_markdown(name)} · {format_event_date(starts_at, zone, now)} · {_format_days_until(days)}"


def format_event_date(starts_at: datetime, zone: str, now: datetime | None = None) -> str:
    """Return "Sat 5 Dec, 6:00 PM New York" as Markdown, with the year unless it is the current one."""
    local = starts_at.astimezone(ZoneInfo(zone))
    this_year = (now or datetime.now(UTC)).astimezone(ZoneInfo(zone)).year
    year = f" {local.year}" if local.year != this_year else ""
    return escape_markdown(f"{local:%a} {local.day} {local:%b}{year}, {format_time(local)} {format_zone_city(zone)}")


def _format_days_until(days: int) -> str:
    if days == 0:
        return "today"
    return f"{format_count(days, 'day')} to go" if days > 0 else f"{format_count(-days, 'day')} ago"


def format_value(field: str, stored: object, zone: str = "UTC") -> str:
    """Return a field's value as forms and the audit log show it. Not escaped for Markdown.

    Dates without a zone are in `zone`.
    """
    if stored is None or stored == "":
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

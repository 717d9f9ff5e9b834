"""What other programs call time zones: offsets, abbreviations, names of time_zones.toml and of the IANA database."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from ticketing.catalog import events

_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+\-\u2212])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)
_OFFSET_BEFORE_NAME = re.compile(r"\((?:UTC|GMT)[^()]*\) ?(?=\S)", re.IGNORECASE)
_BRACKETED = re.compile(r"[(\[]((?:[^()\[\]]|\([^()]*\))*)[)\]]")
_UTC_WORD = re.compile(r"(?<![A-Za-z])(?:UTC|GMT)(?: ?[+-]\d{1,2}(?::?\d{2})?)?(?![A-Za-z])", re.IGNORECASE)


class TimeZoneNames(BaseModel):
    """The content of time_zones.toml: fixed offsets by abbreviation, IANA names by the names of other programs."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    abbreviations: dict[str, str]
    names: dict[str, str]


@lru_cache(maxsize=1000)
def find(name: str) -> tzinfo | None:
    """Return the time zone that a program calls `name`, or None when it is unknown or has several meanings."""
    name = _OFFSET_BEFORE_NAME.sub("", re.sub(r"\s+", " ", name).strip())
    if match := _OFFSET.fullmatch(name):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        return timezone((-1 if match[1] != "+" else 1) * timedelta(minutes=minutes)) if minutes <= 14 * 60 else None
    if offset := _NAMES.abbreviations.get(name.upper()):
        return datetime.fromisoformat(f"2000-01-01T00:00{offset}").tzinfo
    iana_name = _ZONES_BY_NAME.get(name.casefold())
    return ZoneInfo(iana_name) if iana_name else None


@lru_cache(maxsize=1000)
def find_in_title(title: str) -> tzinfo | None:
    """Return the time zone that the title of a column names, as in "Created date (UTC)" or "date_created_gmt"."""
    for bracketed in _BRACKETED.findall(title):
        if zone := find(bracketed):
            return zone
    if match := _UTC_WORD.search(title.replace("_", " ")):
        return find(match[0])
    words = [word for word in re.split(r"[\s_]+", title) if word.isupper() and len(word) > 1]
    return next((zone for word in words if (zone := find(word))), None)


def strip_from_title(title: str) -> str:
    """Return a title without the time zone in brackets or at its end, so that "Created (UTC)" is "Created"."""
    if find_in_title(title) is None:
        return title
    rest = _BRACKETED.sub(lambda match: "" if find(match[1]) else match[0], title)
    return _UTC_WORD.sub("", rest.replace("_", " ")).strip() or title


def format_iso(moment: datetime) -> str:
    """Return a time with its offset, or without one, as ISO 8601; UTC is "Z"."""
    return f"{moment.replace(tzinfo=None).isoformat()}Z" if moment.tzinfo is UTC else moment.isoformat()


def _load() -> TimeZoneNames:
    return TimeZoneNames.model_validate(tomllib.loads(Path(__file__).with_name("time_zones.toml").read_text("utf-8")))


_NAMES = _load()
_ZONES_BY_NAME = {zone.casefold(): zone for zone in (*events.list_time_zones(), *_NAMES.names.values())} | {
    name.casefold(): zone for name, zone in _NAMES.names.items()
}

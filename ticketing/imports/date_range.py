"""Find dates of sales that cannot be right, such as those of a mistyped year. No database.

The rule: docs/product.md, "Import".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from ticketing.imports.rows import Problem, Record

MAX_YEARS_BEFORE_EVENT = 3
_ADVICE = "Correct the date, or accept the dates of this file as they are."


@dataclass(frozen=True)
class DateRange:
    """The days on which sales of an event can have been made, as seen at `now`: those of its time zone."""

    event_day: date
    zone: ZoneInfo
    now: datetime

    @classmethod
    def of_event(cls, starts_at: datetime, time_zone: str, now: datetime) -> DateRange:
        """Return the range of an event."""
        zone = ZoneInfo(time_zone)
        return cls(starts_at.astimezone(zone).date(), zone, now)

    @property
    def first_day(self) -> date:
        """The same day three years before the event; February 28 for one on a February 29."""
        year = self.event_day.year - MAX_YEARS_BEFORE_EVENT
        try:
            return self.event_day.replace(year=year)
        except ValueError:
            return self.event_day.replace(year=year, day=28)

    def add_problems(self, records: Iterable[Record]) -> None:
        """Add a problem to each record whose date is outside the range."""
        first_day = self.first_day
        for record in records:
            moment: datetime | None = record.values.get("purchase_date")
            if moment is not None and (reason := self._find_reason(moment, first_day)):
                record.problems["purchase_date"] = f"{reason} {_ADVICE}"

    def _find_reason(self, moment: datetime, first_day: date) -> str | None:
        local = moment.astimezone(self.zone)
        if moment > self.now:
            is_today = local.date() == self.now.astimezone(self.zone).date()
            return f"{local:%Y-%m-%d %H:%M} is later than now." if is_today else f"{local.date()} is after today."
        if local.date() > self.event_day:
            return f"{local.date()} is after the day of the event, {self.event_day}."
        if local.date() < first_day:
            return (
                f"{local.date()} is more than {MAX_YEARS_BEFORE_EVENT} years before the day of the event, "
                f"{self.event_day}."
            )
        return None


def is_about_range(problem: Problem) -> bool:
    """Return whether a problem is about a date outside the range, which `accept_dates` lets through."""
    return problem.message.endswith(_ADVICE)

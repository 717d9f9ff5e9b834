"""Compare the time zone rules of Python (the package tzdata) with those of PostgreSQL (docs/decisions/0023).

PostgreSQL turns the moments of sales into days, and Python shows moments and reads typed ones. Both must have the same
rules, or a sale shortly before midnight is on one day in a list and on another in its chart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import tzdata
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError

from ticketing.formatting import format_count

MIN_YEAR, MAX_YEAR = 2000, 2100  # sales are from 2000 to 2099
# A new event imports sales of up to three years before it (docs/product.md, "Import"), and one server runs for a year.
YEARS_BEFORE, YEARS_AFTER = 3, 1
_DAY_SECONDS = 86_400

Years = tuple[int, int]


@dataclass(frozen=True)
class ZoneDifference:
    """A zone for which Python and PostgreSQL have different offsets from UTC at `moment`, the first one compared.

    `events` are the names of the events in this zone. `postgresql_offset` is None when PostgreSQL does not know the
    zone.
    """

    zone: str
    events: tuple[str, ...]
    moment: datetime
    python_offset: timedelta
    postgresql_offset: timedelta | None

    def __str__(self) -> str:
        first, *others = self.events
        more = f" and {format_count(len(others), 'other event')}" if others else ""
        return f"The time zone {self.zone} of {first}{more} {self.reason}."

    @property
    def reason(self) -> str:
        """What differs, without the zone's name: the second half of a sentence."""
        if self.postgresql_offset is None:
            return "is unknown to PostgreSQL"
        return (
            f"has other rules in PostgreSQL than in Ticket Desk (tzdata {tzdata.IANA_VERSION}): at "
            f"{self.moment:%Y-%m-%d %H:%M} UTC it is {_format_offset(self.postgresql_offset)} there and "
            f"{_format_offset(self.python_offset)} here"
        )


def list_differences(connection: Connection) -> list[ZoneDifference]:
    """Return the zones of events whose offsets differ in the years in use, with the first difference of each."""
    found = (
        find_difference(connection, row.time_zone, _clamp(row.first_year, row.last_year), tuple(row.events))
        for row in connection.execute(_ZONES_IN_USE).all()
    )
    return [difference for difference in found if difference is not None]


def list_years_in_use(moments: Iterable[datetime]) -> Years:
    """Return the first and the last year in which an event with these moments may have sales."""
    years = [moment.year for moment in (*moments, datetime.now(UTC))]
    return _clamp(min(years) - YEARS_BEFORE, max(years) + YEARS_AFTER)


def find_difference(
    connection: Connection, zone: str, years: Years, events: tuple[str, ...] = ()
) -> ZoneDifference | None:
    """Return the first moment of these years at which the offsets of a zone differ; None when they never do.

    They are compared each day, and in the second before and at each change of Python's offset: a change that PostgreSQL
    makes at another time differs in one of these.
    """
    moments = _list_moments(zone, years)
    python = [_get_offset_seconds(zone, moment) for moment in moments]
    try:
        with connection.begin_nested():
            postgresql: list[int] = connection.execute(_OFFSETS, {"zone": zone, "moments": moments}).scalar_one()
    except DataError:  # the list of its names, pg_timezone_names, is slow to ask
        return ZoneDifference(zone, events, _to_datetime(moments[0]), timedelta(seconds=python[0]), None)
    for moment, here, there in zip(moments, python, postgresql, strict=True):
        if here != there:
            return ZoneDifference(zone, events, _to_datetime(moment), timedelta(seconds=here), timedelta(seconds=there))
    return None


def _list_moments(zone: str, years: Years) -> list[int]:
    """Return the moments to compare, in seconds since 1970: each midnight UTC, and each change of the offset."""
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (years[0], years[1] + 1))
    days = range(first, last + 1, _DAY_SECONDS)
    offsets = [_get_offset_seconds(zone, day) for day in days]
    moments = {*days}
    for day, offset, next_offset in zip(days, offsets, offsets[1:], strict=False):
        if offset != next_offset:
            change = _find_change(zone, day, day + _DAY_SECONDS)
            moments |= {change - 1, change}
    return sorted(moments)


def _find_change(zone: str, before: int, after: int) -> int:
    """Return the first second with another offset than `before`, by bisection."""
    offset = _get_offset_seconds(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _get_offset_seconds(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _get_offset_seconds(zone: str, moment: int) -> int:
    offset = datetime.fromtimestamp(moment, ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())


def _to_datetime(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def _clamp(first: int, last: int) -> Years:
    return min(max(first, MIN_YEAR), MAX_YEAR), max(min(last, MAX_YEAR), MIN_YEAR)


def _format_offset(offset: timedelta) -> str:
    """Return "UTC-06:00"."""
    minutes = round(offset.total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


_OFFSETS = text("""
    SELECT array_agg(CAST(extract(epoch FROM timezone(:zone, moment) - timezone('UTC', moment)) AS int) ORDER BY place)
    FROM (
        SELECT to_timestamp(seconds) AS moment, place
        FROM unnest(CAST(:moments AS bigint[])) WITH ORDINALITY AS given(seconds, place)
    ) AS moments
""")
_ZONES_IN_USE = text(f"""
    SELECT event.time_zone, array_agg(event.name ORDER BY event.starts_at DESC, event.id) AS events,
        CAST(extract(year FROM min(least(event.starts_at, sales.first, now()))) AS int) - {YEARS_BEFORE} AS first_year,
        CAST(extract(year FROM max(greatest(event.starts_at, sales.last, now()))) AS int) + {YEARS_AFTER} AS last_year
    FROM events AS event
    CROSS JOIN LATERAL (
        SELECT min(purchased_at) AS first, max(purchased_at) AS last FROM purchases WHERE event_id = event.id
    ) AS sales
    GROUP BY event.time_zone
    ORDER BY event.time_zone
""")  # noqa: S608

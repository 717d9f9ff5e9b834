"""The search over everything among a million purchases, compared with reading the order of one number."""

from __future__ import annotations

import uuid
from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy.orm import Session

from bench import sample_events
from bench.measure import Row, measure_alternately, measure_milliseconds
from tests.support import make
from ticketing import db
from ticketing.access import rate_limits
from ticketing.actors import Actor
from ticketing.reporting import search

MAX_MILLISECONDS = 150
# What is typed, and the kinds of records that it must find.
SEARCHES = {
    "a first name of all": ("donor", {"order", "guest"}),
    "a whole name": ("donor 65432", {"order", "guest"}),
    "two words that nobody has": ("zoe 1", set[str]()),
    "an e-mail address": ("donor-77777@example.org", {"order"}),
    "an order number": ("XX27HG", {"order"}),
}
_FLOOR = "SELECT id FROM orders WHERE event_id = %s AND number = 'XX27HG'"


def measure_search(_: Path) -> list[Row]:
    """Measure each kind of search as an admin, who sees all events."""
    event, admin = sample_events.get_large_event(), make.staff("admin")
    rows = []
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        for work, (typed, expected) in SEARCHES.items():
            floor, product = measure_alternately(
                partial(measure_milliseconds, partial(_find_by_number, connection, event.id), 20),
                partial(measure_milliseconds, partial(_check, admin, typed, expected), 20),
            )
            rows.append(
                Row(
                    f"search among {sample_events.LARGE_EVENT_PURCHASES:,} purchases: {work}",
                    "ms",
                    floor,
                    product,
                    MAX_MILLISECONDS,
                    less_is_better=True,
                    is_absolute=True,
                )
            )
    return rows


def _find_by_number(connection: psycopg.Connection, event_id: uuid.UUID) -> None:
    connection.execute(_FLOOR, (event_id,)).fetchall()


def _check(admin: Actor, typed: str, expected: set[str]) -> None:
    if (found := set(_search(admin, typed))) != expected:
        raise SystemExit(f"{typed}: found {found}, not {expected}.")


def _search(admin: Actor, typed: str) -> dict[search.Kind, list[search.Match]]:
    def work(session: Session) -> dict[search.Kind, list[search.Match]]:
        rate_limits.reset(session, rate_limits.SEARCHES, str(admin.staff_id))
        return search.search(session, admin, typed)

    return db.write(work)


MEASUREMENTS = (measure_search,)

"""The query of the events page with 200 upcoming events, against sums of the same rows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import psycopg

from bench import sample_events
from bench.measure import Row, measure_alternately, measure_milliseconds
from tests.support import make
from ticketing import db
from ticketing.actors import Actor
from ticketing.reporting import event_overview

EVENTS = 200
PURCHASES = 500  # of each event
MAX_MILLISECONDS = 50

# Copies of one event with its packages, promo codes and days, which is all that the page reads.
_COPY_EVENT = """
    CREATE TEMP TABLE copies ON COMMIT DROP AS
        SELECT gen_random_uuid() AS event_id, number FROM generate_series(2, %(events)s) AS number;
    CREATE TEMP TABLE package_copies ON COMMIT DROP AS
        SELECT packages.id AS original, copies.event_id, gen_random_uuid() AS id
        FROM packages, copies WHERE packages.event_id = %(event_id)s;
    CREATE TEMP TABLE code_copies ON COMMIT DROP AS
        SELECT promo_codes.id AS original, copies.event_id, gen_random_uuid() AS id
        FROM promo_codes, copies WHERE promo_codes.event_id = %(event_id)s;
    INSERT INTO events (id, name, starts_at, time_zone, venue, revenue_goal, version)
        SELECT event_id, name || ' ' || number, starts_at + number * interval '1 day', time_zone, venue, revenue_goal, 1
        FROM events, copies WHERE events.id = %(event_id)s;
    INSERT INTO packages SELECT (jsonb_populate_record(
            packages, jsonb_build_object('id', copy.id, 'event_id', copy.event_id))).*
        FROM packages JOIN package_copies AS copy ON original = packages.id;
    INSERT INTO promo_codes SELECT (jsonb_populate_record(
            promo_codes, jsonb_build_object('id', copy.id, 'event_id', copy.event_id))).*
        FROM promo_codes JOIN code_copies AS copy ON original = promo_codes.id;
    INSERT INTO daily_sales SELECT (jsonb_populate_record(days, jsonb_build_object(
            'event_id', package.event_id, 'package_id', package.id, 'promo_code_id', code.id))).*
        FROM daily_sales AS days JOIN package_copies AS package ON package.original = package_id
        LEFT JOIN code_copies AS code ON code.original = promo_code_id AND code.event_id = package.event_id
"""
_FLOOR = "SELECT event_id, sum(total), sum(seats), count(*) FROM daily_sales GROUP BY event_id"


def measure_events_page(_: Path) -> list[Row]:
    """Measure the query as an admin runs it, on the last day of the sales, which all events have."""
    event = sample_events.create_event(PURCHASES)
    values = {"event_id": event.id, "events": EVENTS}
    with psycopg.connect(db.libpq_url()) as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute(_COPY_EVENT, values)
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        floor, product = measure_alternately(
            partial(measure_milliseconds, partial(_sum_days, connection), 20),
            partial(measure_milliseconds, partial(_read_overview, make.staff("admin")), 20),
        )
    return [
        Row(
            f"events page, {EVENTS} events of {PURCHASES} purchases",
            "ms",
            floor,
            product,
            MAX_MILLISECONDS,
            less_is_better=True,
            is_absolute=True,
        )
    ]


def _sum_days(connection: psycopg.Connection) -> None:
    connection.execute(_FLOOR).fetchall()


def _read_overview(admin: Actor) -> None:
    with db.read_session() as session:
        overview = event_overview.get_overview(session, admin, "upcoming", moment=sample_events.LAST_DAY)
    assert len(overview.events) == EVENTS


MEASUREMENTS = (measure_events_page,)

"""The queries of the sales page with 100,000 purchases, alone and beside a million of another event."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bench import sample_events
from bench.database import copy_database
from bench.measure import Row, measure_alternately, measure_milliseconds
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.models import Event
from ticketing.reporting import figures, sales_report
from ticketing.reporting.sales_report import ReportQuery
from ticketing.sales_filter import SalesFilter

PURCHASES = 100_000
ALL = ReportQuery()
LAST_DAY = date(2026, 11, 14)  # of the sample events


def run_page_queries(engine: Engine, event: Event, query: ReportQuery = ALL) -> None:
    """Run the queries of pages/sales.py after a sale, in one session as the page does."""
    with Session(engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)) as session:
        figures.compute_fingerprints(session, {event.id})
        sales_report.read_report(session, OPERATOR, event, query, LAST_DAY)


def sum_purchases(connection: psycopg.Connection, event: Event) -> None:
    connection.execute("SELECT sum(total), count(*) FROM purchases WHERE event_id = %s", [event.id]).fetchone()


def sum_selected_purchases(connection: psycopg.Connection, event: Event, query: ReportQuery) -> None:
    """Sum the purchases of the packages and days of a query."""
    chosen = query.sales_filter
    connection.execute(
        "SELECT sum(total), count(*) FROM purchases WHERE event_id = %s AND package_id = ANY(%s)"
        " AND purchased_at >= %s AND purchased_at < %s",
        [event.id, list(chosen.package_ids), chosen.first_day, chosen.last_day],
    ).fetchone()


def select_range(event: Event) -> ReportQuery:
    """Return the query of two packages over 30 days."""
    with db.read_session() as session:
        package_ids = tuple(packages.list_names(session, OPERATOR, event.id))[:2]
    return ReportQuery(SalesFilter(package_ids, first_day=LAST_DAY - timedelta(days=29), last_day=LAST_DAY))


def measure_sales_page(_: Path) -> list[Row]:
    """Measure the page alone, and beside a large event compared with a copy of the database without that event."""
    event = sample_events.create_event(PURCHASES)
    with copy_database() as url:
        alone = db.build_engine(url, "alone")
        measure_alone = partial(measure_milliseconds, partial(run_page_queries, alone, event), 40)
        with psycopg.connect(db.libpq_url(alone), autocommit=True) as connection:
            floor, product = measure_alternately(
                partial(measure_milliseconds, partial(sum_purchases, connection, event), 40), measure_alone
            )
            query = select_range(event)
            selected_floor, selected = measure_alternately(
                partial(measure_milliseconds, partial(sum_selected_purchases, connection, event, query), 40),
                partial(measure_milliseconds, partial(run_page_queries, alone, event, query), 40),
            )
        sample_events.get_large_event()
        without, beside = measure_alternately(
            measure_alone, partial(measure_milliseconds, partial(run_page_queries, db.engine(), event), 40)
        )
        alone.dispose()
    return [
        Row(f"sales page, {PURCHASES:,} purchases", "ms", floor, product, 1.5, less_is_better=True),
        Row("the same, 30 days and two packages", "ms", selected_floor, selected, 2.0, less_is_better=True),
        Row(
            f"the same beside {sample_events.LARGE_EVENT_PURCHASES:,} others",
            "ms",
            without,
            beside,
            1.1,
            less_is_better=True,
        ),
    ]


MEASUREMENTS = (measure_sales_page,)

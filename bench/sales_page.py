"""The sales page with 100,000 purchases: its queries, alone and beside a million of another event, and its CPU."""

from __future__ import annotations

import gc
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path

import psycopg
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bench import sample_events
from bench.database import copy_database
from bench.measure import Row, measure_alternately, measure_milliseconds
from bench.page_runs import OpenPage, write_empty_pages
from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.models import Event
from ticketing.reporting import figures, sales_report
from ticketing.reporting.sales_report import ReportQuery
from ticketing.sales_filter import SalesFilter
from ui import menu

PURCHASES = 100_000
ALL = ReportQuery()
LAST_DAY = date(2026, 11, 14)  # of the sample events


@cache
def get_event() -> Event:
    return sample_events.create_event(PURCHASES)


def run_page_queries(engine: Engine, event: Event, query: ReportQuery = ALL) -> None:
    """Run the queries of pages/sales.py after a sale, in one session as the page does."""
    with Session(engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)) as session:
        figures.compute_visible_fingerprints(session, OPERATOR, event.id)
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


def measure_queries(_: Path) -> list[Row]:
    """Measure the queries of all sales, and of two packages over 30 days, against one sum over the same rows."""
    event = get_event()
    query = select_range(event)
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        floor, product = measure_alternately(
            partial(measure_milliseconds, partial(sum_purchases, connection, event), 40),
            partial(measure_milliseconds, partial(run_page_queries, db.engine(), event), 40),
        )
        selected_floor, selected = measure_alternately(
            partial(measure_milliseconds, partial(sum_selected_purchases, connection, event, query), 40),
            partial(measure_milliseconds, partial(run_page_queries, db.engine(), event, query), 40),
        )
    return [
        Row(f"sales page, {PURCHASES:,} purchases", "ms", floor, product, 1.5, less_is_better=True),
        Row("the same, 30 days and two packages", "ms", selected_floor, selected, 2.0, less_is_better=True),
    ]


def measure_beside_large_event(_: Path) -> list[Row]:
    """Measure the queries beside a large event, compared with a copy of the database without that event."""
    event = get_event()
    with copy_database() as url:
        alone = db.build_engine(url, "alone")
        sample_events.get_large_event()
        without, beside = measure_alternately(
            partial(measure_milliseconds, partial(run_page_queries, alone, event), 40),
            partial(measure_milliseconds, partial(run_page_queries, db.engine(), event), 40),
        )
        alone.dispose()
    others = f"{sample_events.LARGE_EVENT_PURCHASES:,} others"
    return [Row(f"the same, all sales, beside {others}", "ms", without, beside, 1.1, less_is_better=True)]


def measure_page_runs(folder: Path) -> list[Row]:
    """Measure CPU milliseconds of one script run, with nothing new and after each sale, and of an empty page."""
    event, actor = get_event(), make.staff(role="admin")
    package = make.package(event)
    empty = OpenPage("sales", write_empty_pages(folder), event, actor)
    sales = OpenPage("sales", menu.PAGES_DIR, event, actor)
    gc.collect()
    gc.freeze()  # as app.py does
    floor, unchanged = measure_alternately(empty.measure_cpu_milliseconds, sales.measure_cpu_milliseconds)
    sell = partial(make.purchase, event, package)
    floor_of_sale, after_sale = measure_alternately(
        empty.measure_cpu_milliseconds, partial(sales.measure_cpu_milliseconds, sell)
    )
    return [
        Row("sales page, CPU of a run with nothing new", "ms", floor, unchanged, 1.6, less_is_better=True),
        Row("the same after a sale", "ms", floor_of_sale, after_sale, 2.2, less_is_better=True),
    ]


MEASUREMENTS = (measure_queries, measure_beside_large_event, measure_page_runs)

"""The queries of the sales page with 100,000 purchases, alone and beside a million of another event."""

from __future__ import annotations

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
from ticketing.models import Event
from ticketing.purchase_filter import SOLD_PURCHASES
from ticketing.reporting import comparison, figures, purchase_list

PURCHASES = 100_000
LATEST_PURCHASES = 5


def run_page_queries(engine: Engine, event: Event) -> None:
    """Run the queries of pages/sales.py, in one session as the page does."""
    with Session(engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)) as session:
        figures.get_figures(session, OPERATOR, event.id)
        comparison.list_candidates(session, OPERATOR, event.id)
        purchase_list.list_page(session, OPERATOR, event.id, SOLD_PURCHASES, per_page=LATEST_PURCHASES)


def sum_purchases(connection: psycopg.Connection, event: Event) -> None:
    connection.execute("SELECT sum(total), count(*) FROM purchases WHERE event_id = %s", [event.id]).fetchone()


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
        sample_events.get_large_event()
        without, beside = measure_alternately(
            measure_alone, partial(measure_milliseconds, partial(run_page_queries, db.engine(), event), 40)
        )
        alone.dispose()
    return [
        Row(f"sales page, {PURCHASES:,} purchases", "ms", floor, product, 1.5, less_is_better=True),
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

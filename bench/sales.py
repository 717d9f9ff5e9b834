"""The sales page: all its queries at 100,000 purchases, alone and beside a million others."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import psycopg
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bench import crowd
from bench.measure import Row, by_turns, milliseconds
from bench.place import copied
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import Event
from ticketing.purchase_filter import SOLD
from ticketing.reporting import comparison, figures, purchase_list

PURCHASES = 100_000
LATEST = 5


def page_queries(place: Engine, event: Event) -> None:
    """What pages/sales.py reads, in the one session in which it reads it."""
    with Session(place.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)) as session:
        figures.figures(session, OPERATOR, event.id)
        comparison.candidates(session, OPERATOR, event.id)
        purchase_list.page_of(session, OPERATOR, event.id, SOLD, per_page=LATEST)


def sum_of_rows(connection: psycopg.Connection, event: Event) -> None:
    connection.execute("SELECT sum(total), count(*) FROM purchases WHERE event_id = %s", [event.id]).fetchone()


def page(_: Path) -> list[Row]:
    """The second row is the page's time beside the other events by its time in a copy of the database without them."""
    event = crowd.event_with(PURCHASES)
    with copied() as address:
        alone = db.engine_for(address, "alone")
        ask_alone = partial(milliseconds, partial(page_queries, alone, event), 40)
        with psycopg.connect(db.libpq_url(alone), autocommit=True) as connection:
            floor, product = by_turns(partial(milliseconds, partial(sum_of_rows, connection, event), 40), ask_alone)
        crowd.the_many()
        without, beside = by_turns(ask_alone, partial(milliseconds, partial(page_queries, db.engine(), event), 40))
        alone.dispose()
    return [
        Row(f"sales page, {PURCHASES:,} purchases", "ms", floor, product, 1.5, less_is_better=True),
        Row(f"the same beside {crowd.MANY:,} others", "ms", without, beside, 1.1, less_is_better=True),
    ]


ROWS = (page,)

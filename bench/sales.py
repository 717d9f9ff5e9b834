"""The sales page: all its queries at 100,000 purchases, alone and beside a million others."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import psycopg

from bench import crowd
from bench.measure import Row, by_turns, milliseconds
from ticketing import comparison, db, purchasers, sales
from ticketing.actors import OPERATOR
from ticketing.models import Event
from ticketing.selection import SOLD

PURCHASES = 100_000
LATEST = 5


def page_queries(event: Event) -> None:
    """What pages/sales.py reads, in the one session in which it reads it."""
    with db.reading() as session:
        sales.figures(session, OPERATOR, event.id)
        comparison.candidates(session, OPERATOR, event.id)
        purchasers.page_of(session, OPERATOR, event.id, SOLD, per_page=LATEST)


def sum_of_rows(connection: psycopg.Connection, event: Event) -> None:
    connection.execute("SELECT sum(total), count(*) FROM purchases WHERE event_id = %s", [event.id]).fetchone()


def page(_: Path) -> list[Row]:
    """The second row is the page's time beside the other events by its time without them."""
    event = crowd.event_with(PURCHASES)
    ask = partial(milliseconds, partial(page_queries, event), 20)
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        floor, alone = by_turns(partial(milliseconds, partial(sum_of_rows, connection, event), 20), ask)
    crowd.the_many()
    _, beside = by_turns(ask, ask)
    return [
        Row(f"sales page, {PURCHASES:,} purchases", "ms", floor, alone, 1.5, less_is_better=True),
        Row(f"the same beside {crowd.MANY:,} others", "ms", alone, beside, 1.1, less_is_better=True),
    ]


ROWS = (page,)

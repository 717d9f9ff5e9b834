"""Run an action in many threads at once, and run naive versions of it on a table without constraints."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import text

from ticketing import db
from ticketing.errors import TicketingError

THREADS = 16


def race(attempts: int, attempt: Callable[[int], Any]) -> list[Any]:
    """Call `attempt` with 0, 1, ... in 16 threads that start together; return each result or TicketingError.

    Any other exception, such as a deadlock, propagates and fails the test.
    """
    start = threading.Barrier(THREADS)

    def run(worker: int) -> list[Any]:
        start.wait(timeout=30)
        outcomes: list[Any] = []
        for number in range(worker, attempts, THREADS):
            try:
                outcomes.append(attempt(number))
            except TicketingError as exc:
                outcomes.append(exc)
        return outcomes

    with ThreadPoolExecutor(THREADS) as pool:
        return [outcome for outcomes in pool.map(run, range(THREADS)) for outcome in outcomes]


def count_by_type(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


class UnconstrainedStock:
    """A table with one row like a package's, without the constraints that would stop a naive version of a sale."""

    def __init__(self, table: str) -> None:
        self.table = table

    def insert_row(self, *, sold: int = 0, max_sold: int | None = None, price: int = 100) -> None:
        row = {"sold": sold, "max_sold": max_sold, "price": price}
        db.write(lambda s: s.execute(text(f"INSERT INTO {self.table} VALUES (:sold, :max_sold, :price, true)"), row))

    def read(self) -> Any:
        with db.read_session() as session:
            return self.read_in(session)

    def read_in(self, session: db.Session) -> Any:
        return session.execute(text(f"SELECT * FROM {self.table}")).one()

    def change(self, session: db.Session, change: str, **values: Any) -> None:
        session.execute(text(f"UPDATE {self.table} SET {change}"), values)

    def race(self, naive: Callable[[int, db.Session, Callable[[], Any]], Any]) -> list[Any]:
        """Run a naive version in 16 threads: each reads, waits at the barrier until all have read, and writes."""
        everyone_has_read = threading.Barrier(THREADS)
        return race(
            THREADS, lambda number: db.write(lambda s: naive(number, s, lambda: everyone_has_read.wait(timeout=30)))
        )

    def race_sales_with_switch_off(self) -> None:
        """Race a naive sale in 15 threads with the one that takes the package off sale, after all have read."""
        is_off = threading.Event()

        def naive(number: int, session: db.Session, wait_for_others: Callable[[], Any]) -> None:
            row = self.read_in(session)
            wait_for_others()
            if number == 0:
                self.change(session, "is_enabled = false")
                session.commit()
                is_off.set()
            elif row.is_enabled:
                assert is_off.wait(timeout=30)
                self.change(session, "sold = sold + 1")

        self.race(naive)

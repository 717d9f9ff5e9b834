"""Concurrent audit entries: every hash chain stays unbroken, and writers never deadlock."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg.errors
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.races.conftest import list_differences
from tests.races.racing import THREADS, race
from tests.support import make
from ticketing import audit, db
from ticketing.actors import OPERATOR
from ticketing.audit import hash_chain
from ticketing.models import AuditChain
from ticketing.ops import verify


def record_entries(session: Session, event: Any, times: int = 1) -> None:
    for _ in range(times):
        audit.record(session, OPERATOR, event.id, "event.looked_at", event)


def count_entries(event: Any) -> int:
    with db.read_session() as session:
        return session.get_one(AuditChain, event.id).entries


def seal_concurrently(event: Any) -> None:
    """Seal in a second transaction after the first has sealed and before it commits."""
    first_has_sealed = threading.Event()

    def second() -> None:
        with Session(db.engine()) as session:
            record_entries(session, event)
            first_has_sealed.wait(timeout=30)
            session.commit()

    with ThreadPoolExecutor(1) as pool, Session(db.engine()) as session:
        record_entries(session, event)
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        waiting = pool.submit(second)
        first_has_sealed.set()
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        session.commit()
        waiting.result(timeout=30)


def test_control_without_a_lock_two_entries_take_the_same_position(empty_database):
    event = make.event()
    with db.engine().begin() as connection:
        definition = connection.scalar(text("SELECT pg_get_functiondef('seal_audit_entries'::regproc)"))
        assert " FOR UPDATE" in definition
        connection.exec_driver_sql(definition.replace(" FOR UPDATE", ""))
    with pytest.raises(IntegrityError, match="pk_audit_seals"):
        seal_concurrently(event)


def test_second_writer_waits_for_the_first(event):
    seal_concurrently(event)
    assert count_entries(event) == 7
    assert list_differences(event) == []


def test_16_writers_in_one_event_leave_an_unbroken_chain(event):
    before = count_entries(event)
    race(THREADS * 8, lambda number: db.write(lambda s: record_entries(s, event, times=1 + number % 3)))
    assert count_entries(event) == before + sum(1 + number % 3 for number in range(THREADS * 8))
    assert list_differences(event) == []


def test_16_writers_in_several_events_in_all_orders_never_deadlock(event, caplog):
    events = [event, *(make.event() for _ in range(3))]
    before = [count_entries(each) for each in events]

    def attempt(number: int) -> None:
        rotated = events[number % 4 :] + events[: number % 4]
        db.write(lambda s: [record_entries(s, each) for each in (rotated if number % 2 else rotated[::-1])])

    race(THREADS * 8, attempt)
    retried_errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [
        one for one in retried_errors if isinstance(getattr(one, "orig", None), psycopg.errors.DeadlockDetected)
    ] == []
    assert [count_entries(each) for each in events] == [number + THREADS * 8 for number in before]
    assert [list_differences(each) for each in events] == [[], [], [], []]


def test_concurrent_first_entries_start_one_chain(empty_database):
    event = make.event()
    race(THREADS, lambda number: db.write(lambda s: audit.record(s, OPERATOR, None, "office.looked_at", event)))
    with db.read_session() as session:
        office, _ = hash_chain.list_heads(session)
        assert (office.event_id, office.entries) == (hash_chain.OFFICE_CHAIN_ID, THREADS)
        assert verify.verify(session) == []

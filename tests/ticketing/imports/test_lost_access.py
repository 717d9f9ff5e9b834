"""An import whose person loses access while it runs is undone."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select, text

from tests.support import make
from tests.support.database_state import get_sold_count
from tests.support.sales_file import read_table, sale, sales_csv
from tests.support.waiting import wait_until
from ticketing import db, imports
from ticketing.access import sessions, staff
from ticketing.actors import OPERATOR
from ticketing.errors import NotAllowed, NotFound, NotSignedIn
from ticketing.imports.store import CHUNK_SIZE
from ticketing.models import Donor, ImportBatch, Purchase, Staff


@pytest.fixture
def package(event):
    return make.package(event, name="Table")


@pytest.fixture
def seller(event):
    return make.staff("coordinator", event)


def deactivate(session, seller, event):
    staff.deactivate(session, OPERATOR, seller.staff_id)


def unassign(session, seller, event):
    staff.update(session, OPERATOR, seller.staff_id, {}, seen_version=None, unassign=(event.id,))


def make_viewer(session, seller, event):
    staff.update(session, OPERATOR, seller.staff_id, {"role": "viewer"}, seen_version=None)


def end_session(session, seller, event):
    sessions.end_all_unchecked(session, seller.staff_id)


@pytest.mark.parametrize("chunks", [1, 2])
@pytest.mark.parametrize(
    ("lose_access", "error"),
    [(deactivate, NotSignedIn), (unassign, NotFound), (make_viewer, NotAllowed), (end_session, NotSignedIn)],
)
def test_import_is_undone_when_its_person_loses_access(event, package, seller, lose_access, error, chunks):
    rows = 1 + (chunks - 1) * CHUNK_SIZE
    table = read_table("sales.csv", sales_csv(*(sale(package) for _ in range(rows))))
    reports = []

    def lose_access_after_the_first_chunk(stored, total):
        if not reports:
            db.write(lambda session: lose_access(session, seller, event))
        reports.append(stored)

    with pytest.raises(error):
        db.write(
            lambda session: imports.run(
                session, seller, event.id, "sales.csv", table, progress=lose_access_after_the_first_chunk
            )
        )

    assert reports == [min(rows, CHUNK_SIZE)]
    assert count_stored(event) == [0, 0, 0]
    assert get_sold_count(package) == 0


def test_deactivation_waits_for_an_import_that_is_about_to_commit(event, package, seller):
    table = read_table("sales.csv", sales_csv(sale(package)))
    deactivation = threading.Thread(
        target=lambda: db.write(lambda session: staff.deactivate(session, OPERATOR, seller.staff_id))
    )

    def work(session):
        imports.run(session, seller, event.id, "sales.csv", table)
        deactivation.start()
        wait_until(lambda: count_waiting_statements() == 1, seconds=10)

    db.write(work)
    deactivation.join(10)

    assert count_stored(event) == [1, 1, 1]
    with db.read_session() as session:
        assert not session.scalar(select(Staff.is_active).where(Staff.id == seller.staff_id))


def count_stored(event):
    """Return the number of purchases, donors and imports of the event."""
    with db.read_session() as session:
        return [
            session.scalar(select(func.count()).where(each.event_id == event.id))
            for each in (Purchase, Donor, ImportBatch)
        ]


def count_waiting_statements():
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with db.read_session() as session:
        return session.scalar(waiting)

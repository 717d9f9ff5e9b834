"""Rows that are formatted for COPY here, and donors that sales create at the same time."""

from __future__ import annotations

import threading

from psycopg.pq import TransactionStatus
from sqlalchemy import select, text

from tests.support import make
from tests.support.import_screen import list_purchases
from tests.support.sales_file import run_import, sale, sales_csv
from tests.support.waiting import wait_until
from ticketing import db
from ticketing.imports import bulk_copy
from ticketing.models import Donor


def test_text_that_copy_would_read_differently_is_kept(event):
    package = make.package(event)
    row = sale(
        package,
        purchaser_name="\\N",
        notes='tab\there, \\t and \\\\, "quoted"\nsecond line\\',
        external_sale_id="C:\\new\\.",
        purchaser_phone="\\.",
    )
    run_import(event, sales_csv(row))
    [stored] = list_purchases(event)
    assert {name: getattr(stored, name) for name in ("purchaser_name", "notes", "external_sale_id")} == {
        name: row[name] for name in ("purchaser_name", "notes", "external_sale_id")
    }
    assert stored.purchaser_phone == "\\."


def test_every_special_character_of_copy_is_escaped():
    characters = "\b\f\n\r\t\v\\"
    assert bulk_copy.escape(characters) == r"\b\f\n\r\t\v\\"
    with db.read_session() as session:
        assert session.scalar(text(f"SELECT E'{bulk_copy.escape(characters)}'")) == characters
    assert (bulk_copy.escape(None), bulk_copy.escape("")) == ("\\N", "")


def test_rows_may_query_the_database_since_copy_begins_after_them():
    def work(session):
        connection = session.connection().connection.driver_connection
        session.execute(text("CREATE TEMPORARY TABLE numbers (number int) ON COMMIT DROP"))

        def count_up():
            for number in range(3000):
                assert connection.info.transaction_status == TransactionStatus.INTRANS  # not ACTIVE, as during COPY
                yield (str(number),)

        bulk_copy.copy_rows(session, "numbers", ("number",), count_up())
        return session.scalar(text("SELECT sum(number) FROM numbers"))

    assert db.write(work) == sum(range(3000))


def test_donor_of_a_sale_at_the_same_time_is_the_donor_of_the_import(event):
    package, other, address = make.package(event), make.package(event), make.email()
    content = sales_csv(sale(package, purchaser_email=address, purchaser_phone="555"), sale(package))
    running = threading.Thread(target=run_import, args=(event, content))

    def buy(session):
        session.execute(
            text(
                "INSERT INTO donors (id, event_id, email, email_key, name) VALUES (:id, :event, :email, :email, 'Bo')"
            ),
            {"id": other.id, "event": event.id, "email": address},
        )
        running.start()
        wait_until(lambda: _is_copying(event), seconds=10)

    db.write(buy)
    running.join(20)

    assert len(list_purchases(event)) == 2
    with db.read_session() as session:
        donors = session.scalars(select(Donor).where(Donor.event_id == event.id)).all()
    assert {donor.email_key: (donor.name, donor.phone) for donor in donors if donor.email == address} == {
        address: ("Bo", "555")
    }
    assert len(donors) == 2


def _is_copying(event) -> bool:
    """Return whether the COPY of donors waits for the other transaction."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'COPY \"donors\"%'"
    with db.read_session() as session:
        return bool(session.scalar(text(waiting)))

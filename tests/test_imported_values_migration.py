"""Migration 0008: imported sales get the buyer that they have now and their first status, to compare files with."""

import uuid

import pytest
from sqlalchemy import text

from tests.support import every_table
from tests.support.sales_file import check_import, list_problem_cells, sale, sales_csv
from ticketing import db
from ticketing.db import migrations
from ticketing.models import Event

pytestmark = pytest.mark.system  # migrates a database of its own

EVENT = uuid.UUID("01a207b2-b02d-710f-ba15-1a059629fb52")
INSERT_EVENT = """
    INSERT INTO events (id, name, starts_at, time_zone, venue, version)
    VALUES (:event, 'Gala', '2026-12-05T23:00Z', 'America/New_York', 'Pier 4', 1);
    INSERT INTO packages (id, event_id, name, name_key, price, seats_per_package, description, is_sponsorship,
        is_enabled, display_order, sold_count, sales_version, options_version, version, time_zone)
    VALUES (:event, :event, 'Seat', 'seat', 100, 1, 'One seat.', false, true, 1, 0, 0, 0, 1, 'America/New_York');
    INSERT INTO import_batches (id, event_id, imported_by, file_name, rows_imported, rows_skipped)
    VALUES (:event, :event, 'Ana', 'one.csv', 1, 0)
"""
INSERT_SALE = """
    INSERT INTO donors (id, event_id, email, email_key, name)
    VALUES (:id, :event, :number || '@Example.org', lower(:number || '@Example.org'), 'Ana Ruiz');
    INSERT INTO orders (id, event_id, number, donor_id) VALUES (:id, :event, :number, :id);
    INSERT INTO purchases (id, event_id, order_id, line_number, package_id, quantity, unit_price, seats_per_package,
        list_price, discount, total, payment_status, channel, purchaser_name, purchaser_email, purchased_at,
        external_sale_id, import_batch_id, voided_at, void_reason)
    VALUES (:id, :event, :id, 1, :event, 1, 100, 1, 100, 0, 100, :status,
        CASE WHEN :imported THEN 'import' ELSE 'cash' END, 'Ana Ruiz', :number || '@Example.org', now(),
        CASE WHEN :imported THEN :number END, CASE WHEN :imported THEN CAST(:event AS uuid) END,
        CASE WHEN :status = 'voided' THEN now() END, CASE WHEN :status = 'voided' THEN 'Twice' END);
    INSERT INTO audit_log (event_id, actor, via, action, subject_type, subject_id, subject_name, field, old_value,
        new_value, change_id)
    SELECT :event, 'Ana', 'app', CASE WHEN :status = 'voided' THEN 'purchase.voided' ELSE 'purchase.status_changed' END,
        'purchase', :id, 'Ana', 'payment_status', to_jsonb(CAST(:before AS text)), to_jsonb(CAST(:status AS text)),
        gen_random_uuid()
    WHERE :before <> ''
"""


def insert_sale(number, status, *, imported=True, before=""):
    values = {"id": uuid.uuid4(), "event": EVENT, "number": number, "status": status, "imported": imported}
    with db.engine().begin() as connection:
        for statement in INSERT_SALE.split(";"):
            used = {name: value for name, value in (values | {"before": before}).items() if f":{name}" in statement}
            connection.execute(text(statement), used)


def test_imported_sales_are_compared_with_what_is_stored_at_the_upgrade(database_without_schema):
    every_table.migrate_to("0007")
    with db.engine().begin() as connection:
        for statement in INSERT_EVENT.split(";"):
            connection.execute(text(statement), {"event": EVENT})
    insert_sale("AAAAAA", "completed")
    insert_sale("BBBBBB", "refunded", before="completed")
    insert_sale("CCCCCC", "voided", before="pending")
    insert_sale("DDDDDD", "voided")  # by the undo of an import, which has one entry for all
    insert_sale("EEEEEE", "completed", imported=False)
    migrations.migrate()
    with db.read_session() as session:
        rows = session.execute(
            text("SELECT external_sale_id, imported_email_key, imported_status FROM purchases ORDER BY purchaser_email")
        ).all()
        batch = session.execute(text("SELECT id_prefix, header_hash, statuses_changed FROM import_batches")).one()
        event = session.get(Event, EVENT)
    assert [tuple(row) for row in rows] == [
        ("AAAAAA", "aaaaaa@example.org", "completed"),
        ("BBBBBB", "bbbbbb@example.org", "completed"),
        ("CCCCCC", "cccccc@example.org", "pending"),
        ("DDDDDD", "dddddd@example.org", "completed"),
        (None, None, None),
    ]
    assert tuple(batch) == ("", None, 0)
    same = sale("Seat", external_sale_id="AAAAAA", purchaser_email="aaaaaa@example.org")
    other = sale("Seat", external_sale_id="BBBBBB", purchaser_email="eve@example.org")
    checked = check_import(event, sales_csv(same, other))
    assert (list_problem_cells(checked), checked.to_skip) == ([(3, "external_sale_id")], 1)

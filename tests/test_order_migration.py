"""Migration 0005: each purchase becomes a line of an order; promo uses and idempotency keys move to the order."""

import time
import uuid
from datetime import datetime

import pytest
from sqlalchemy import text

from tests.support import every_table, make
from ticketing import db
from ticketing.db import migrations
from ticketing.errors import IdempotencyMismatch
from ticketing.models import Event, Package
from ticketing.ops import verify
from ticketing.validation import email_key

pytestmark = pytest.mark.system  # migrates databases of its own

EVENT = uuid.UUID("01a207b2-b02d-710f-ba15-1a059629fb52")
DINNER, PARTY = uuid.UUID("01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"), uuid.UUID("01a207b3-5c12-7a11-9d3e-2b7c4e5f6a01")
BATCHES = (uuid.UUID(int=1), uuid.UUID(int=2))
# What version 0004 stored for the request of `test_idempotency_key_from_before_still_replays`.
STORED_HASH = "b7a425fcfccd24e3d66fed2a5c94168b63525c552737d0b851062f1e0d050f00"

INSERT_EVENT = """
    INSERT INTO events (id, name, starts_at, time_zone, venue, version)
    VALUES (:event, 'Gala', '2026-12-05T23:00Z', 'America/New_York', 'Pier 4', 1);
    INSERT INTO packages (id, event_id, name, name_key, price, seats_per_package, description, is_sponsorship,
        is_enabled, display_order, sold_count, sales_version, options_version, version)
    VALUES (:dinner, :event, 'Dinner', 'dinner', 100, 1, 'One seat.', false, true, 1, 0, 0, 0, 1),
        (:party, :event, 'Party', 'party', 80, 1, 'One seat.', false, true, 2, 0, 0, 0, 1);
    INSERT INTO promo_codes (id, event_id, code, discount_type, discount_value, is_active, current_uses, version)
    VALUES (:event, :event, 'TENOFF', 'fixed_amount', 10, true, 0, 1);
    INSERT INTO import_batches (id, event_id, imported_by, file_name, rows_imported, rows_skipped)
    VALUES ('00000000-0000-0000-0000-000000000001', :event, 'Ana', 'one.csv', 1, 0),
        ('00000000-0000-0000-0000-000000000002', :event, 'Ana', 'two.csv', 1, 0)
"""
INSERT_SALE = """
    INSERT INTO donors (id, event_id, email, email_key, name) VALUES (:id, :event, :email, :mail_key, 'Ana Ruiz')
    ON CONFLICT (event_id, email_key) DO NOTHING;
    INSERT INTO purchases (id, event_id, package_id, donor_id, quantity, unit_price, seats_per_package, list_price,
        discount, total, promo_code_id, payment_status, channel, purchaser_name, purchaser_email, notes, purchased_at,
        external_sale_id, import_batch_id, idempotency_key, request_hash)
    SELECT :id, :event, packages.id, donors.id, :quantity, price, 1, price * :quantity, off, price * :quantity - off,
        CASE WHEN :code THEN CAST(:event AS uuid) END, :status,
        CASE WHEN CAST(:batch AS uuid) IS NULL THEN 'online' ELSE 'import' END, 'Ana Ruiz', :email, 'At the door',
        TIMESTAMPTZ '2026-06-01T12:00Z' + :place * INTERVAL '1 hour', :external, CAST(:batch AS uuid), :key,
        decode(:hash, 'hex')
    FROM donors, packages, (SELECT CASE WHEN :code THEN 10 ELSE 0 END AS off) AS discounted
    WHERE packages.id = :package AND donors.event_id = :event AND email_key = :mail_key;
    INSERT INTO promo_uses (purchase_id, event_id, promo_code_id, donor_id, discount, used_at, given_back_at)
    SELECT id, event_id, promo_code_id, donor_id, discount, purchased_at,
        CASE WHEN :status = 'refunded' THEN purchased_at + INTERVAL '1 day' END
    FROM purchases WHERE id = :id AND promo_code_id IS NOT NULL;
    INSERT INTO assigned_tickets (id, event_id, purchase_id, seat_number, code)
    SELECT gen_random_uuid(), :event, :id, seat,
        translate(upper(substr(md5(CAST(:id AS text) || seat), 1, 8)), '01', 'XY')
    FROM generate_series(1, :quantity) AS seat;
    UPDATE packages SET sold_count = sold_count + :quantity WHERE id = :package AND :status <> 'refunded';
    UPDATE promo_codes SET current_uses = current_uses + 1 WHERE id = :event AND :code AND :status <> 'refunded'
"""


def run_sql(statements, **values):
    with db.engine().begin() as connection:
        for statement in statements.split(";"):
            connection.execute(
                text(statement), {name: value for name, value in values.items() if f":{name}" in statement}
            )


def read(sql):
    with db.read_session() as session:
        return [tuple(row) for row in session.execute(text(sql))]


def insert_sale(place, package=DINNER, *, number=None, external=None, batch=None, **fields):
    """Insert a purchase as version 0004 stored it; `number` is a seller's order number of several packages."""
    values = {
        "email": "ana@example.org",
        "quantity": 1,
        "code": False,
        "status": "completed",
        "key": None,
        "hash": None,
    }
    if number is not None:
        external, batch = f"{number}/{package.hex[-8:]}", batch or BATCHES[0]
    values |= {"place": place, "package": package, "external": external, "batch": batch}
    values |= fields
    run_sql(INSERT_SALE, id=uuid.UUID(int=2**100 + place), event=EVENT, mail_key=email_key(values["email"]), **values)


@pytest.fixture
def gala(database_without_schema):
    """An event with two packages and a promo code in the first schema."""
    every_table.migrate_to("0001")
    run_sql(INSERT_EVENT, event=EVENT, dinner=DINNER, party=PARTY)


def migrate():
    """Migrate to the revision before, and then to the one that makes orders."""
    every_table.migrate_to("0004")
    migrations.migrate()
    with db.read_session() as session:
        assert verify.verify(session) == []


def list_orders():
    """Return what each order has: the places of its purchases in the order of its lines."""
    return read("""
        SELECT array_agg(CAST(EXTRACT(EPOCH FROM purchased_at - '2026-06-01T12:00Z') / 3600 AS int)
            ORDER BY line_number)
        FROM purchases GROUP BY order_id ORDER BY 1
    """)


def test_each_sale_made_here_becomes_an_order_of_one_line(gala):
    for place in range(1, 4):
        insert_sale(place, code=place == 3, key=f"key-{place}" if place < 3 else None, hash="ab" if place < 3 else None)
    insert_sale(4, external="EB-1", batch=BATCHES[0])
    insert_sale(5, external="EB-2", batch=BATCHES[0])
    migrate()

    assert list_orders() == [([place],) for place in range(1, 6)]
    assert read("SELECT DISTINCT line_number, leads_order FROM purchases") == [(1, True)]
    assert read("SELECT idempotency_key, request_hash FROM orders WHERE idempotency_key IS NOT NULL ORDER BY 1") == [
        ("key-1", b"\xab"),
        ("key-2", b"\xab"),
    ]
    assert read("SELECT count(*), count(DISTINCT number), count(DISTINCT donor_id) FROM orders") == [(5, 5, 1)]
    assert read("SELECT sum(orders), sum(purchases) FROM daily_sales") == [(5, 5)]
    with db.read_session() as session:
        event, dinner = session.get_one(Event, EVENT), session.get_one(Package, DINNER)
    assert len(make.order(event, dinner, make.package(event)).lines) == 2


def test_purchases_with_one_number_in_one_import_become_one_order(gala):
    insert_sale(1, number="R1", code=True)
    insert_sale(2, PARTY, number="R1", code=True, email="Ana@Example.org")
    insert_sale(3, number="R2")
    insert_sale(4, PARTY, number="R2", email="ben@example.org")  # another buyer
    insert_sale(5, number="R3", code=True)
    insert_sale(6, PARTY, number="R3")  # without the code
    insert_sale(7, number="R4")
    insert_sale(8, PARTY, number="R4", batch=BATCHES[1])  # another import
    insert_sale(9, number="R5", status="refunded")
    insert_sale(10, PARTY, number="R5")
    insert_sale(11, number="R6", status="refunded")
    insert_sale(12, PARTY, number="R6", status="refunded")
    migrate()

    assert list_orders() == [([1, 2],), ([3],), ([4],), ([5, 6],), ([7],), ([8],), ([9, 10],), ([11, 12],)]
    leading = "SELECT payment_status, leads_order FROM purchases WHERE external_sale_id > 'R5' ORDER BY purchased_at"
    assert read(leading) == [("refunded", True), ("completed", True), ("refunded", True), ("refunded", False)]
    assert read(
        "SELECT payment_status, sum(orders)::int, sum(purchases)::int FROM daily_sales GROUP BY 1 ORDER BY 1"
    ) == [
        ("completed", 7, 9),
        ("refunded", 2, 3),
    ]


def test_uses_of_a_code_are_counted_once_for_each_order(gala):
    insert_sale(1, number="R1", code=True)
    insert_sale(2, PARTY, number="R1", code=True)
    insert_sale(3, number="R2", code=True, status="refunded")
    insert_sale(4, PARTY, number="R2", code=True)
    insert_sale(5, number="R3", code=True, status="refunded")
    insert_sale(6, PARTY, number="R3", code=True, status="refunded")
    insert_sale(7, code=True)
    assert read("SELECT current_uses FROM promo_codes") == [(4,)]
    migrate()

    assert read("SELECT current_uses FROM promo_codes") == [(3,)]
    uses = read("""
        SELECT min(line.external_sale_id), used_at = min(line.purchased_at), given_back_at - min(line.purchased_at)
        FROM promo_uses JOIN purchases AS line USING (order_id) GROUP BY order_id, used_at, given_back_at ORDER BY 1
    """)
    assert [
        (external and external[:2], first, back and back.total_seconds() / 3600) for external, first, back in uses
    ] == [
        ("R1", True, None),
        ("R2", True, None),
        ("R3", True, 25.0),  # a day after the later of the two
        (None, True, None),
    ]


def test_idempotency_key_from_before_still_replays(gala):
    insert_sale(1, quantity=2, key="click", hash=STORED_HASH)
    migrate()
    with db.read_session() as session:
        event, dinner = session.get_one(Event, EVENT), session.get_one(Package, DINNER)
    fields = {"donor_email": "ana@example.org", "idempotency_key": "click", "notes": "At the door"}

    again = make.purchase(event, dinner, quantity=2, **fields)

    assert (again.is_repeat, again.purchase.id) == (True, uuid.UUID(int=2**100 + 1))
    with pytest.raises(IdempotencyMismatch):
        make.purchase(event, dinner, quantity=1, **fields)
    assert read("SELECT sold_count FROM packages WHERE name = 'Dinner'") == [(2,)]
    assert isinstance(again.purchase.purchased_at, datetime)


# Half of the purchases are sold here, one in ten with the code; the others are orders of two packages of one import.
INSERT_MANY = """
    SET LOCAL statement_timeout = 0;
    INSERT INTO donors (id, event_id, email, email_key, name)
    SELECT md5(n::varchar)::uuid, :event, n || '@example.org', n || '@example.org', 'José Łuk'
    FROM generate_series(1, :number / 2) AS n;
    INSERT INTO purchases (id, event_id, package_id, donor_id, quantity, unit_price, seats_per_package, list_price,
        discount, total, promo_code_id, payment_status, channel, purchaser_name, purchaser_email, purchased_at,
        external_sale_id, import_batch_id, idempotency_key, request_hash)
    SELECT md5('p' || n)::uuid, :event, CASE WHEN n % 2 = 0 THEN CAST(:dinner AS uuid) ELSE CAST(:party AS uuid) END,
        md5((n / 2)::varchar)::uuid, 1, 100, 1, 100, off, 100 - off,
        CASE WHEN off > 0 THEN CAST(:event AS uuid) END, 'completed', CASE WHEN is_here THEN 'cash' ELSE 'import' END,
        'José Łuk', n / 2 || '@example.org', TIMESTAMPTZ '2026-06-01T12:00Z' + n * INTERVAL '1 second',
        CASE WHEN NOT is_here THEN n / 2 || '/' || CASE WHEN n % 2 = 0 THEN :dinner_end ELSE :party_end END END,
        CASE WHEN NOT is_here THEN CAST('00000000-0000-0000-0000-000000000001' AS uuid) END,
        CASE WHEN is_here THEN 'key ' || n END, CASE WHEN is_here THEN '\\xab'::bytea END
    FROM generate_series(2, :number + 1) AS n,
        LATERAL (SELECT n <= :number / 2 + 1 AS is_here, CASE WHEN n % 10 = 0 THEN 10 ELSE 0 END AS off) AS sold;
    INSERT INTO promo_uses (purchase_id, event_id, promo_code_id, donor_id, discount, used_at)
    SELECT id, event_id, promo_code_id, donor_id, discount, purchased_at FROM purchases WHERE promo_code_id IS NOT NULL;
    ANALYZE
"""
NUMBER = 40_000
MAX_SECONDS = 60


def test_large_table_is_migrated_in_a_minute(gala):
    ends = {"dinner_end": DINNER.hex[-8:], "party_end": PARTY.hex[-8:]}
    run_sql(INSERT_MANY, event=EVENT, dinner=DINNER, party=PARTY, number=NUMBER, **ends)
    every_table.migrate_to("0004")

    started = time.perf_counter()
    migrations.migrate()

    assert time.perf_counter() - started < MAX_SECONDS
    imported = NUMBER // 4
    assert read("SELECT count(*), count(DISTINCT number) FROM orders") == [(NUMBER // 2 + imported,) * 2]
    assert read("SELECT count(*), sum(CAST(leads_order AS int)) FROM purchases") == [(NUMBER, NUMBER // 2 + imported)]
    assert read("SELECT sum(orders) FROM daily_sales") == [(NUMBER // 2 + imported,)]
    assert read("SELECT current_uses FROM promo_codes") == [(NUMBER // 10,)]
    assert read("SELECT count(*) FROM orders WHERE idempotency_key IS NOT NULL") == [(NUMBER // 2,)]

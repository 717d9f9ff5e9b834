"""The migration to keys of package names without invisible characters (0006), on a database of the revision before."""

import uuid

import pytest
from sqlalchemy import text

from tests.support import every_table
from ticketing import db
from ticketing.db import migrations

pytestmark = pytest.mark.system  # migrates a database of its own

INSERT_EVENT = """
    INSERT INTO events (id, name, starts_at, time_zone, venue, version)
    VALUES (:event, 'Gala', '2026-12-05T23:00Z', 'America/New_York', 'Pier 4', 1)
"""
INSERT_PACKAGE = """
    INSERT INTO packages (id, event_id, name, name_key, price, seats_per_package, description, is_sponsorship,
        is_enabled, display_order, sold_count, sales_version, options_version, version)
    VALUES (gen_random_uuid(), :event, :name, :key, 100, 1, 'One seat.', false, true, :place, 0, 0, 0, 1)
"""


def test_keys_lose_invisible_characters_unless_another_package_has_the_key(database_without_schema, caplog):
    every_table.migrate_to("0001")
    event = uuid.uuid4()
    names = ["VIP", "VIP\u200b", "Ta\u00adble", "Zo\u00eb", "\u0645\u06cc\u200c\u062e"]
    with db.engine().begin() as connection:
        connection.execute(text(INSERT_EVENT), {"event": event})
        for place, name in enumerate(names):
            values = {"event": event, "name": name, "key": name.casefold(), "place": place + 1}
            connection.execute(text(INSERT_PACKAGE), values)
    every_table.migrate_to("0005")
    migrations.migrate()
    with db.read_session() as session:
        rows = session.execute(text("SELECT name, name_key FROM packages ORDER BY display_order")).all()
    assert [tuple(row) for row in rows] == [
        ("VIP", "vip"), ("VIP\u200b", "vip\u200b"), ("Ta\u00adble", "table"), ("Zo\u00eb", "zo\u00eb"),
        (names[4], "\u0645\u06cc\u062e"),
    ]  # fmt: skip
    assert "differs from another one only by invisible characters" in caplog.text

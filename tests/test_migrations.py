"""Migrations from every revision, concurrent starts, and schemas that do not fit."""

import asyncio
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.event import listen
from sqlalchemy.exc import ProgrammingError

import app
from tests.support import every_table, make
from tests.support.server import run_server
from tests.support.waiting import wait_until
from ticketing import cli as command_line
from ticketing import db
from ticketing.audit import hash_chain
from ticketing.db import migrations
from ticketing.models import Base
from ticketing.ops import verify
from ticketing.settings import ROOT

pytestmark = pytest.mark.system  # migrates databases of its own

SCRIPTS = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
OLDER_REVISIONS = sorted(script.revision for script in SCRIPTS.walk_revisions() if not script.is_head)
OLDEST_REVISION = SCRIPTS.get_base()
WAITING_MESSAGE = "This database is being migrated, backed up or restored by another process; waiting for its end."


def get_head_revision():
    return SCRIPTS.get_current_head()


def list_versions():
    with db.read_session() as session:
        return session.scalars(text("SELECT version_num FROM alembic_version")).all()


def list_tables():
    with db.engine().connect() as connection:
        return set(inspect(connection).get_table_names())


def test_empty_database_gets_every_table(database_without_schema):
    assert list_tables() == set()
    migrations.migrate()
    assert list_tables() == set(Base.metadata.tables) | {"alembic_version"}
    assert list_versions() == [get_head_revision()]
    make.purchase(event := make.event(), make.package(event))


def test_migrating_twice_changes_nothing(database_without_schema):
    migrations.migrate()
    event = make.event()
    migrations.migrate()
    assert list_versions() == [get_head_revision()]
    assert make.package(event).display_order == 1


def test_concurrent_servers_migrate_one_after_the_other(database_without_schema):
    def start(_):
        return subprocess.run(
            [sys.executable, "-c", "from ticketing.db import migrations; migrations.migrate()"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )

    with ThreadPoolExecutor(2) as pool:
        finished = list(pool.map(start, range(2)))
    assert [done.returncode for done in finished] == [0, 0]
    assert {done.stderr.partition("\n")[0] for done in finished} <= {"", WAITING_MESSAGE}
    assert list_versions() == [get_head_revision()]


@pytest.fixture
def short_limits():
    """Limit every statement and lock to 100 ms, on all connections opened afterwards."""

    def set_limits(connection, _):
        connection.execute("SET statement_timeout = '100ms'; SET lock_timeout = '100ms'")
        connection.commit()

    listen(db.engine(), "connect", set_limits)


def test_server_waits_for_a_migration_beyond_its_lock_timeout(database_without_schema, short_limits, caplog):
    with psycopg.connect(db.libpq_url()) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [migrations.MIGRATION_LOCK_KEY])
        migrating = pool.submit(migrations.migrate)
        with pytest.raises(TimeoutError):
            migrating.result(timeout=0.5)
        assert list_tables() == set()
        assert WAITING_MESSAGE in caplog.text
        other.rollback()
        migrating.result(timeout=30)
    assert list_versions() == [get_head_revision()]


def test_migration_is_not_limited_by_the_statement_timeout(database_without_schema, short_limits):
    every_table.migrate_to(OLDEST_REVISION)
    with psycopg.connect(db.libpq_url()) as other, ThreadPoolExecutor(1) as pool:
        other.execute("LOCK TABLE purchases IN ACCESS SHARE MODE")
        migrating = pool.submit(migrations.migrate)
        with pytest.raises(TimeoutError):
            migrating.result(timeout=0.5)
        other.rollback()
        migrating.result(timeout=30)
    assert list_versions() == [get_head_revision()]


def test_migration_retries_while_a_table_is_in_use(database_without_schema, monkeypatch, caplog):
    """A waiting migration blocks other transactions, so it releases all locks before it tries again."""
    monkeypatch.setattr(migrations, "TABLE_LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrations, "RETRY_SECONDS", 0.05)
    every_table.migrate_to(OLDEST_REVISION)
    before = list_tables()
    with psycopg.connect(db.libpq_url()) as other, ThreadPoolExecutor(1) as pool:
        other.execute("LOCK TABLE purchases IN ACCESS SHARE MODE")
        migrating = pool.submit(migrations.migrate)
        wait_until(lambda: caplog.text.count("is in use by another connection; trying again") >= 3)
        assert (list_versions(), list_tables()) == ([OLDEST_REVISION], before)
        other.rollback()
        migrating.result(timeout=30)
    assert list_versions() == [get_head_revision()]


def test_failed_migration_is_rolled_back(database_without_schema):
    every_table.migrate_to(OLDEST_REVISION)
    with psycopg.connect(db.libpq_url()) as other:
        other.execute("CREATE TABLE audit_seals ()")  # migration 0003 creates it
    before = every_table.dump_schema()

    with pytest.raises(ProgrammingError, match="audit_seals"):
        migrations.migrate()

    assert list_versions() == [OLDEST_REVISION]
    assert every_table.dump_schema() == before


def test_connection_keeps_its_limits_after_a_migration(database_without_schema):
    migrations.migrate()
    with db.engine().connect() as connection:
        limits = [connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout")]
    assert limits == ["30s", "10s"]


def test_server_started_during_a_migration_waits_and_then_serves(database_without_schema, tmp_path):
    with psycopg.connect(db.libpq_url()) as other, ThreadPoolExecutor(1) as pool, ExitStack() as open_:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [migrations.MIGRATION_LOCK_KEY])
        starting = pool.submit(open_.enter_context, run_server(database_without_schema, tmp_path))
        log = tmp_path / "server.log"
        wait_until(lambda: log.exists() and WAITING_MESSAGE in log.read_text())
        assert list_tables() == set()
        other.rollback()
        server = starting.result(timeout=60)
        assert httpx.get(f"{server.url}/healthz", timeout=10).json()["schema"] == "current"


def get_state():
    with db.read_session() as session:
        return migrations.state(session)


def test_schema_is_missing_outdated_or_current(database_without_schema):
    assert get_state() == "missing"
    every_table.migrate_to(OLDEST_REVISION)
    assert get_state() == "outdated"
    migrations.migrate()
    assert get_state() == "current"


def test_newer_schema_is_named_and_stops_the_start(empty_database, capsys, caplog):
    db.write(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    sentence = (
        f"The database has a newer schema (9999) than this version of Ticket Desk knows ({get_head_revision()}). "
        "Start the newer version, or restore the backup from before the upgrade."
    )
    assert get_state() == "newer"

    assert command_line.main(["migrate"]) == 1
    assert capsys.readouterr().err == f"{sentence}\n"

    async def start():
        with pytest.raises(migrations.NewerSchema):
            async with app.lifespan(app.app):
                pytest.fail("the server started")
        await asyncio.Event().wait()  # the exit comes from the event loop

    with pytest.raises(SystemExit, match="2"):
        asyncio.run(start())
    assert f"Ticket Desk does not start. {sentence}" in caplog.messages
    assert list_versions() == ["9999"]


def test_migrations_lead_to_the_models(empty_database):
    with db.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_alembic_check_finds_nothing_to_do(empty_database):
    command.check(Config(ROOT / "alembic.ini"))


def test_migrations_have_one_head():
    assert len(SCRIPTS.get_heads()) == 1


def list_moved_values():
    """Return donor, idempotency key and hash of each purchase, which its order has since 0005."""
    owner = "purchases" if "donor_id" in every_table.columns()["purchases"] else "orders"
    joined = "purchases" if owner == "purchases" else "purchases JOIN orders ON orders.id = order_id"
    values = f"SELECT purchases.id, {owner}.donor_id, {owner}.idempotency_key, {owner}.request_hash FROM {joined}"
    with db.read_session() as session:
        return sorted(map(tuple, session.execute(text(values))))


@pytest.mark.parametrize("revision", OLDER_REVISIONS)
def test_migration_from_every_version_keeps_all_rows(revision, every_row, database_without_schema):
    """Each table has rows, copied from the current schema; `verify` checks the result.

    Compared are the columns that still exist, and what moved from purchases to their orders.
    """
    every_table.migrate_to(revision)
    every_table.copy_rows_from(every_row)
    kept = every_table.list_kept_columns()
    before, moved = every_table.rows(kept), list_moved_values()
    assert [table for table, rows in before.items() if not rows] == []

    migrations.migrate()

    with db.read_session() as session:
        assert verify.verify(session) == []
    assert every_table.rows(kept) == before
    assert list_moved_values() == moved
    event = make.event()
    make.purchase(event, make.package(event))
    with db.read_session() as session:
        assert verify.verify(session) == []


INSERT_OLD_ROWS = """
    INSERT INTO events (id, name, starts_at, time_zone, venue, version) VALUES
        (:here, 'Gala', '2026-12-05T23:00Z', 'America/New_York', 'Pier 4', 1),
        (:there, 'Golf', '2026-12-05T23:00Z', 'Pacific/Auckland', 'Links', 1);
    INSERT INTO packages (id, event_id, name, name_key, price, seats_per_package, description, is_sponsorship,
        is_enabled, display_order, sold_count, sales_version, options_version, version)
    SELECT id, id, 'Table', 'table', 100, 3, 'Three seats.', false, true, 1, 4, 0, 0, 1 FROM events;
    INSERT INTO promo_codes (id, event_id, code, discount_type, discount_value, is_active, current_uses, version)
    SELECT id, id, 'TENOFF', 'fixed_amount', 10, true, 1, 1 FROM events;
    INSERT INTO donors (id, event_id, email, email_key, name) SELECT id, id, 'a@b.co', 'a@b.co', 'José' FROM events;
    INSERT INTO purchases (id, event_id, package_id, donor_id, quantity, unit_price, seats_per_package, list_price,
        discount, total, promo_code_id, payment_status, channel, purchaser_name, purchaser_email, purchased_at,
        voided_at, void_reason)
    SELECT gen_random_uuid(), event.id, event.id, event.id, sold.quantity, 100, 3, 100 * sold.quantity, sold.discount,
        100 * sold.quantity - sold.discount, CASE WHEN sold.discount > 0 THEN event.id END, sold.status, 'cash',
        'José Łuk', 'A@b.co', sold.moment, CASE WHEN sold.status = 'voided' THEN now() END,
        CASE WHEN sold.status = 'voided' THEN 'Twice' END
    FROM events AS event CROSS JOIN (VALUES
        (1, 0, 'completed', TIMESTAMPTZ '2026-06-02T03:59Z'), (1, 0, 'completed', '2026-06-02T04:00Z'),
        (1, 10, 'completed', '2026-06-02T04:00Z'), (1, 0, 'pending', '2026-06-02T12:00Z'),
        (2, 0, 'voided', '2026-06-02T12:00Z')
    ) AS sold(quantity, discount, status, moment);
    INSERT INTO promo_uses (purchase_id, event_id, promo_code_id, donor_id, discount, used_at)
    SELECT id, event_id, promo_code_id, donor_id, discount, purchased_at FROM purchases WHERE discount > 0;
    INSERT INTO assigned_tickets (id, event_id, purchase_id, seat_number, code, guest_name)
    SELECT gen_random_uuid(), event_id, purchase.id, seat,
        translate(upper(substr(md5(purchase.id::text || seat), 1, 8)), '01', 'XY'),
        CASE WHEN seat <= 2 AND payment_status = 'pending' THEN 'Zoë' END
    FROM purchases AS purchase, generate_series(1, quantity * seats_per_package) AS seat
"""


def insert_old_rows(**ids):
    """Insert two events with the same sales into the first schema."""
    every_table.migrate_to("0001")
    with db.engine().begin() as connection:
        for statement in INSERT_OLD_ROWS.split(";"):
            connection.execute(text(statement), {name: id for name, id in ids.items() if f":{name}" in statement})


def test_migration_0002_counts_and_indexes_old_purchases(database_without_schema):
    here, there = uuid.uuid4(), uuid.uuid4()
    insert_old_rows(here=here, there=there)
    migrations.migrate()
    with db.read_session() as session:
        assert verify.verify(session) == []
        zones = session.execute(text("SELECT event_id, time_zone FROM packages")).all()
        named = session.execute(text("SELECT DISTINCT payment_status, seats_named, version FROM purchases")).all()
        found = session.scalars(text("SELECT DISTINCT search_text FROM purchases")).all()
        days = {
            event: session.execute(
                text("""
                    SELECT day::text, payment_status, promo_code_id IS NOT NULL, purchases, quantity, seats,
                        seats_named, total
                    FROM daily_sales WHERE event_id = :event ORDER BY day, payment_status, 3
                """),
                {"event": event},
            ).all()
            for event in (here, there)
        }
    assert sorted(zones) == sorted([(here, "America/New_York"), (there, "Pacific/Auckland")])
    assert sorted(named) == [("completed", 0, 1), ("pending", 2, 1), ("voided", 0, 1)]
    assert found == ["jose luk a@b.co "]
    assert days[here] == [
        ("2026-06-01", "completed", False, 1, 1, 3, 0, 100),
        ("2026-06-02", "completed", False, 1, 1, 3, 0, 100),
        ("2026-06-02", "completed", True, 1, 1, 3, 0, 90),
        ("2026-06-02", "pending", False, 1, 1, 3, 2, 100),
        ("2026-06-02", "voided", False, 1, 2, 6, 0, 200),
    ]
    assert days[there] == [
        ("2026-06-02", "completed", False, 2, 2, 6, 0, 200),
        ("2026-06-02", "completed", True, 1, 1, 3, 0, 90),
        ("2026-06-03", "pending", False, 1, 1, 3, 2, 100),
        ("2026-06-03", "voided", False, 1, 2, 6, 0, 200),
    ]


INSERT_OLD_AUDIT_ENTRIES = """
    INSERT INTO audit_log (event_id, actor, via, action, subject_type, subject_id, subject_name, subject_version, field,
        old_value, new_value, change_id, occurred_at)
    SELECT CASE WHEN row % 3 > 0 THEN CASE row % 3 WHEN 1 THEN :here ELSE :there END::uuid END, 'Zoë', 'app',
        'package.changed', 'package', gen_random_uuid(), 'Table', row, 'choices', '["a", "b"]', '1.50',
        gen_random_uuid(), now() - row * interval '1 hour'
    FROM generate_series(1, 12) AS row
"""


def test_migration_0003_seals_old_audit_entries(database_without_schema):
    here, there = uuid.uuid4(), uuid.uuid4()
    insert_old_rows(here=here, there=there)
    with db.engine().begin() as connection:
        connection.execute(text(INSERT_OLD_AUDIT_ENTRIES), {"here": here, "there": there})
    migrations.migrate()
    make.staff(role="admin", password=make.PASSWORD)
    with db.read_session() as session:
        assert verify.verify(session) == []
        lengths = {chain.event_id: chain.entries for chain in hash_chain.list_heads(session)}
    assert lengths == {hash_chain.OFFICE_CHAIN_ID: 4 + 2, here: 4, there: 4}

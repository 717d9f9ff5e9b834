"""The migration to new e-mail keys (0004), on databases of the revision before it."""

import time
import unicodedata
import uuid
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from tests.support import every_table
from ticketing import cli as command_line
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.audit import hash_chain
from ticketing.catalog import promo_codes
from ticketing.db import migrations
from ticketing.errors import PromoRefused, StartRefused
from ticketing.ops import verify
from ticketing.reporting import audit_log
from ticketing.settings import ROOT
from ticketing.validation import email_key
from ui.audit import sentences

pytestmark = pytest.mark.system  # migrates databases of its own

FULL_WIDTH, ZERO_WIDTH = "\uff41na@example.org", "ana\u200b@example.org"
SHARP_S = "gro\u00df@example.org"

INSERT_EVENT = """
    INSERT INTO events (id, name, starts_at, time_zone, venue, version)
    VALUES (:event, 'Gala', '2026-12-05T23:00Z', 'America/New_York', 'Pier 4', 1);
    INSERT INTO packages (id, event_id, name, name_key, price, seats_per_package, description, is_sponsorship,
        is_enabled, display_order, sold_count, sales_version, options_version, version)
    VALUES (:event, :event, 'Seat', 'seat', 100, 1, 'One seat.', false, true, 1, 0, 0, 0, 1);
    INSERT INTO promo_codes (id, event_id, code, discount_type, discount_value, max_uses_per_donor, is_active,
        current_uses, version)
    VALUES (:event, :event, 'TENOFF', 'fixed_amount', 10, 2, true, 0, 1)
"""
INSERT_SALE = """
    INSERT INTO donors (id, event_id, email, email_key, name, created_at)
    VALUES (:id, :event, :email, :key, :name, TIMESTAMPTZ '2026-06-01T12:00Z' + :place * INTERVAL '1 hour')
    ON CONFLICT (event_id, email_key) DO UPDATE SET email = excluded.email, name = excluded.name;
    INSERT INTO purchases (id, event_id, package_id, donor_id, quantity, unit_price, seats_per_package, list_price,
        discount, total, promo_code_id, payment_status, channel, purchaser_name, purchaser_email, purchased_at,
        recorded_at)
    SELECT :id, :event, :event, id, 1, 100, 1, 100, 10, 90, :event, 'completed', 'cash', :name, :email, moment, moment
    FROM donors, (SELECT TIMESTAMPTZ '2026-06-01T12:00Z' + :place * INTERVAL '1 hour' AS moment) AS sold
    WHERE event_id = :event AND email_key = :key;
    INSERT INTO promo_uses (purchase_id, event_id, promo_code_id, donor_id, discount, used_at)
    SELECT id, event_id, promo_code_id, donor_id, discount, purchased_at FROM purchases WHERE id = :id;
    INSERT INTO assigned_tickets (id, event_id, purchase_id, seat_number, code)
    VALUES (:id, :event, :id, 1, translate(upper(substr(md5(CAST(:id AS text)), 1, 8)), '01', 'XY'));
    UPDATE packages SET sold_count = sold_count + 1 WHERE id = :event;
    UPDATE promo_codes SET current_uses = current_uses + 1 WHERE id = :event
"""


def run_sql(statements, **values):
    with db.engine().begin() as connection:
        for statement in statements.split(";"):
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), used)


def get_old_key(address):
    return unicodedata.normalize("NFC", address).strip().casefold()


def insert_event(*addresses):
    """Insert an event into the first schema with a sale for each address, oldest first, each with a promo code."""
    event = uuid.uuid4()
    run_sql(INSERT_EVENT, event=event)
    for place, address in enumerate(addresses):
        key, name = get_old_key(address), f"Donor {place}"
        run_sql(INSERT_SALE, id=uuid.uuid4(), event=event, email=address, key=key, name=name, place=place)
    return event


@pytest.fixture
def old_schema(database_without_schema):
    """Rows are inserted into the first schema, whose later migrations derive the other columns from them."""
    every_table.migrate_to("0001")


def migrate_from_the_revision_before():
    every_table.migrate_to("0003")
    migrations.migrate()


def read(sql, **values):
    with db.read_session() as session:
        return [tuple(row) for row in session.execute(text(sql), values)]


def list_donors(event):
    """Return each donor's address and key with the addresses of the donor's purchases, and with the uses."""
    [(orders,)] = read("SELECT to_regclass('orders')")
    purchases = "purchases JOIN orders ON orders.id = order_id" if orders else "purchases"
    return read(
        f"""
        SELECT donor.email, donor.email_key, donor.name,
            ARRAY(SELECT purchaser_email FROM {purchases} WHERE donor_id = donor.id ORDER BY purchased_at),
            (SELECT count(*) FROM promo_uses WHERE donor_id = donor.id)
        FROM donors AS donor WHERE event_id = :event ORDER BY created_at, email
        """,
        event=event,
    )


def assert_verified():
    """Check every number and seal, and that every purchase and use belongs to the donor of its address."""
    with db.read_session() as session:
        assert verify.verify(session) == []
    owners = read("""
        SELECT purchaser_email, donors.email_key, promo_uses.donor_id = donors.id
        FROM purchases JOIN orders ON orders.id = order_id JOIN donors ON donors.id = orders.donor_id
        JOIN promo_uses ON promo_uses.order_id = orders.id
    """)
    assert [owner for owner in owners if owner[1:] != (email_key(owner[0]), True)] == []


def assert_no_donor_in(log):
    assert "example.org" not in log
    assert "Donor " not in log


def test_addresses_whose_keys_stay_are_not_touched(old_schema, caplog):
    insert_event("ana@example.org", "Ana@Example.org", "jos\u00e9@example.org", "JOSE\u0301@example.org")
    every_table.migrate_to("0003")
    before = every_table.rows()
    del before["alembic_version"]

    every_table.migrate_to("0004")

    after = every_table.rows()
    del after["alembic_version"]
    assert after == before
    migrations.migrate()
    assert "donor" not in caplog.text
    assert_verified()


@pytest.mark.parametrize(
    "addresses",
    [
        ("ana@example.org", FULL_WIDTH, ZERO_WIDTH),
        (FULL_WIDTH, "ana@example.org", ZERO_WIDTH),
        (ZERO_WIDTH, FULL_WIDTH, "ana@example.org"),
        (FULL_WIDTH, ZERO_WIDTH, FULL_WIDTH.upper()),
    ],
    ids=ascii,
)
def test_donors_with_one_key_are_merged_into_the_oldest(old_schema, caplog, addresses):
    gala = insert_event(*addresses, "ben@example.org")
    golf = insert_event("ana@example.org")

    migrate_from_the_revision_before()

    kept = addresses[2] if get_old_key(addresses[2]) == get_old_key(addresses[0]) else addresses[0]
    (ana, ben) = list_donors(gala)
    assert ana[:2] == (kept, "ana@example.org")
    assert ana[3:] == (list(addresses), 3)
    assert ben == ("ben@example.org", "ben@example.org", "Donor 3", ["ben@example.org"], 1)
    assert list_donors(golf)[0][3:] == (["ana@example.org"], 1)
    assert_verified()
    assert_no_donor_in(caplog.text)


def test_merges_are_in_the_audit_log_and_sealed(old_schema):
    gala = insert_event("ana@example.org", FULL_WIDTH)
    migrate_from_the_revision_before()

    with db.read_session() as session:
        changes, _ = audit_log.list_changes(session, OPERATOR, gala)
        lengths = {chain.event_id: chain.entries for chain in hash_chain.list_heads(session)}
    (change,) = changes
    assert (change.first.subject_name, change.first.via) == ("Donor 0", "command_line")
    assert (change.first.old_value, change.first.new_value) == (FULL_WIDTH, "ana@example.org")
    assert sentences.format_sentence(change, "UTC") == (
        "Upgrade merged two spellings of the e-mail address of Donor 0 into one donor."
    )
    assert lengths == {gala: 1}
    assert_verified()


def test_later_migration_in_the_same_transaction_can_change_the_audit_log(old_schema):
    """PostgreSQL refuses it while the table has deferred triggers to run."""
    insert_event("ana@example.org", FULL_WIDTH)
    with db.engine().begin() as connection:
        config = Config(ROOT / "alembic.ini")
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.execute(text("ALTER TABLE audit_log ADD COLUMN later text"))
    assert read("SELECT action, later FROM audit_log") == [("donor.merged", None)]


def test_exceeded_limits_are_listed_with_ids_and_hold_from_now_on(old_schema, caplog):
    gala = insert_event("ana@example.org", FULL_WIDTH, ZERO_WIDTH, "ben@example.org", "ben@example.org")
    golf = insert_event("ana@example.org", FULL_WIDTH)
    migrate_from_the_revision_before()

    ((donor_id,),) = read("SELECT id FROM donors WHERE event_id = :event AND name = 'Donor 0'", event=gala)
    listed = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Promo code")]
    assert listed == [f"Promo code TENOFF of Gala: donor {donor_id} of event {gala} has 3 uses, and the limit is 2."]
    assert_no_donor_in(caplog.text)
    for event in (gala, golf):
        with db.read_session() as session, pytest.raises(PromoRefused) as refusal:
            promo_codes.get_applicable(
                session, event, "TENOFF", donor_email_key=email_key(FULL_WIDTH), moment=datetime.now(UTC)
            )
        assert refusal.value.reason == "used_up_by_donor"


@pytest.mark.parametrize("order", [("gross@example.org", SHARP_S), (SHARP_S, "gross@example.org")])
def test_gross_and_sharp_s_become_two_donors(old_schema, order):
    """Case folding made them one donor, under the address that was typed last."""
    gala = insert_event(*order, order[0])
    assert len(list_donors(gala)) == 1

    migrate_from_the_revision_before()

    donors = {email: (key, name, sales, uses) for email, key, name, sales, uses in list_donors(gala)}
    assert donors == {
        order[0]: (order[0], "Donor 2", [order[0], order[0]], 2),
        order[1]: (order[1], "Donor 1", [order[1]], 1),
    }
    with db.read_session() as session:
        (change,), _ = audit_log.list_changes(session, OPERATOR, gala)
    assert sentences.format_sentence(change, "UTC") == (
        "Upgrade separated the donor Donor 1 from another one whose e-mail address only looks alike."
    )
    assert_verified()


def test_separated_purchases_join_the_donor_who_has_that_address(old_schema):
    """A key may move from one donor to another in the same migration."""
    gala = insert_event("gro\u200bss@example.org", "gross@example.org", SHARP_S)
    migrate_from_the_revision_before()

    assert list_donors(gala) == [
        (
            "gro\u200bss@example.org",
            "gross@example.org",
            "Donor 0",
            ["gro\u200bss@example.org", "gross@example.org"],
            2,
        ),
        (SHARP_S, SHARP_S, "Donor 2", [SHARP_S], 1),
    ]
    assert_verified()


def insert_staff(*people):
    for place, (name, address) in enumerate(people):
        run_sql(
            """
            INSERT INTO staff (id, email, email_key, name, role, is_active, created_at)
            VALUES (:id, :email, :key, :name, 'admin', true, TIMESTAMPTZ '2026-06-01T12:00Z' + :place * INTERVAL '1 h')
            """,
            id=uuid.uuid4(),
            email=address,
            key=get_old_key(address),
            name=name,
            place=place,
        )


def test_accounts_get_their_new_keys(old_schema):
    insert_staff(
        ("Ana", FULL_WIDTH), ("Gro", "gro\u200bss@example.org"), ("Gross", SHARP_S), ("Ben", "Ben@example.org")
    )
    migrate_from_the_revision_before()

    assert read("SELECT name, email_key FROM staff ORDER BY created_at") == [
        ("Ana", "ana@example.org"),
        ("Gro", "gross@example.org"),
        ("Gross", SHARP_S),
        ("Ben", "ben@example.org"),
    ]


def test_colliding_accounts_stop_the_migration_and_change_nothing(old_schema, capsys):
    insert_event("ana@example.org", FULL_WIDTH, "gross@example.org", SHARP_S)
    insert_staff(("Ana Ruiz", "ana@example.org"), ("Ana R.", FULL_WIDTH), ("Ben Ito", "ben@example.org"))
    every_table.migrate_to("0003")
    schema, rows = every_table.dump_schema(), every_table.rows()

    with pytest.raises(StartRefused, match="same e-mail address"):
        migrations.migrate()
    assert command_line.main(["migrate"]) == 1

    printed = capsys.readouterr().err
    ids = [id for (id,) in read("SELECT id FROM staff ORDER BY created_at")]
    assert f"Ana Ruiz ('ana@example.org', id {ids[0]}) and Ana R. ('\\uff41na@example.org', id {ids[1]})." in printed
    assert "Ben Ito" not in printed
    assert (every_table.dump_schema(), every_table.rows()) == (schema, rows)
    renaming = "UPDATE staff SET email = :new, email_key = :new, is_active = false WHERE id = :id"
    run_sql(renaming, new="ana.old@example.org", id=ids[1])
    assert command_line.main(["migrate"]) == 0
    assert_verified()


# Every 20th donor is the one before, every 100th has a changed key, and every 100th a key with an accent that stays.
INSERT_MANY = """
    SET LOCAL statement_timeout = 0;
    INSERT INTO donors (id, event_id, email, email_key, name, created_at)
    SELECT md5(n::varchar)::uuid, :event, address || '@example.org', replace(address, 'ß', 'ss') || '@example.org',
        'José Łuk', TIMESTAMPTZ '2026-06-01T12:00Z' + n * INTERVAL '1 second'
    FROM generate_series(1, :number) AS n, LATERAL (
        SELECT CASE WHEN n % 20 = 0 THEN 'jose' || n - 1 || U&'\\200B' WHEN n % 100 = 50 THEN 'groß' || n
            WHEN n % 100 = 70 THEN 'josé' || n ELSE 'jose' || n END AS address
    ) AS typed;
    INSERT INTO purchases (id, event_id, package_id, donor_id, quantity, unit_price, seats_per_package, list_price,
        discount, total, promo_code_id, payment_status, channel, purchaser_name, purchaser_email, purchased_at)
    SELECT id, event_id, event_id, id, 1, 100, 1, 100, 10, 90, event_id, 'completed', 'cash', name, email, created_at
    FROM donors WHERE event_id = :event;
    INSERT INTO promo_uses (purchase_id, event_id, promo_code_id, donor_id, discount, used_at)
    SELECT id, event_id, promo_code_id, donor_id, discount, purchased_at FROM purchases WHERE event_id = :event;
    ANALYZE
"""
NUMBER = 40_000
MAX_SECONDS = 60


def test_large_table_is_migrated_in_a_minute(old_schema):
    """It took 1.1 seconds on two cores; a join that goes over all rows for each donor takes longer than the limit."""
    gala = insert_event()
    run_sql(INSERT_MANY, event=gala, number=NUMBER)
    every_table.migrate_to("0003")

    started = time.perf_counter()
    every_table.migrate_to("0004")

    assert time.perf_counter() - started < MAX_SECONDS
    counted = "SELECT count(*), count(*) FILTER (WHERE email_key <> email) FROM donors"
    assert read(counted) == [(NUMBER - NUMBER // 20, 0)]
    assert read("SELECT count(*), count(DISTINCT donor_id) FROM promo_uses") == [(NUMBER, NUMBER - NUMBER // 20)]
    assert read("SELECT count(*) FROM audit_seals") == [(NUMBER // 20,)]
    assert {index for (index,) in read("SELECT indexname FROM pg_indexes WHERE tablename = 'promo_uses'")} == {
        "pk_promo_uses",
        "ix_promo_uses_code_donor",
    }

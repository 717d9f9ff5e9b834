"""e-mail keys without invisible characters and widths of letters, and not case-folded; donors follow their addresses

Donors whose addresses are the same now become one, the older; purchases that case folding put under another person's
address get a donor of their own (docs/decisions/0006). Accounts of staff are never joined: they stop the migration.
"""

import logging
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op
from uuid_utils.compat import uuid7

from ticketing.errors import StartRefused
from ticketing.formatting import format_count

# Not a copy: the keys stored here must be those that the application looks for. A later change of the function comes
# with a migration that computes all keys again.
from ticketing.validation import email_key

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

log = logging.getLogger("ticketing.schema")
BATCH_SIZE = 10_000


class CollidingAccounts(StartRefused):
    """Accounts of staff would have the same e-mail address."""

    def __init__(self, groups: list[list[str]]) -> None:
        listed = "; ".join(" and ".join(people) for people in groups)
        super().__init__(
            f"These accounts would have the same e-mail address, since invisible characters and the width of letters no "
            f"longer count: {listed}. Nothing was changed. Give all but one of them another address, as "
            'docs/operations/backup-and-upgrade.md says under "Accounts with the same address", and start again.'
        )


def upgrade() -> None:
    connection = op.get_bind()
    # A sale of a server that still runs would store a key of the earlier kind after the keys were read.
    for table in ("staff", "donors", "purchases", "promo_uses"):
        connection.execute(sa.text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
    update_staff(connection)
    if find_affected_donors(connection):
        compute_keys(connection)
        merged = merge_donors(connection)
        update_donor_keys(connection)
        separated = separate_donors(connection)
        report(connection, merged, separated)


def update_staff(connection: sa.Connection) -> None:
    people = defaultdict(list)
    for row in connection.execute(sa.text("SELECT id, name, email, email_key FROM staff ORDER BY created_at, id")):
        people[email_key(row.email)].append(row)
    groups = [[f"{row.name} ({row.email!a}, id {row.id})" for row in rows] for rows in people.values() if rows[1:]]
    if groups:
        raise CollidingAccounts(groups)
    changed = [{"id": row.id, "key": key} for key, (row,) in people.items() if row.email_key != key]
    if changed:
        # One account may get the key that another one has until now.
        connection.execute(sa.text("UPDATE staff SET email_key = id WHERE id = :id"), changed)
        connection.execute(sa.text("UPDATE staff SET email_key = :key WHERE id = :id"), changed)


# The key of an address in ASCII is the same as before, in lower case. Only these donors can change: those with another
# address, and those who have a purchase under one.
AFFECTED_DONORS = """
    CREATE TEMPORARY TABLE affected_donors ON COMMIT DROP AS
    SELECT id FROM donors WHERE octet_length(email) <> char_length(email)
    UNION SELECT donor_id FROM purchases WHERE octet_length(purchaser_email) <> char_length(purchaser_email)
"""


def find_affected_donors(connection: sa.Connection) -> int:
    connection.execute(sa.text(AFFECTED_DONORS))
    connection.execute(sa.text("ANALYZE affected_donors"))
    return connection.scalar(sa.text("SELECT count(*) FROM affected_donors")) or 0


ADDRESS_KEYS = """
    CREATE TEMPORARY TABLE address_keys (email text PRIMARY KEY, email_key text NOT NULL) ON COMMIT DROP
"""
ADDRESSES = """
    SELECT email FROM donors WHERE id IN (SELECT id FROM affected_donors)
    UNION SELECT purchaser_email FROM purchases WHERE donor_id IN (SELECT id FROM affected_donors)
"""
NEW_KEYS = """
    CREATE TEMPORARY TABLE new_keys ON COMMIT DROP AS
    SELECT donors.id, donors.event_id, donors.email_key AS old_key, address_keys.email_key
    FROM affected_donors JOIN donors USING (id) JOIN address_keys USING (email)
    WHERE donors.email_key <> address_keys.email_key
"""


def compute_keys(connection: sa.Connection) -> None:
    """Fill `address_keys`, with a row for each spelling, and `new_keys`, with a row for each donor whose key changes."""
    connection.execute(sa.text(ADDRESS_KEYS))
    addresses = connection.execute(sa.text(ADDRESSES), execution_options={"stream_results": True}).scalars()
    for batch in addresses.partitions(BATCH_SIZE):
        connection.execute(
            sa.text("INSERT INTO address_keys SELECT * FROM unnest(CAST(:emails AS text[]), CAST(:keys AS text[]))"),
            {"emails": batch, "keys": [email_key(email) for email in batch]},
        )
    connection.execute(sa.text("ANALYZE address_keys"))
    connection.execute(sa.text(NEW_KEYS))
    connection.execute(sa.text("ANALYZE new_keys"))


# Every donor with the key that a changed donor gets, with the oldest of them.
MERGED_DONORS = """
    CREATE TEMPORARY TABLE merged_donors ON COMMIT DROP AS
    WITH present AS (
        SELECT id, event_id, coalesce(new_keys.email_key, donors.email_key) AS email_key, created_at
        FROM donors LEFT JOIN new_keys USING (id, event_id)
    ), ranked AS (
        SELECT id, first_value(id) OVER (PARTITION BY event_id, email_key ORDER BY created_at, id) AS kept_id
        FROM present WHERE (event_id, email_key) IN (SELECT event_id, email_key FROM new_keys)
    )
    SELECT id, kept_id FROM ranked WHERE id <> kept_id
"""
# What people see in the audit log of the event. It is sealed like every entry.
RECORD_MERGES = """
    INSERT INTO audit_log (event_id, actor, via, action, subject_type, subject_id, subject_name, field, old_value,
        new_value, change_id)
    SELECT kept.event_id, 'Upgrade', 'command_line', 'donor.merged', 'donor', kept.id, kept.name, 'email',
        to_jsonb(gone.email), to_jsonb(kept.email), gen_random_uuid()
    FROM merged_donors JOIN donors AS gone USING (id) JOIN donors AS kept ON kept.id = merged_donors.kept_id
    ORDER BY kept.event_id, kept.id, gone.created_at, gone.id
"""
MERGE_DONORS = (
    "UPDATE purchases SET donor_id = kept_id FROM merged_donors WHERE donor_id = merged_donors.id",
    "UPDATE promo_uses SET donor_id = kept_id FROM merged_donors WHERE donor_id = merged_donors.id",
    # Each deleted donor is looked for in the uses, which have no index by donor: before version 18, without skip scans,
    # PostgreSQL would read all of them each time.
    "CREATE INDEX promo_uses_by_donor ON promo_uses (donor_id)",
    "DELETE FROM donors USING merged_donors WHERE donors.id = merged_donors.id",
    "DROP INDEX promo_uses_by_donor",
)


def merge_donors(connection: sa.Connection) -> int:
    """Give the purchases and promo uses of donors who are one person to the oldest; return how many donors went."""
    connection.execute(sa.text(MERGED_DONORS))
    connection.execute(sa.text("ANALYZE merged_donors"))
    merged = connection.scalar(sa.text("SELECT count(*) FROM merged_donors")) or 0
    if merged:
        connection.execute(sa.text(RECORD_MERGES))
        for statement in MERGE_DONORS:
            connection.execute(sa.text(statement))
    return merged


# The unique constraint is checked row by row, so a donor first leaves the key that another one gets.
UPDATE_DONOR_KEYS = (
    """
    UPDATE donors SET email_key = new_keys.id FROM new_keys
    WHERE donors.id = new_keys.id AND (new_keys.event_id, new_keys.old_key) IN (SELECT event_id, email_key FROM new_keys)
    """,
    "UPDATE donors SET email_key = new_keys.email_key FROM new_keys WHERE donors.id = new_keys.id",
)


def update_donor_keys(connection: sa.Connection) -> None:
    for statement in UPDATE_DONOR_KEYS:
        connection.execute(sa.text(statement))


MOVED_PURCHASES = """
    CREATE TEMPORARY TABLE moved_purchases ON COMMIT DROP AS
    SELECT purchases.id, purchases.event_id, purchases.donor_id AS old_donor_id, address_keys.email_key
    FROM purchases JOIN donors ON donors.id = purchases.donor_id
    JOIN address_keys ON address_keys.email = purchases.purchaser_email
    WHERE donors.email_key <> address_keys.email_key
"""
MISSING_DONORS = """
    SELECT DISTINCT ON (moved.event_id, moved.email_key) moved.event_id, moved.email_key, moved.old_donor_id,
        purchases.purchaser_email AS email, purchases.purchaser_name AS name, purchases.purchaser_phone AS phone,
        min(purchases.recorded_at) OVER (PARTITION BY moved.event_id, moved.email_key) AS created_at
    FROM moved_purchases AS moved JOIN purchases USING (id)
    WHERE NOT EXISTS (
        SELECT FROM donors WHERE donors.event_id = moved.event_id AND donors.email_key = moved.email_key
    )
    ORDER BY moved.event_id, moved.email_key, purchases.recorded_at DESC, purchases.id DESC
"""
INSERT_DONOR = """
    INSERT INTO donors (id, event_id, email, email_key, name, phone, created_at)
    VALUES (:id, :event_id, :email, :email_key, :name, :phone, :created_at)
"""
RECORD_SEPARATION = """
    INSERT INTO audit_log (event_id, actor, via, action, subject_type, subject_id, subject_name, field, old_value,
        new_value, change_id)
    SELECT event_id, 'Upgrade', 'command_line', 'donor.separated', 'donor', :id, :name, 'email', to_jsonb(email),
        to_jsonb(CAST(:email AS text)), gen_random_uuid()
    FROM donors WHERE id = :old_donor_id
"""
MOVE_PURCHASES = (
    """
    UPDATE purchases SET donor_id = donors.id FROM moved_purchases AS moved JOIN donors USING (event_id, email_key)
    WHERE purchases.id = moved.id
    """,
    """
    UPDATE promo_uses SET donor_id = purchases.donor_id FROM moved_purchases JOIN purchases USING (id)
    WHERE promo_uses.purchase_id = purchases.id
    """,
)


def separate_donors(connection: sa.Connection) -> int:
    """Give each purchase to the donor of its own address; return how many donors that created."""
    connection.execute(sa.text(MOVED_PURCHASES))
    connection.execute(sa.text("ANALYZE moved_purchases"))
    created = [row._asdict() | {"id": uuid7()} for row in connection.execute(sa.text(MISSING_DONORS))]
    if created:
        connection.execute(sa.text(INSERT_DONOR), created)
        connection.execute(sa.text(RECORD_SEPARATION), created)
    for statement in MOVE_PURCHASES:
        connection.execute(sa.text(statement))
    return len(created)


EXCEEDED_LIMITS = """
    SELECT promo_codes.code, events.name AS event, promo_codes.event_id, promo_uses.donor_id, count(*) AS uses,
        promo_codes.max_uses_per_donor AS most
    FROM promo_uses
    JOIN promo_codes ON promo_codes.id = promo_uses.promo_code_id
    JOIN events ON events.id = promo_codes.event_id
    WHERE promo_uses.given_back_at IS NULL AND promo_uses.donor_id IN (
        SELECT kept_id FROM merged_donors
        UNION SELECT purchases.donor_id FROM moved_purchases JOIN purchases USING (id)
    )
    GROUP BY promo_codes.id, events.id, promo_uses.donor_id
    HAVING count(*) > promo_codes.max_uses_per_donor
    ORDER BY events.name, events.id, promo_codes.code, promo_uses.donor_id
"""


def report(connection: sa.Connection, merged: int, separated: int) -> None:
    """Seal the audit entries, and log what was done, with ids: the log never names a donor."""
    # At once, since a later migration cannot change a table that still has triggers to run.
    connection.execute(sa.text("SET CONSTRAINTS audit_log_sealed IMMEDIATE"))
    connection.execute(sa.text("SET CONSTRAINTS audit_log_sealed DEFERRED"))
    if merged or separated:
        log.warning(
            "E-mail addresses are compared in another way: %s merged into an older one, %s separated from another. The "
            "audit log of each event names them.",
            format_count(merged, "donor was", "donors were"),
            format_count(separated, "donor was", "donors were"),
        )
    for row in connection.execute(sa.text(EXCEEDED_LIMITS)):
        log.warning("Promo code %s of %s: %s", row.code, row.event, _describe_excess(row))


def _describe_excess(row: Any) -> str:
    return f"donor {row.donor_id} of event {row.event_id} has {format_count(row.uses, 'use')}, and the limit is {row.most:,}."

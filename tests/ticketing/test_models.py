"""Every named constraint of the database, on both sides of its boundary."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from sqlalchemy import inspect

from tests.support import make
from tests.support.constraint_cases import CHECKS, EVENT_SCOPED_FKS, UNIQUE
from ticketing import db
from ticketing.models import Donor, build_untracked

TABLES = (
    "events",
    "staff",
    "sign_in_sessions",
    "api_tokens",
    "images",
    "packages",
    "options",
    "promo_codes",
    "donors",
    "import_batches",
    "orders",
    "purchases",
    "promo_uses",
    "answers",
    "assigned_tickets",
    "daily_sales",
    "till_drafts",
    "file_presets",
)


@dataclass(frozen=True)
class SeededEvent:
    """An event with one row in every table, and the ids of the rows of another event."""

    ids: dict[str, uuid.UUID]
    connection: psycopg.Connection

    def update(self, table: str, assignments: str) -> None:
        """Update this event's row, and roll back."""
        key = {"answers": "purchase_id", "promo_uses": "order_id", "daily_sales": "promo_code_id"}.get(table, "id")
        statement = f"UPDATE {table} SET {assignments} WHERE {key} = '{{{table}}}'".format(**self.ids)
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            assert self.connection.execute(statement).rowcount == 1

    def insert_copy(self, table: str, differing: str) -> None:
        """Insert a copy of this event's row with a new id and `differing` values, and roll back."""
        changed = dict(pair.split(" = ") for pair in differing.split(", ") if pair) | {"id": "gen_random_uuid()"}
        columns = [
            name
            for (name,) in self.connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
                [table],
            )
        ]
        values = ", ".join(changed.get(name, name) for name in columns)
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            self.connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE id = %s",
                [self.ids[table]],
            )


def get_table(constraint: str) -> str:
    return next(table for table in sorted(TABLES, key=len, reverse=True) if constraint[3:].startswith(table))


def insert_rows(connection: psycopg.Connection) -> dict[str, uuid.UUID]:
    event = make.event()
    package = make.package(event, price="100", quantity_limit=100)
    option = make.option(package, option_type="multi_select", choices=["Fish", "Rice"], is_required=False)
    promo = make.promo_code(event, discount_type="fixed_amount", discount_value="10", max_total_uses=10)
    answers = [{"option_id": option.id, "value": ["Fish"]}]
    sold = make.purchase(event, package, idempotency_key="key", promo_code=promo.code, answers=answers)
    image, batch = uuid.uuid4(), uuid.uuid4()
    connection.execute(
        "INSERT INTO images (id, event_id, sha256, content, thumbnail, media_type, width, height)"
        " VALUES (%s, %s, decode(repeat('00', 32), 'hex'), '', '', 'image/png', 1, 1)",
        [image, event.id],
    )
    connection.execute(
        "INSERT INTO import_batches (id, event_id, imported_by, file_name, rows_imported, rows_skipped)"
        " VALUES (%s, %s, 'Ana', 'sales.csv', 1, 0)",
        [batch, event.id],
    )
    return {
        "event": event.id,
        "package": package.id,
        "option": option.id,
        "promo_code": promo.id,
        "image": image,
        "purchase": sold.purchase.id,
        "order": sold.order.id,
        "donor": sold.order.donor_id,
        "ticket": sold.tickets[0].id,
        "import_batch": batch,
        "bare_order": make.purchase(event, package).order.id,
    }


@pytest.fixture(scope="module")
def seeded(database: str) -> Iterator[SeededEvent]:
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        own, elsewhere = insert_rows(connection), insert_rows(connection)
        person = make.staff(openid_issuer="https://id.example.org", openid_subject=make.unique("subject"))
        make.token(person)
        token = connection.execute("SELECT id FROM api_tokens WHERE staff_id = %s", [person.staff_id]).fetchone()[0]
        ids = own | {f"{name}_elsewhere": row_id for name, row_id in elsewhere.items()}
        ids |= {f"{name}s": row_id for name, row_id in own.items()}
        ids |= {"staff": person.staff_id, "api_tokens": token, "import_batches": own["import_batch"]}
        ids |= {
            "assigned_tickets": own["ticket"],
            "answers": own["purchase"],
            "promo_uses": own["order"],
        }
        ids |= {"daily_sales": own["promo_code"]}
        invitation = uuid.uuid4()
        connection.execute(
            "INSERT INTO invitations (id, staff_id, secret_hash, expires_at) VALUES (%s, %s, 'secret', now())",
            [invitation, person.staff_id],
        )
        draft = uuid.uuid4()
        connection.execute(
            "INSERT INTO till_drafts (id, staff_id, event_id, till, content) VALUES (%s, %s, %s, 'till', '{}')",
            [draft, person.staff_id, own["event"]],
        )
        preset = uuid.uuid4()
        connection.execute(
            "INSERT INTO file_presets (id, staff_id, name, kind, columns) VALUES (%s, %s, 'Door', 'guests', '[]')",
            [preset, person.staff_id],
        )
        ids |= {"file_presets": preset}
        ids |= {"sign_in_sessions": person.session_id, "invitations": invitation, "till_drafts": draft}
        connection.execute("UPDATE purchases SET external_sale_id = 'S-1' WHERE id = %s", [own["purchase"]])
        yield SeededEvent(ids, connection)


def test_untracked_instance_is_read_like_a_row_and_belongs_to_no_session():
    built = build_untracked(Donor, id=uuid.UUID(int=1), name="Ana Ruiz")
    assert (built.id, built.name, built.phone) == (uuid.UUID(int=1), "Ana Ruiz", None)
    assert inspect(built).transient
    assert not inspect(built).modified


def get_violated_constraint(seeded: SeededEvent, table: str, assignments: str) -> str | None:
    with pytest.raises(psycopg.errors.IntegrityError) as refusal:
        seeded.update(table, assignments)
    return refusal.value.diag.constraint_name


@pytest.mark.parametrize("constraint", CHECKS)
def test_check_constraint_holds_on_both_sides_of_its_boundary(seeded, constraint):
    accepted, refused = CHECKS[constraint]
    for assignments in accepted:
        seeded.update(get_table(constraint), assignments)
    for assignments in refused:
        assert get_violated_constraint(seeded, get_table(constraint), assignments) == constraint, assignments


@pytest.mark.parametrize("constraint", EVENT_SCOPED_FKS)
def test_foreign_key_refuses_rows_of_another_event(seeded, constraint):
    assert get_violated_constraint(seeded, get_table(constraint), EVENT_SCOPED_FKS[constraint]) == constraint


def test_every_check_and_event_scoped_foreign_key_is_tested(seeded):
    rows = seeded.connection.execute(
        "SELECT conname, contype FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        " AND (contype = 'c' OR contype = 'f' AND cardinality(conkey) > 1)"
    ).fetchall()
    elsewhere = {"ck_audit_log_via_known"}
    assert {name for name, kind in rows if kind == "c"} - elsewhere == set(CHECKS)
    assert {name for name, kind in rows if kind == "f"} == set(EVENT_SCOPED_FKS)


def test_audit_log_accepts_three_values_of_via(seeded):
    insert = (
        "INSERT INTO audit_log (actor, via, action, subject_type, subject_id, subject_name, change_id)"
        " VALUES ('Ana', %s, 'event.seen', 'event', gen_random_uuid(), 'Gala', gen_random_uuid())"
    )
    for via in ("app", "api", "command_line"):
        seeded.connection.execute(insert, [via])
    with pytest.raises(psycopg.errors.CheckViolation):
        seeded.connection.execute(insert, ["elsewhere"])


def test_every_constraint_and_index_has_a_readable_name(seeded):
    names = seeded.connection.execute(
        "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype NOT IN ('n', 't')"
        " UNION SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
    ).fetchall()
    prefixes = ("pk_", "ck_", "fk_", "uq_", "ix_", "ex_", "alembic_")
    assert not [name for (name,) in names if not name.startswith(prefixes)]


@pytest.mark.parametrize("constraint", UNIQUE)
def test_unique_constraint_refuses_a_second_row(seeded, constraint):
    table, differing = UNIQUE[constraint]
    with pytest.raises(psycopg.errors.IntegrityError) as refusal:
        seeded.insert_copy(table, differing)
    assert refusal.value.diag.constraint_name == constraint


def test_every_unique_constraint_is_tested(seeded):
    rows = seeded.connection.execute(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique OR indisexclusion"
    ).fetchall()
    found = {name for (name,) in rows if name.startswith(("uq_", "ex_"))}
    found -= {"uq_audit_seals_audit_id"}  # tried in test_seals.py: what is sealed is no row of the event
    targets_of_walls = {name for name in found if name.endswith(("_id_id", "_id_time_zone_is_archived"))}
    assert found - targets_of_walls == set(UNIQUE) | {"uq_daily_sales"}


@pytest.mark.parametrize(
    ("table", "differing"),
    [
        ("options", "retired_at = now()"),
        ("packages", "name_key = 'other', display_order = 2"),
        ("purchases", "line_number = 2, external_sale_id = NULL"),
        ("orders", "number = 'ZZZZZZ', idempotency_key = NULL, request_hash = NULL"),
    ],
)
def test_unique_constraint_accepts_different_or_retired_rows(seeded, table, differing):
    seeded.insert_copy(table, differing)


DAILY_SALES_KEY = "event_id, package_id, day, channel, payment_status, promo_code_id"


@pytest.mark.parametrize("promo_code", ["IS NULL", "IS NOT NULL"])
def test_daily_sales_has_one_row_per_key(seeded, promo_code):
    sums = "purchases, orders, quantity, seats, seats_named, list_price, discount, total"
    copy = f"INSERT INTO daily_sales ({DAILY_SALES_KEY}, {sums}) SELECT {{}}, {sums} FROM daily_sales"
    of_one = f"{copy} WHERE event_id = '{seeded.ids['event']}' AND promo_code_id {promo_code}"
    with seeded.connection.transaction(force_rollback=True), pytest.raises(psycopg.errors.UniqueViolation) as refusal:
        seeded.connection.execute(of_one.format(DAILY_SALES_KEY))
    assert refusal.value.diag.constraint_name == "uq_daily_sales"
    for column, other in (("day", "day + 1"), ("channel", "'cash'"), ("payment_status", "'pending'")):
        with seeded.connection.transaction(force_rollback=True):
            assert seeded.connection.execute(of_one.format(DAILY_SALES_KEY.replace(column, other))).rowcount == 1


def test_packages_follow_the_time_zone_of_their_event(seeded):
    zones = f"SELECT DISTINCT time_zone FROM packages WHERE event_id = '{seeded.ids['event']}'"
    with seeded.connection.transaction(force_rollback=True):
        seeded.connection.execute("UPDATE events SET time_zone = 'Europe/Berlin' WHERE id = %s", [seeded.ids["event"]])
        assert seeded.connection.execute(zones).fetchall() == [("Europe/Berlin",)]


def test_database_computes_the_seats_of_a_purchase(seeded):
    with pytest.raises(psycopg.errors.GeneratedAlways):
        seeded.update("purchases", "seats = 7")

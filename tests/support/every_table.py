"""Fill every table of a database, and read all tables generically.

Tables and columns come from the catalog: a new table without a row here fails the test of backups.
"""

from __future__ import annotations

import subprocess
import uuid

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import inspect, select

from tests.support import hostile_text, image_samples, make, seller_files, varied_sales
from tests.support.sales_file import read_table
from ticketing import db, imports
from ticketing.access import rate_limits, staff
from ticketing.access.staff import InvitationDraft
from ticketing.actors import OPERATOR
from ticketing.catalog import images, restore
from ticketing.db import pg_programs
from ticketing.imports import column_mapping
from ticketing.models import AuditEntry, Base
from ticketing.reporting import file_presets
from ticketing.reporting.file_presets import PresetDraft
from ticketing.sales import guests, till_drafts
from ticketing.settings import ROOT

Columns = dict[str, tuple[str, ...]]
Rows = dict[str, list[str]]


def fill() -> None:
    """Insert sales and sign-ins of every kind, a picture, and text that PostgreSQL's formats must escape."""
    made = varied_sales.create_event()
    gala, table = made.event, made.packages[1]
    ana = make.staff(event=gala, password=make.PASSWORD)
    make.staff(openid_issuer="https://login.example.org", openid_subject="7f3")
    make.token(ana)
    invited = InvitationDraft(email=make.email(), name="Ben Ito", role="viewer")
    db.write(lambda s: staff.invite(s, OPERATOR, invited, event_ids=[gala.id]))
    db.write(lambda s: rate_limits.consume(s, rate_limits.PROMO_CODE_REFUSALS, rate_limits.caller_key(ana)))

    picture = images.prepare(image_samples.encode_image(image_samples.draw_noise("RGB", (300, 200))))
    db.write(lambda s: images.set_image(s, ana, gala.id, table.id, picture, "Every colour", seen_version=None))
    typed = "\\N \\. \t ' \" $1 " + " ".join(hostile_text.TEXTS.values())
    make.package(gala, ana, name="Łódź “Zoë” 火 🎟", description=typed[:1000])
    bought = make.purchase(gala, table, notes=f"{typed[:1900]}\n\\.\nlast line").purchase
    named = {1: {"name": "José Łuk", "email": "jose@example.org"}}
    db.write(lambda s: guests.name_guests(s, ana, gala.id, bought.id, named, seen_version=1))

    db.write(lambda s: till_drafts.create(s, ana, gala.id, "till", uuid.uuid4(), {"donor": {"name": "Zoë Half-Typed"}}))
    preset = PresetDraft(name="Door “list”", kind="guests", columns=("guest_name", "ticket_code"))
    db.write(lambda s: file_presets.save(s, ana, gala.id, preset, {}, for_event=False))
    make.change_package(ana, made.packages[0], price="44.44")
    with db.read_session() as session:
        price = session.scalars(select(AuditEntry.id).where(AuditEntry.field == "price").order_by(AuditEntry.id)).all()
    db.write(lambda s: restore.restore(s, ana, gala.id, price[-1], seen_version=2))

    orders = seller_files.build_rows(
        seller_files.PRETIX_POSITIONS, seller_files.pretix_position("A", 1, "Seat", "33.33", "Cleo")
    )
    content = seller_files.to_csv(orders)
    file = read_table("pretix.csv", content)
    mapping = column_mapping.propose(file, {package.id: package.name for package in made.packages})
    db.write(lambda s: imports.run(s, ana, gala.id, "pretix.csv", file, mapping))


def columns() -> Columns:
    """Return the columns of every table, in order."""
    with psycopg.connect(db.libpq_url()) as connection:
        found = connection.execute("""
            SELECT relname, ARRAY(
                SELECT attname FROM pg_attribute
                WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
            )
            FROM pg_class AS relation WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
        """).fetchall()
    return {table: tuple(names) for table, names in found}


def list_kept_columns() -> Columns:
    """Return the columns of an earlier schema that the current one still has."""
    return {
        table: tuple(name for name in names if name in Base.metadata.tables[table].columns)
        for table, names in columns().items()
        if table != "alembic_version"
    }


def rows(table_columns: Columns | None = None) -> Rows:
    """Return every row of every table as text, sorted by content."""
    with psycopg.connect(db.libpq_url(), options="-c timezone=UTC") as connection:
        return {
            table: [
                row
                for (row,) in connection.execute(
                    sql.SQL('SELECT ROW({})::text COLLATE "C" AS line FROM {} ORDER BY line').format(
                        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table)
                    )
                )
            ]
            for table, names in (table_columns or columns()).items()
        }


def dump_schema() -> str:
    """Return the schema as pg_dump writes it: tables, constraints, indexes, functions and triggers."""
    pg_dump = [
        pg_programs.list_installed()[0].path("pg_dump"),
        "--schema-only",
        "--no-owner",
        "--restrict-key=x",
        db.libpq_url(),
    ]
    lines = subprocess.run(pg_dump, capture_output=True, text=True, check=True).stdout.splitlines()
    return "\n".join(line for line in lines if line and not line.startswith("--"))


def sequences() -> list[tuple[str, int]]:
    """Return the last value of each sequence."""
    with psycopg.connect(db.libpq_url()) as connection:
        return connection.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1").fetchall()


def migrate_to(revision: str) -> None:
    """Migrate to an earlier revision."""
    with db.engine().begin() as connection:
        config = Config(ROOT / "alembic.ini")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


# Columns of schemas before 0005, from the present rows: each line of an order becomes a purchase with a use of its own.
_COUNTS = "payment_status IN ('completed', 'pending')"
_BEFORE_ORDERS = {
    "purchases": {
        "donor_id": "(SELECT donor_id FROM orders WHERE id = order_id)",
        "idempotency_key": "(SELECT idempotency_key FROM orders WHERE id = order_id AND line_number = 1)",
        "request_hash": "(SELECT request_hash FROM orders WHERE id = order_id AND line_number = 1)",
    },
    "promo_uses": {
        "purchase_id": "line.id",
        "discount": "line.discount",
        "given_back_at": f"CASE WHEN NOT line.{_COUNTS} THEN coalesce(given_back_at, line.voided_at, used_at) END",
    },
    "promo_codes": {
        "current_uses": f"(SELECT count(*) FROM purchases WHERE promo_code_id = promo_codes.id AND {_COUNTS})",
    },
}
_SOURCES_BEFORE_ORDERS = {
    "promo_uses": "promo_uses JOIN purchases AS line"
    " ON line.order_id = promo_uses.order_id AND line.promo_code_id = promo_uses.promo_code_id"
}


def copy_rows_from(source: str) -> None:
    """Copy all rows from `source`, in the columns that exist here, so that an earlier schema has rows in every table.

    Tables are copied in the order of their foreign keys here.
    """
    own_columns = columns()
    tables = [table for table, _ in inspect(db.engine()).get_sorted_table_and_fkc_names() if table]
    with psycopg.connect(source) as source_db, psycopg.connect(db.libpq_url()) as target_db:
        generated = target_db.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE is_generated = 'ALWAYS'"
        ).fetchall()
        for table in tables:
            expressions: dict[str, sql.Composable] = {
                name: sql.Identifier(table, name)
                for name in _list_present_columns(table)
                if (table, name) not in generated
            }
            table_source = table
            if "orders" not in own_columns:
                expressions |= {name: sql.SQL(text) for name, text in _BEFORE_ORDERS.get(table, {}).items()}
                table_source = _SOURCES_BEFORE_ORDERS.get(table, table)
            chosen = {name: expressions[name] for name in own_columns[table] if name in expressions}
            if chosen:
                _copy_rows(source_db, target_db, table, chosen, sql.SQL(table_source))
        target_db.execute("SELECT setval(pg_get_serial_sequence('audit_log', 'id'), max(id)) FROM audit_log")


def _list_present_columns(table: str) -> list[str]:
    """Return the columns of a table in the models, which know no table of Alembic."""
    return [column.name for column in Base.metadata.tables[table].columns] if table in Base.metadata.tables else []


def _copy_rows(
    source_db: psycopg.Connection,
    target_db: psycopg.Connection,
    table: str,
    expressions: dict[str, sql.Composable],
    table_source: sql.Composable,
) -> None:
    selected = sql.SQL(", ").join(expressions.values())
    listed = sql.SQL(", ").join(map(sql.Identifier, expressions))
    with (
        source_db.cursor().copy(sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(selected, table_source)) as reader,
        target_db.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), listed)) as writer,
    ):
        for block in reader:
            writer.write(block)

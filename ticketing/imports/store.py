"""Store the sales of an import in chunks, with a few bulk statements for each.

The caller has checked the sales and locked the packages and promo codes that they refer to, so no limit can be exceeded
here.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import daily_totals
from ticketing.actors import Actor
from ticketing.imports.rows import Sale
from ticketing.models import ImportBatch
from ticketing.sales import ticket_codes
from ticketing.validation import email_key

CHUNK_SIZE = 1000


def prepare_long_transaction(session: Session) -> None:
    """Raise the timeouts until the transaction ends, and discard the connection's cached query plans.

    Plans that were made while the tables were small scan a whole table for each foreign key check: with them an import
    of 20,000 rows took eleven times as long.
    """
    session.execute(
        text("SELECT set_config('statement_timeout', '10min', true), set_config('lock_timeout', '60s', true)")
    )
    session.execute(text("DISCARD PLANS"))


def create_batch(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    file_name: str,
    sales: Sequence[Sale],
    rows_skipped: int,
    progress: Callable[[int, int], None],
) -> ImportBatch:
    """Store one batch: a purchase for each sale, its tickets, guests and promo use, and the counts of what is sold.

    `progress` is called with the number of sales stored and of all sales after each chunk.
    """
    batch = ImportBatch(
        event_id=event_id,
        staff_id=actor.staff_id,
        imported_by=actor.name,
        file_name=file_name,
        rows_imported=len(sales),
        rows_skipped=rows_skipped,
    )
    session.add(batch)
    session.flush()
    donors = _upsert_donors(session, event_id, sales)
    for start in range(0, len(sales), CHUNK_SIZE):
        chunk = [(uuid7(), sale) for sale in sales[start : start + CHUNK_SIZE]]
        _store_purchases(session, batch, donors, chunk)
        _store_tickets(session, event_id, chunk)
        _store_promo_uses(session, event_id, donors, chunk)
        daily_totals.add(session, [purchase_id for purchase_id, _ in chunk])
        progress(start + len(chunk), len(sales))
    _increment_counts(session, sales)
    return batch


# A known donor keeps the stored name, since the file may be older.
_UPSERT_DONORS = text("""
    INSERT INTO donors (id, event_id, email, email_key, name, phone)
    SELECT incoming.id, :event_id, incoming.email, incoming.email_key, incoming.name, incoming.phone
    FROM unnest(CAST(:ids AS uuid[]), CAST(:emails AS text[]), CAST(:email_keys AS text[]), CAST(:names AS text[]),
        CAST(:phones AS text[])) AS incoming(id, email, email_key, name, phone)
    ORDER BY incoming.email_key
    ON CONFLICT (event_id, email_key) DO UPDATE SET phone = coalesce(donors.phone, excluded.phone)
    RETURNING email_key, id
""")


def _upsert_donors(session: Session, event_id: uuid.UUID, sales: Iterable[Sale]) -> dict[str, uuid.UUID]:
    """Return donor ids by email_key. A new donor gets the name and address of the last row and the first phone."""
    latest: dict[str, Sale] = {}
    phones: dict[str, str] = {}
    for sale in sales:
        key = email_key(sale.purchaser_email)
        latest[key] = sale
        if sale.purchaser_phone:
            phones.setdefault(key, sale.purchaser_phone)
    stored = session.execute(
        _UPSERT_DONORS,
        {
            "event_id": event_id,
            "ids": [uuid7() for _ in latest],
            "emails": [sale.purchaser_email for sale in latest.values()],
            "email_keys": list(latest),
            "names": [sale.purchaser_name for sale in latest.values()],
            "phones": [phones.get(key) for key in latest],
        },
    )
    return {row.email_key: row.id for row in stored}


_PURCHASE_COLUMNS = (
    "id", "event_id", "package_id", "donor_id", "quantity", "unit_price", "seats_per_package", "seats_named",
    "list_price", "discount", "fee", "total", "promo_code_id", "payment_status", "channel", "purchaser_name",
    "purchaser_email", "purchaser_phone", "notes", "external_sale_id", "import_batch_id", "recorded_by", "purchased_at",
)  # fmt: skip


def _store_purchases(
    session: Session, batch: ImportBatch, donors: dict[str, uuid.UUID], chunk: Sequence[tuple[uuid.UUID, Sale]]
) -> None:
    rows = (
        (
            purchase_id, batch.event_id, sale.package.id, donors[email_key(sale.purchaser_email)], sale.quantity,
            sale.package.price, sale.package.seats_per_package, len(sale.guests), sale.package.price * sale.quantity,
            sale.discount, sale.fee, sale.total, sale.promo_code.id if sale.promo_code else None, sale.payment_status,
            "import", sale.purchaser_name, sale.purchaser_email, sale.purchaser_phone, sale.notes,
            sale.external_sale_id, batch.id, batch.staff_id, sale.purchased_at,
        )
        for purchase_id, sale in chunk
    )  # fmt: skip
    _copy(session, "purchases", _PURCHASE_COLUMNS, rows)


def _store_tickets(session: Session, event_id: uuid.UUID, chunk: Sequence[tuple[uuid.UUID, Sale]]) -> None:
    seats = [
        (purchase_id, seat, *sale.guests.get(seat, (None, None)))
        for purchase_id, sale in chunk
        for seat in range(1, sale.quantity * sale.package.seats_per_package + 1)
    ]
    codes = _generate_ticket_codes(session, event_id, len(seats))
    rows = ((uuid7(), event_id, code, *seat) for seat, code in zip(seats, codes, strict=True))
    columns = ("id", "event_id", "code", "purchase_id", "seat_number", "guest_name", "guest_email")
    _copy(session, "assigned_tickets", columns, rows)


_CODES_IN_USE = text("SELECT code FROM assigned_tickets WHERE event_id = :event_id AND code = ANY(:codes)")


def _generate_ticket_codes(session: Session, event_id: uuid.UUID, count: int) -> set[str]:
    """Return this many codes that no ticket of the event has yet."""
    codes: set[str] = set()
    while len(codes) < count:
        candidates = {ticket_codes.new_ticket_code() for _ in range(count - len(codes))}
        used = session.scalars(_CODES_IN_USE, {"event_id": event_id, "codes": list(candidates)})
        codes |= candidates.difference(used)
    return codes


def _store_promo_uses(
    session: Session, event_id: uuid.UUID, donors: dict[str, uuid.UUID], chunk: Sequence[tuple[uuid.UUID, Sale]]
) -> None:
    rows = (
        (purchase_id, event_id, sale.promo_code.id, donors[email_key(sale.purchaser_email)], sale.discount,
         sale.purchased_at)
        for purchase_id, sale in chunk
        if sale.promo_code is not None and sale.counts
    )  # fmt: skip
    _copy(session, "promo_uses", ("purchase_id", "event_id", "promo_code_id", "donor_id", "discount", "used_at"), rows)


_ADD_SOLD_COUNTS = text("""
    UPDATE packages SET sold_count = sold_count + taken.quantity, sales_version = sales_version + 1
    FROM unnest(CAST(:ids AS uuid[]), CAST(:quantities AS int[])) AS taken(id, quantity)
    WHERE packages.id = taken.id AND (quantity_limit IS NULL OR sold_count + taken.quantity <= quantity_limit)
""")
_ADD_PROMO_USES = text("""
    UPDATE promo_codes SET current_uses = current_uses + taken.uses
    FROM unnest(CAST(:ids AS uuid[]), CAST(:uses AS int[])) AS taken(id, uses)
    WHERE promo_codes.id = taken.id AND (max_total_uses IS NULL OR current_uses + taken.uses <= max_total_uses)
""")


def _increment_counts(session: Session, sales: Iterable[Sale]) -> None:
    """Add to the sold counts and uses. A package with only failed sales gets a new sales_version all the same."""
    sold: Counter[uuid.UUID] = Counter()
    uses: Counter[uuid.UUID] = Counter()
    for sale in sales:
        sold[sale.package.id] += sale.quantity if sale.counts else 0
        if sale.promo_code is not None and sale.counts:
            uses[sale.promo_code.id] += 1
    results = [
        session.execute(_ADD_SOLD_COUNTS, {"ids": list(sold), "quantities": list(sold.values())}),
        session.execute(_ADD_PROMO_USES, {"ids": list(uses), "uses": list(uses.values())}),
    ]
    if [cast(Any, result).rowcount for result in results] != [len(sold), len(uses)]:
        raise AssertionError("a limit was exceeded although its row was locked")


def _copy(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Run COPY on the session's own connection, and raise its errors as SQLAlchemy does."""
    connection = cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as exc:
        raise DBAPIError.instance(statement.as_string(), None, exc, psycopg.Error) from exc

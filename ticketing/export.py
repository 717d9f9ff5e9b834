"""The purchases of an event as CSV, streamed from COPY whatever their number.

Opens right in a spreadsheet program: a byte order mark so that accents survive, and an apostrophe before text that a
spreadsheet would run as a formula (OWASP, "CSV Injection"). Source of the columns: PRODUCT "HTTP interface".
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import accounts, db
from ticketing.actors import Actor
from ticketing.models import Event

PIECE = 64 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Export:
    """What to stream: the SELECT, and the time zone in which its moments are written."""

    query: sql.Composed
    time_zone: str
    event_name: str


def _safe(column: str) -> sql.SQL:
    """Text that people typed, so that no spreadsheet takes it for a formula."""
    return sql.SQL(f"CASE WHEN {column} ~ '^[\\s]*[=+\\-@\\t\\r]' THEN '''' || {column} ELSE {column} END")


_PURCHASES = sql.SQL("""
    SELECT purchase.id AS purchase_id,
        to_char(purchase.purchased_at, 'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM') AS purchased_at,
        {package} AS package,
        CASE WHEN package.is_sponsorship THEN 'true' ELSE 'false' END AS is_sponsorship,
        purchase.quantity, purchase.seats,
        {purchaser_name} AS purchaser_name, {purchaser_email} AS purchaser_email, {purchaser_phone} AS purchaser_phone,
        purchase.list_price, purchase.discount, purchase.total,
        promo_code.code AS promo_code, purchase.payment_status, purchase.channel,
        {external_sale_id} AS external_sale_id, {notes} AS notes, {guests} AS guests, {answers} AS answers,
        purchase.fee
    FROM purchases AS purchase
    JOIN packages AS package ON package.id = purchase.package_id
    LEFT JOIN promo_codes AS promo_code ON promo_code.id = purchase.promo_code_id
    LEFT JOIN LATERAL (
        SELECT string_agg(guest_name, '; ' ORDER BY seat_number) AS names
        FROM assigned_tickets WHERE purchase_id = purchase.id AND guest_name IS NOT NULL
    ) AS guest ON true
    LEFT JOIN LATERAL (
        SELECT string_agg(option.label || ': ' || CASE jsonb_typeof(answer.value)
                   WHEN 'boolean' THEN CASE WHEN answer.value = 'true' THEN 'yes' ELSE 'no' END
                   WHEN 'array' THEN (SELECT string_agg(choice, ', ') FROM jsonb_array_elements_text(answer.value)
                                      AS choice)
                   ELSE answer.value #>> '{{}}' END, '; ' ORDER BY option.display_order) AS given
        FROM answers AS answer JOIN options AS option ON option.id = answer.option_id
        WHERE answer.purchase_id = purchase.id
    ) AS answered ON true
    WHERE purchase.event_id = {event_id} AND ({every_package} OR package.is_sponsorship)
    ORDER BY purchase.purchased_at, purchase.id
""")


def purchases_query(session: Session, actor: Actor, event_id: uuid.UUID, *, sponsorships_only: bool = False) -> Export:
    """One row per purchase of the event, or of its sponsorships alone; judged here, streamed later. Raises NotFound."""
    accounts.require(session, actor, "read", event_id)
    event = session.scalars(select(Event).where(Event.id == event_id)).one()
    query = _PURCHASES.format(
        package=_safe("package.name"),
        purchaser_name=_safe("purchase.purchaser_name"),
        purchaser_email=_safe("purchase.purchaser_email"),
        purchaser_phone=_safe("purchase.purchaser_phone"),
        external_sale_id=_safe("purchase.external_sale_id"),
        notes=_safe("purchase.notes"),
        guests=_safe("guest.names"),
        answers=_safe("answered.given"),
        event_id=sql.Literal(event_id),
        every_package=sql.Literal(not sponsorships_only),
    )
    return Export(query, event.time_zone, event.name)


async def stream(export: Export) -> AsyncIterator[bytes]:
    """The CSV in pieces of about 64 kB, so that memory does not grow with the number of rows."""
    async with (
        await psycopg.AsyncConnection.connect(db.libpq_url(), autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        await cursor.execute(
            "SELECT set_config('TimeZone', %s, false), set_config('statement_timeout', '10min', false),"
            " set_config('default_transaction_read_only', 'on', false)",
            [export.time_zone],
        )
        statement = sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv, HEADER)").format(export.query)
        async with cursor.copy(statement) as rows:
            piece = bytearray(BYTE_ORDER_MARK)
            async for row in rows:
                piece += row
                if len(piece) >= PIECE:
                    yield bytes(piece)
                    piece.clear()
            yield bytes(piece)

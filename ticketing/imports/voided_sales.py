"""Imported sales that were voided here one by one: the next file of the same seller contains them again."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.orm import Session

from ticketing.imports.bulk_copy import dump_texts, select_texts
from ticketing.imports.rows import VoidedSale
from ticketing.imports.stored_ids import IS_LINE_OF_ORDER, ORDER_OF_LINE

# What the undo of an import voided is not among them: its purpose is that a corrected file can be imported.
_FIND = text(f"""
    SELECT DISTINCT ON (purchase.external_sale_id) purchase.external_sale_id, purchase.package_id,
        purchase.imported_email_key,
        CAST(timezone(package.time_zone, purchase.voided_at) AS date) AS day, coalesce(entry.actor, '') AS actor
    FROM purchases AS purchase
    JOIN packages AS package ON package.id = purchase.package_id
    JOIN import_batches AS batch ON batch.id = purchase.import_batch_id
    LEFT JOIN LATERAL (
        SELECT actor FROM audit_log WHERE subject_id = purchase.id AND action = 'purchase.voided'
        ORDER BY id DESC LIMIT 1
    ) AS entry ON true
    WHERE purchase.event_id = :event_id AND purchase.payment_status = 'voided'
      AND (
        purchase.external_sale_id IN {select_texts("numbers")}
        OR ({IS_LINE_OF_ORDER} AND {ORDER_OF_LINE} IN {select_texts("numbers")})
      )
      AND purchase.voided_at IS DISTINCT FROM batch.undone_at
    ORDER BY purchase.external_sale_id, purchase.voided_at DESC
""")  # noqa: S608


def find(session: Session, event_id: uuid.UUID, numbers: Collection[str]) -> dict[str, VoidedSale]:
    """Return the voided sales of this event with one of these numbers, and lines of orders, with their last void."""
    rows = session.execute(_FIND, {"event_id": event_id, "numbers": dump_texts(numbers)})
    return {
        row.external_sale_id: VoidedSale(
            row.package_id, row.imported_email_key, f"{row.day:%b} {row.day.day}, {row.day.year}", row.actor
        )
        for row in rows
    }

"""The prefix that is proposed for a file: that of the seller whose files have this header."""

from __future__ import annotations

import uuid
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.orm import Session

from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.imports import column_mapping, known_sales, parsing
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.table import Table
from ticketing.validation import email_key

SAMPLE_ROWS = 1000
_LIST_PREFIXES = text("""
    SELECT id_prefix FROM import_batches
    WHERE event_id = :event_id AND header_hash = :header_hash AND undone_at IS NULL AND rows_imported > 0
    GROUP BY id_prefix ORDER BY max(created_at) DESC
""")
_COUNT_SAME_BUYERS = text("""
    SELECT count(*) FROM unnest(CAST(:ids AS text[]), CAST(:buyers AS text[])) AS incoming(id, buyer)
    JOIN purchases AS purchase ON purchase.event_id = :event_id AND purchase.external_sale_id = incoming.id
    WHERE purchase.imported_email_key = incoming.buyer
""")


def propose_prefix(
    session: Session, actor: Actor, event_id: uuid.UUID, table: Table, mapping: ColumnMapping | None
) -> str:
    """Return the prefix of earlier imports from files with this header, "" without one.

    Two shops of one program have the same header: of several prefixes it is the one under which most sales of this
    file are here already, and of equal ones the last. Raises NotFound and NotAllowed when the actor may not change the
    event.
    """
    permissions.require(session, actor, "change", event_id)
    values = {"event_id": event_id, "header_hash": column_mapping.header_hash(table)}
    prefixes: list[str] = list(session.scalars(_LIST_PREFIXES, values))
    if len(prefixes) < 2:
        return next(iter(prefixes), "")
    sales = _read_sample(table, mapping)
    return max(prefixes, key=lambda prefix: _count_known(session, event_id, sales, prefix))


def _read_sample(table: Table, mapping: ColumnMapping | None) -> list[tuple[str, str]]:
    """Return number and buyer of rows from the whole file."""
    step = max(len(table.records) // SAMPLE_ROWS, 1)
    sample = replace(table, records=table.records[::step])
    if mapping is not None:
        sample = column_mapping.apply(sample, mapping, {})
    values = (record.values for record in parsing.parse(sample, "UTC"))
    return [
        (each["external_sale_id"], email_key(each["purchaser_email"]))
        for each in values
        if each.keys() >= {"external_sale_id", "purchaser_email"}
    ]


def _count_known(session: Session, event_id: uuid.UUID, sales: list[tuple[str, str]], prefix: str) -> int:
    ids = [known_sales.build_id(prefix, number) for number, _ in sales]
    values = {"event_id": event_id, "ids": ids, "buyers": [buyer for _, buyer in sales]}
    count: int = session.scalars(_COUNT_SAME_BUYERS, values).one()
    return count

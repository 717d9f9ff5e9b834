"""Read the state of the database, and assert that a refusal did not change it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Table, func, select, text

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR, Actor
from ticketing.models import (
    Answer,
    AssignedTicket,
    AuditEntry,
    Base,
    Donor,
    Event,
    Option,
    Order,
    Package,
    PromoCode,
    PromoUse,
    Purchase,
    TillDraft,
)


def snapshot(event: Event) -> tuple[Any, ...]:
    """Return everything that a purchase may change, to compare before and after a refusal."""
    with db.read_session() as session:
        counted = [
            session.scalar(select(func.count()).select_from(model).where(model.event_id == event.id))
            for model in (Order, Purchase, AssignedTicket, Answer, PromoUse, Donor, AuditEntry)
        ]
        sold = session.scalars(select(Package.sold_count).where(Package.event_id == event.id).order_by(Package.id))
        uses = session.scalars(select(PromoCode.current_uses).where(PromoCode.event_id == event.id))
        return counted, sold.all(), sorted(uses.all())


def get_sold_count(package: Package) -> int:
    with db.read_session() as session:
        return session.get(Package, package.id).sold_count


def get_use_count(promo_code: PromoCode) -> int:
    with db.read_session() as session:
        return session.get(PromoCode, promo_code.id).current_uses


def count_orders(event: Event) -> int:
    with db.read_session() as session:
        return session.scalar(select(func.count()).select_from(Order).where(Order.event_id == event.id)) or 0


def list_drafts(event: Event) -> list[Any]:
    """Return the contents of the drafts of orders that are being typed."""
    with db.read_session() as session:
        return list(session.scalars(select(TillDraft.content).where(TillDraft.event_id == event.id)))


def assert_purchase_refused(
    kind: type[Exception], event: Event, package: Package, actor: Actor = OPERATOR, **fields: Any
) -> Any:
    """Assert that a purchase is refused and changes nothing, and return the error."""
    before = snapshot(event)
    with pytest.raises(kind) as refusal:
        make.purchase(event, package, actor, **fields)
    assert snapshot(event) == before
    return refusal.value


@contextmanager
def assert_refused(kind: type[Exception], event: Event) -> Iterator[Any]:
    """Assert that the block raises `kind`, and changes neither a record nor the audit log."""
    before = snapshot(event), _list_records(event)
    with pytest.raises(kind) as refusal:
        yield refusal
    assert (snapshot(event), _list_records(event)) == before


def _list_records(event: Event) -> list[Any]:
    with db.read_session() as session:
        return [
            session.execute(
                select(*model.__table__.columns)
                .where(model.event_id == event.id)
                .order_by(*model.__table__.primary_key)
            ).all()
            for model in (Package, Option, PromoCode, Order, Purchase, PromoUse)
        ]


def get_audit_changes(subject_id: Any, action: str) -> dict[str | None, tuple[Any, Any]]:
    """Return old and new value by field, of the audit entries of one action on one record."""
    with db.read_session() as session:
        rows = session.scalars(
            select(AuditEntry).where(AuditEntry.subject_id == subject_id, AuditEntry.action == action)
        )
        return {row.field: (row.old_value, row.new_value) for row in rows}


# Rate limits are counted for refused requests, too.
_TABLES_WRITTEN_ON_REFUSAL = {"rate_limits"}
_LAST_USED_COLUMNS = {"last_seen_at", "last_used_at"}


def _hash_of_row(table: Table) -> str:
    if _LAST_USED_COLUMNS.isdisjoint(table.columns.keys()):
        return "hash_record_extended(t, 0)"
    return "hashtextextended((to_jsonb(t) - 'last_seen_at' - 'last_used_at')::text, 0)"


_FINGERPRINT_QUERY = text(
    " UNION ALL ".join(
        f"SELECT '{table.name}' AS name, count(*) AS rows,"
        f" sum({_hash_of_row(table)}) AS hash FROM {table.name} AS t "
        + ("WHERE event_id = :event_id" if "event_id" in table.columns else "")
        for table in Base.metadata.sorted_tables
        if table.name not in _TABLES_WRITTEN_ON_REFUSAL
    )
)


def list_changed(event: Event, before: dict[str, Any]) -> set[str]:
    """Return the tables whose fingerprint is another one than before."""
    after = fingerprint(event)
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def fingerprint(event: Event) -> dict[str, Any]:
    """Return row count and hash of every table; of tables with event_id only the event's rows."""
    with db.read_session() as session:
        return {row.name: (row.rows, row.hash) for row in session.execute(_FINGERPRINT_QUERY, {"event_id": event.id})}

"""What the database holds now, and whether a refusal left it alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, select, text

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
    Package,
    PromoCode,
    PromoUse,
    Purchase,
)


def standing(event: Event) -> tuple[Any, ...]:
    """Everything a purchase may move, to be compared before and after a refusal."""
    with db.reading() as session:
        counted = [
            session.scalar(select(func.count()).select_from(model).where(model.event_id == event.id))
            for model in (Purchase, AssignedTicket, Answer, PromoUse, Donor, AuditEntry)
        ]
        sold = session.scalars(select(Package.sold_count).where(Package.event_id == event.id).order_by(Package.id))
        uses = session.scalars(select(PromoCode.current_uses).where(PromoCode.event_id == event.id))
        return counted, sold.all(), sorted(uses.all())


def sold(package: Package) -> int:
    with db.reading() as session:
        return session.get(Package, package.id).sold_count


def uses(promo_code: PromoCode) -> int:
    with db.reading() as session:
        return session.get(PromoCode, promo_code.id).current_uses


def refused(kind: type[Exception], event: Event, package: Package, actor: Actor = OPERATOR, **fields: Any) -> Any:
    """The refusal of a purchase, having seen that nothing moved."""
    before = standing(event)
    with pytest.raises(kind) as refusal:
        make.purchase(event, package, actor, **fields)
    assert standing(event) == before
    return refusal.value


@contextmanager
def refuses(kind: type[Exception], event: Event) -> Iterator[Any]:
    """What is done inside is refused, and neither a record nor the trail of changes is other than before."""
    before = standing(event), _records(event)
    with pytest.raises(kind) as refusal:
        yield refusal
    assert (standing(event), _records(event)) == before


def _records(event: Event) -> list[Any]:
    with db.reading() as session:
        return [
            session.execute(
                select(*model.__table__.columns)
                .where(model.event_id == event.id)
                .order_by(*model.__table__.primary_key)
            ).all()
            for model in (Package, Option, PromoCode, Purchase, PromoUse)
        ]


def trail(subject_id: Any, action: str) -> dict[str | None, tuple[Any, Any]]:
    """What the changes of one kind to one record were, by field: before and after."""
    with db.reading() as session:
        rows = session.scalars(
            select(AuditEntry).where(AuditEntry.subject_id == subject_id, AuditEntry.action == action)
        )
        return {row.field: (row.old_value, row.new_value) for row in rows}


# Written by whoever asks, also when they are refused: that is what they are for.
_OF_WHO_ASKS = {"rate_limits"}
_USED_LAST = "- 'last_seen_at' - 'last_used_at'"
_WHOLE = text(
    " UNION ALL ".join(
        f"SELECT '{table.name}' AS name, count(*) AS rows, sum(hashtextextended((to_jsonb(t) {_USED_LAST})::text, 0))"
        f" AS hash FROM {table.name} AS t " + ("WHERE event_id = :event_id" if "event_id" in table.columns else "")
        for table in Base.metadata.sorted_tables
        if table.name not in _OF_WHO_ASKS
    )
)


def fingerprint(event: Event) -> dict[str, Any]:
    """Every table: the event's rows where they belong to events, all of them where not, as a number that tells them."""
    with db.reading() as session:
        return {row.name: (row.rows, row.hash) for row in session.execute(_WHOLE, {"event_id": event.id})}

"""What the database holds now, and whether a refusal left it alone."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from tests import make
from ticketing import db
from ticketing.actors import OPERATOR, Actor
from ticketing.models import Answer, AssignedTicket, AuditEntry, Donor, Event, Package, PromoCode, PromoUse, Purchase


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

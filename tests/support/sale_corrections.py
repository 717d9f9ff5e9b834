"""Correct a sale, and read what it became."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ticketing import db
from ticketing.actors import OPERATOR, Actor
from ticketing.models import Donor, Event, Order, PromoUse, Purchase
from ticketing.ops import verify
from ticketing.sales import sale_details


def correct(
    order: Order,
    values: dict[str, Any] | None = None,
    answers: dict[Any, dict[Any, Any]] | None = None,
    actor: Actor = OPERATOR,
    *,
    seen_version: int | None = None,
    confirmed: Any = None,
    event_id: Any = None,
) -> Order:
    return db.write(
        lambda session: sale_details.correct(
            session,
            actor,
            event_id or order.event_id,
            order.id,
            values or {},
            answers or {},
            seen_version=seen_version,
            confirmed_donor_id=confirmed,
        )
    )


def list_lines(order: Order) -> list[Purchase]:
    with db.read_session() as session:
        lines = select(Purchase).where(Purchase.order_id == order.id).order_by(Purchase.line_number)
        return list(session.scalars(lines))


def find_donor(event: Event, email: str) -> Donor | None:
    with db.read_session() as session:
        return session.scalar(select(Donor).where(Donor.event_id == event.id, Donor.email_key == email))


def reload(order: Order) -> Order:
    with db.read_session() as session:
        return session.get_one(Order, order.id)


def list_use_donors(order: Order) -> list[tuple[Any, bool]]:
    """Return the donors of the order's uses, as (donor_id, whether it was given back)."""
    with db.read_session() as session:
        uses = session.scalars(select(PromoUse).where(PromoUse.order_id == order.id))
        return [(use.donor_id, use.given_back_at is not None) for use in uses]


def assert_verified(event: Event) -> None:
    """Check that nothing that is computed from the purchases of the event differs from them."""
    with db.Session(db.engine()) as session:
        assert [str(each) for each in verify.verify(session) if getattr(each, "event_id", None) == event.id] == []

"""Archive an event: it leaves the lists, and sells, imports and sets up nothing until an admin restores it.

What was sold can still be voided, corrected and named (docs/product.md, "Archived events"). Packages carry the flag of
their event, so that a sale, which locks only its packages, cannot miss it (docs/decisions/0033).
"""

from __future__ import annotations

import uuid
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import audit, daily_totals, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.errors import EventArchived
from ticketing.models import Event


class Archivable(Protocol):
    """An event, a package, or a row of either that has the flag."""

    is_archived: bool


def archive(session: Session, actor: Actor, event_id: uuid.UUID) -> Event:
    """Archive an event; one that is archived stays as it is. Admins only: raises NotAllowed, and NotFound.

    Waits for the sales of its packages that are being recorded; those that come later are refused.
    """
    return _set_archived(session, actor, event_id, "event.archived", is_archived=True)


def restore(session: Session, actor: Actor, event_id: uuid.UUID) -> Event:
    """Take an event out of the archive; one that is not in it stays as it is. Admins only, as `archive`."""
    return _set_archived(session, actor, event_id, "event.restored", is_archived=False)


def _set_archived(session: Session, actor: Actor, event_id: uuid.UUID, action: str, *, is_archived: bool) -> Event:
    permissions.require(session, actor, "administer", event_id)
    event = events.get_for_update(session, event_id)
    # Before the event's own row: a sale locks a package first, and then the event by the foreign key of its donor.
    daily_totals.lock_packages(session, event_id)
    changes = audit.changes_between(event, {"is_archived": is_archived})
    optimistic_locking.apply(session, actor, event_id, action, event, changes)
    return event


def lock_unarchived(session: Session, event_id: uuid.UUID) -> None:
    """Keep an event from being archived until the transaction ends. Raises EventArchived if it is.

    For edits that lock no package; several of them may go on at the same time.
    """
    refuse_archived(
        session.execute(select(Event.is_archived).where(Event.id == event_id).with_for_update(read=True)).one()
    )


def refuse_archived(row: Archivable) -> None:
    """Raise EventArchived for an archived event or its package."""
    if row.is_archived:
        raise EventArchived

"""Changing a record that others may change too: judged by the version that was seen, merged, applied, audited.

Events, packages, options, promo codes and accounts are all edited this way (docs/decisions/0003).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.actors import Actor
from ticketing.errors import NotFound, StaleVersion
from ticketing.models import Package, PromoCode, Purchase
from ticketing.validation import validate

D = TypeVar("D", bound=BaseModel)
R = TypeVar("R", Package, PromoCode, Purchase)


class Versioned(Protocol):
    """A row of a table with a `version` that counts staff edits."""

    id: Any
    version: Any


def get_for_update(
    session: Session, model: type[R], event_id: uuid.UUID, row_id: uuid.UUID, noun: str, *, key_share: bool = False
) -> R:
    """One row of an event as it stands, which nobody else can change until the transaction ends.

    With `key_share` others may still refer to it meanwhile, as a sale does to its package. Raises NotFound(what).
    """
    row = session.scalar(
        select(model)
        .where(model.id == row_id, model.event_id == event_id)
        .with_for_update(key_share=key_share)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound(noun)
    return row


def check_version(session: Session, event_id: uuid.UUID | None, row: Versioned, seen_version: int | None) -> None:
    """Raises StaleVersion, field by field, when `row` was edited since; None takes it as it stands now."""
    if seen_version is not None and row.version != seen_version:
        meanwhile = audit.changes_since(session, event_id, row.id, seen_version)
        raise StaleVersion(audit.display_name(row), row.version, meanwhile)


def merge(draft: type[D], row: object, values: Mapping[str, Any]) -> D:
    """The record with the given fields of the draft changed, and all others as they are. Raises InvalidInput."""
    current = {field: getattr(row, field) for field in draft.model_fields}
    return validate(draft, current | {field: value for field, value in values.items() if field in current})


def apply(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID | None,
    action: str,
    row: Versioned,
    changes: Sequence[audit.Change],
    flush: Callable[[], None] | None = None,
    change_id: uuid.UUID | None = None,
    restores: int | None = None,
) -> None:
    """Makes the changes, raises the version and writes the trail; without a change nothing happens.

    `flush` translates what the database refuses, where a concept has a sentence for it. `change_id` is what several
    records that change together have in common in the trail; `restores` is the entry whose old value comes back.
    """
    if not changes:
        return
    for each in changes:
        setattr(row, each.field, each.new)
    row.version += 1
    (flush or session.flush)()
    audit.record(session, actor, event_id, action, row, changes, change_id, restores)

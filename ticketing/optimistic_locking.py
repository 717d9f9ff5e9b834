"""Optimistic locking: compare versions, merge edits, apply them and record them in the audit log.

Events, packages, options, promo codes and accounts are edited this way (docs/decisions/0003).
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
from ticketing.models import Order, Package, PromoCode, Purchase
from ticketing.validation import validate

D = TypeVar("D", bound=BaseModel)
R = TypeVar("R", Order, Package, PromoCode, Purchase)


class Versioned(Protocol):
    """A row with a `version` that counts staff edits."""

    id: Any
    version: Any


def get_for_update(
    session: Session, model: type[R], event_id: uuid.UUID, row_id: uuid.UUID, noun: str, *, key_share: bool = False
) -> R:
    """Return one row of an event, fresh and locked until the transaction ends.

    With `key_share` other transactions may still insert rows that refer to it, as a sale does to its package. Raises
    NotFound with `noun`.
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
    """Raise StaleVersion, with the changed fields, when `row` was edited since `seen_version`; None skips the check."""
    if seen_version is not None and row.version != seen_version:
        changes = audit.changes_since(session, event_id, row.id, seen_version)
        raise StaleVersion(audit.display_name(row), row.version, changes)


def merge(draft: type[D], row: object, values: Mapping[str, Any]) -> D:
    """Return the row as a draft with `values` applied to the draft's fields. Raises InvalidInput."""
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
    """Apply the changes, increment the version and write the audit log; do nothing without changes.

    `flush` replaces `session.flush` where a module translates constraint violations into domain errors. `change_id`
    groups the audit entries of records that change together. `restores` is the id of the audit entry whose old value
    is restored.
    """
    if not changes:
        return
    for change in changes:
        setattr(row, change.field, change.new)
    row.version += 1
    (flush or session.flush)()
    audit.record(session, actor, event_id, action, row, changes, change_id, restores)

"""The audit log: written in the transaction of each change, and never altered (docs/product.md, "Audit").

One row per changed field; the rows of one change share a change_id.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import money
from ticketing.actors import Actor
from ticketing.audit import change_log
from ticketing.errors import FieldChange
from ticketing.models import AuditEntry

# Fields whose new value is in the log line as well: words and numbers of ours, never text that people typed.
LOGGED_VALUES = ("is_active", "is_enabled", "payment_status", "role", "rows_imported")


@dataclass(frozen=True)
class Change:
    """The values of one field before and after a change."""

    field: str
    old: Any
    new: Any


class Subject(Protocol):
    """The changed record: a row of any table with an id."""

    id: Any


def changes_between(row: object, new_values: dict[str, Any]) -> list[Change]:
    """Return what assigning `new_values` to `row` would change, in their order."""
    return [Change(field, old, new) for field, new in new_values.items() if (old := getattr(row, field)) != new]


def creation_changes(values: Mapping[str, Any]) -> list[Change]:
    """Return the changes that create a record."""
    return [Change(field, None, value) for field, value in values.items()]


def deletion_changes(row: object, fields: Iterable[str]) -> list[Change]:
    """Return the changes that delete a record."""
    return [Change(field, getattr(row, field), None) for field in fields]


def record(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID | None,
    action: str,
    subject: Subject,
    changes: Sequence[Change] = (),
    change_id: uuid.UUID | None = None,
    restores: int | None = None,
) -> None:
    """Write one row per change, or a single row without a field. `action` is noun.past_verb, such as package.changed.

    The recorded version is the one after the change, by which `changes_since` finds later edits. `restores` is the id
    of the entry whose old value this change restores. After the commit the change is a log line, too.
    """
    common = {
        "event_id": event_id,
        "staff_id": actor.staff_id,
        "actor": actor.name,
        "via": actor.via,
        "action": action,
        "subject_type": action.partition(".")[0],
        "subject_id": subject.id,
        "subject_name": display_name(subject),
        "subject_version": getattr(subject, "version", None),
        "change_id": change_id or uuid7(),
        "restores": restores,
    }
    rows = [
        {
            **common,
            "field": change.field,
            "old_value": serialize_value(change.old),
            "new_value": serialize_value(change.new),
        }
        for change in changes
    ]
    session.execute(insert(AuditEntry), rows or [{**common, "field": None, "old_value": None, "new_value": None}])
    names = dict.fromkeys(change.field.partition(" ")[0] for change in changes)  # "seat 1", "seat 2", ... are one
    values = {change.field: change.new for change in changes if change.field in LOGGED_VALUES}
    change_log.log_after_commit(
        session, actor, event_id, action, subject.id, [name for name in names if name not in values], values
    )


def changes_since(
    session: Session, event_id: uuid.UUID | None, subject_id: uuid.UUID, version: int
) -> list[FieldChange]:
    """Return the changes of one record after `version`, oldest first."""
    entries = session.scalars(
        select(AuditEntry)
        .where(
            AuditEntry.event_id == event_id,
            AuditEntry.subject_id == subject_id,
            AuditEntry.subject_version > version,
            AuditEntry.field.is_not(None),
        )
        .order_by(AuditEntry.id)
    )
    return [FieldChange(e.field or "", e.old_value, e.new_value, e.actor, e.occurred_at) for e in entries]


def find_latest(session: Session, event_id: uuid.UUID, subject_id: uuid.UUID, action: str) -> AuditEntry | None:
    """Return the newest entry of one action on one record."""
    return session.scalars(
        select(AuditEntry)
        .where(AuditEntry.event_id == event_id, AuditEntry.subject_id == subject_id, AuditEntry.action == action)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    ).first()


def display_name(subject: Subject) -> str:
    """Return the name of a record for people: its name, code, label, file or purchaser."""
    for attribute in ("name", "code", "label", "file_name", "purchaser_name"):
        if name := getattr(subject, attribute, None):
            return str(name)
    return str(subject.id)


def serialize_value(value: Any) -> Any:
    """Return a value as the audit log stores it: amounts, times and ids as text."""
    if isinstance(value, Decimal):
        return money.format_plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    return value

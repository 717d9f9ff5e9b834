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

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import money
from ticketing.actors import Actor
from ticketing.audit import change_log
from ticketing.errors import FieldChange
from ticketing.models import AuditEntry, Order, Purchase

# Fields whose new value is in the log line as well: words and numbers of ours, never text that people typed.
LOGGED_VALUES = (
    "is_active",
    "is_archived",
    "is_enabled",
    "payment_status",
    "role",
    "rows_imported",
    "statuses_changed",
    "purchases_voided",
)


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


@dataclass(frozen=True)
class Entry:
    """A change of one record. Without `changes` it is a single row without a field.

    `restores` is the id of the entry whose old value this change restores.
    """

    subject: Subject
    changes: Sequence[Change] = ()
    change_id: uuid.UUID | None = None
    restores: int | None = None


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
    record_all(session, actor, event_id, action, [Entry(subject, changes, change_id, restores)])


def record_all(
    session: Session, actor: Actor, event_id: uuid.UUID | None, action: str, entries: Iterable[Entry]
) -> None:
    """Write what `record` writes for many records at once."""
    rows: list[dict[str, Any]] = []
    for entry in entries:
        rows += _build_rows(actor, event_id, action, entry)
        # "seat 1", "seat 2", ... are one name
        names = dict.fromkeys(change.field.partition(" ")[0] for change in entry.changes)
        values = {change.field: change.new for change in entry.changes if change.field in LOGGED_VALUES}
        unlogged = [name for name in names if name not in values]
        change_log.log_after_commit(session, actor, event_id, action, entry.subject.id, unlogged, values)
    if rows:
        session.execute(insert(AuditEntry), rows)


def _build_rows(actor: Actor, event_id: uuid.UUID | None, action: str, entry: Entry) -> list[dict[str, Any]]:
    common = {
        "event_id": event_id,
        "staff_id": actor.staff_id,
        "actor": actor.name,
        "via": actor.via,
        "action": action,
        "subject_type": action.partition(".")[0],
        "subject_id": entry.subject.id,
        "subject_name": display_name(entry.subject),
        "subject_version": getattr(entry.subject, "version", None),
        "change_id": entry.change_id or uuid7(),
        "restores": entry.restores,
    }
    rows = [
        {
            **common,
            "field": change.field,
            "old_value": serialize_value(change.old),
            "new_value": serialize_value(change.new),
        }
        for change in entry.changes
    ]
    return rows or [{**common, "field": None, "old_value": None, "new_value": None}]


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
    return [_build_field_change(entry) for entry in entries]


def list_latest_changes(
    session: Session, event_id: uuid.UUID, subject_ids: Iterable[uuid.UUID], actions: Iterable[str], count: int
) -> list[FieldChange]:
    """Return the fields of the last `count` changes by one of `actions` to any of several records, oldest first."""
    return [_build_field_change(entry) for entry in list_latest_entries(session, event_id, subject_ids, actions, count)]


def list_latest_entries(
    session: Session, event_id: uuid.UUID, subject_ids: Iterable[uuid.UUID], actions: Iterable[str], count: int = 1
) -> list[AuditEntry]:
    """Return the entries of the last `count` changes by one of `actions` to any of several records, oldest first."""
    conditions = (
        AuditEntry.event_id == event_id,
        AuditEntry.subject_id.in_(list(subject_ids)),
        AuditEntry.action.in_(list(actions)),
    )
    latest = (
        select(AuditEntry.change_id)
        .where(*conditions)
        .group_by(AuditEntry.change_id)
        .order_by(func.max(AuditEntry.id).desc())
        .limit(count)
    )
    entries = select(AuditEntry).where(*conditions, AuditEntry.change_id.in_(latest)).order_by(AuditEntry.id)
    return list(session.scalars(entries))


def _build_field_change(entry: AuditEntry) -> FieldChange:
    return FieldChange(entry.field or "", entry.old_value, entry.new_value, entry.actor, entry.occurred_at)


def find_latest(session: Session, event_id: uuid.UUID, subject_id: uuid.UUID, action: str) -> AuditEntry | None:
    """Return the newest entry of one action on one record."""
    return session.scalars(
        select(AuditEntry)
        .where(AuditEntry.event_id == event_id, AuditEntry.subject_id == subject_id, AuditEntry.action == action)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    ).first()


def display_name(subject: Subject) -> str:
    """Return the name of a record for people: its name, code, label, file, or purchaser and order."""
    if isinstance(subject, Purchase):
        return f"{subject.purchaser_name} (order {subject.order.number})"
    if isinstance(subject, Order):
        return subject.number
    for attribute in ("name", "code", "label", "file_name"):
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

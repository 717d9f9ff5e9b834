"""Restore the value that a field had before an audit entry, as an ordinary change whose entry names the restored one.

Only fields of forms can be restored, of packages, promo codes, options and events that still exist. Deleted records and
deleted images are not stored any more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import audit, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import events, options, packages, promo_codes
from ticketing.catalog.events import EventDraft
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.packages import PackageDraft
from ticketing.catalog.promo_codes import PromoCodeDraft
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.models import AuditEntry, Event, Option, Package, PromoCode

Record = Package | PromoCode | Option | Event


@dataclass(frozen=True)
class RestorableEntry:
    """An entry whose old value can be restored.

    `now` and `after` are the field's current and restored value as the audit log stores them; `version` is the record's
    current version. `package_name` is that of an option, several of which may change together under one name.
    """

    entry: AuditEntry
    now: Any
    after: Any
    version: int
    package_name: str | None = None


_RESTORABLE: dict[str, tuple[type[Record], type[BaseModel]]] = {
    "package.changed": (Package, PackageDraft),
    "promo_code.changed": (PromoCode, PromoCodeDraft),
    "option.changed": (Option, OptionDraft),
    "event.changed": (Event, EventDraft),
}


def list_restorable(
    session: Session, actor: Actor, event_id: uuid.UUID, entries: Iterable[AuditEntry]
) -> dict[int, RestorableEntry]:
    """Return the restorable ones of these entries by id; none when the actor may not change the event.

    Left out are values that the record already has, values that its form would refuse today, and what an archived
    event refuses: all but its own fields.
    """
    permissions.require(session, actor, "read", event_id)
    if not permissions.is_allowed(actor, "change"):
        return {}
    candidates = [entry for entry in entries if _is_restorable(entry)]
    if (
        any(entry.action != "event.changed" for entry in candidates)
        and events.get(session, actor, event_id).is_archived
    ):
        candidates = [entry for entry in candidates if entry.action == "event.changed"]
    records: dict[uuid.UUID, Record] = {}
    for action, (model, _) in _RESTORABLE.items():
        ids = {entry.subject_id for entry in candidates if entry.action == action}
        if ids:
            records |= {row.id: row for row in session.scalars(_select_by_ids(model, event_id, ids))}
    found = (
        _find_restorable_value(records[each.subject_id], each) for each in candidates if each.subject_id in records
    )
    restorable = {each.entry.id: each for each in found if each is not None}
    names = _find_package_names(session, [row for row in records.values() if isinstance(row, Option)])
    return {
        entry_id: replace(each, package_name=names.get(each.entry.subject_id)) for entry_id, each in restorable.items()
    }


def _find_package_names(session: Session, rows: Sequence[Option]) -> dict[uuid.UUID, str]:
    """Return the names of the packages of options, by id of the option."""
    if not rows:
        return {}
    query = select(Package.id, Package.name).where(Package.id.in_({option.package_id for option in rows}))
    names = {row.id: row.name for row in session.execute(query)}
    return {option.id: names[option.package_id] for option in rows}


def find_restorable(session: Session, actor: Actor, event_id: uuid.UUID, entry_id: int) -> RestorableEntry | None:
    """Return one entry if it can be restored now, else None."""
    entries = session.scalars(select(AuditEntry).where(AuditEntry.id == entry_id, AuditEntry.event_id == event_id))
    return list_restorable(session, actor, event_id, entries).get(entry_id)


def restore(session: Session, actor: Actor, event_id: uuid.UUID, entry_id: int, *, seen_version: int) -> Record:
    """Set a field to the value it had before an entry, on the record that the actor saw at `seen_version`.

    Raises NotFound, Conflict when the entry is not the change of a field, and everything that the change itself raises:
    StaleVersion, InvalidInput, LimitBelowSold, CodeUsed, HasAnswers.
    """
    permissions.require(session, actor, "change", event_id)
    entry = session.scalar(select(AuditEntry).where(AuditEntry.id == entry_id, AuditEntry.event_id == event_id))
    if entry is None:
        raise NotFound("entry of the audit log")
    if not _is_restorable(entry):
        raise Conflict("Only the change of a field can be restored; this entry is of another kind.")
    return _update(session, actor, entry, entry.old_value, seen_version, restores=entry.id)


def undo(session: Session, actor: Actor, restored: RestorableEntry, *, seen_version: int) -> Record:
    """Set a field to its value before it was restored. `seen_version` is the one that restoring it made.

    Raises what `restore` raises.
    """
    return _update(session, actor, restored.entry, restored.now, seen_version)


def _update(
    session: Session, actor: Actor, entry: AuditEntry, value: Any, seen_version: int, restores: int | None = None
) -> Record:
    """Set the field of an entry as the form of its record does."""
    event_id, record_id, values = entry.event_id, entry.subject_id, {str(entry.field): value}
    assert event_id is not None  # what is restorable belongs to an event
    named: dict[str, Any] = {"seen_version": seen_version, "restores": restores}
    match entry.action:
        case "package.changed":
            return packages.update(session, actor, event_id, record_id, values, **named)
        case "promo_code.changed":
            return promo_codes.update(session, actor, event_id, record_id, values, **named)
        case "option.changed":
            option = session.scalar(_select_by_ids(Option, event_id, {record_id}))
            if option is None:
                raise NotFound("option")
            return options.update(session, actor, option.package_id, option.id, values, **named)
        case _:
            return events.update(session, actor, event_id, values, **named)


def _is_restorable(entry: AuditEntry) -> bool:
    return entry.action in _RESTORABLE and entry.field in _RESTORABLE[entry.action][1].model_fields


def _select_by_ids(model: type[Any], event_id: uuid.UUID, ids: set[uuid.UUID]) -> Any:
    own = Event.id if model is Event else model.event_id
    return select(model).where(own == event_id, model.id.in_(ids))


def _find_restorable_value(record: Record, entry: AuditEntry) -> RestorableEntry | None:
    """Check against the form's rules only; `restore` checks what is sold, used or answered."""
    field = str(entry.field)
    now = getattr(record, field)
    try:
        after = getattr(optimistic_locking.merge(_RESTORABLE[entry.action][1], record, {field: entry.old_value}), field)
    except InvalidInput:
        return None
    return (
        None
        if after == now
        else RestorableEntry(entry, audit.serialize_value(now), audit.serialize_value(after), record.version)
    )

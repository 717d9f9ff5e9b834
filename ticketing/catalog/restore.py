"""Restore the value that a field had before an audit entry, as an ordinary change whose entry names the restored one.

Only fields of forms can be restored, of packages, promo codes, options and events that still exist. Deleted records and
deleted images are not stored any more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
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
    current version.
    """

    entry: AuditEntry
    now: Any
    after: Any
    version: int


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

    Left out are values that the record already has and values that its form would refuse today.
    """
    permissions.require(session, actor, "read", event_id)
    if not permissions.is_allowed(actor, "change"):
        return {}
    candidates = [entry for entry in entries if _is_restorable(entry)]
    records: dict[uuid.UUID, Record] = {}
    for action, (model, _) in _RESTORABLE.items():
        ids = {entry.subject_id for entry in candidates if entry.action == action}
        if ids:
            records |= {row.id: row for row in session.scalars(_select_by_ids(model, event_id, ids))}
    found = (
        _find_restorable_value(records[each.subject_id], each) for each in candidates if each.subject_id in records
    )
    return {restorable.entry.id: restorable for restorable in found if restorable is not None}


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
    values = {str(entry.field): entry.old_value}
    match entry.action:
        case "package.changed":
            return packages.update(
                session, actor, event_id, entry.subject_id, values, seen_version=seen_version, restores=entry.id
            )
        case "promo_code.changed":
            return promo_codes.update(
                session, actor, event_id, entry.subject_id, values, seen_version=seen_version, restores=entry.id
            )
        case "option.changed":
            option = session.scalar(_select_by_ids(Option, event_id, {entry.subject_id}))
            if option is None:
                raise NotFound("option")
            return options.update(
                session, actor, option.package_id, option.id, values, seen_version=seen_version, restores=entry.id
            )
        case _:
            return events.update(session, actor, event_id, values, seen_version=seen_version, restores=entry.id)


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

"""Saved choices of columns of files: of a person for all events, or of an event for everybody who sees it.

A choice has names only. Whoever downloads the file gets what their own rights allow, and a column that a file no longer
has is named. A question is kept by its label, since its id is that of one event.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import Field
from sqlalchemy import delete as delete_rows
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import InvalidInput, NotAllowed, NotFound
from ticketing.models import Event, FilePreset, Staff
from ticketing.reporting.file_columns import PRESETS, FileColumn, Kind
from ticketing.validation import Draft, Name

MAX_PRESETS = 50  # of a person or an event
MAX_COLUMNS = 200
TOO_MANY = f"{MAX_PRESETS} choices are saved here already. Delete one first."
_LABEL_PREFIX = "question: "


class PresetDraft(Draft):
    """A choice to save, with the names of its columns in the order of the file."""

    name: Name
    kind: Kind
    columns: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_COLUMNS)]


def list_presets(session: Session, actor: Actor, event_id: uuid.UUID) -> list[FilePreset]:
    """Return the choices of the actor and of the event by name. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    own = or_(FilePreset.event_id == event_id, FilePreset.staff_id == actor.staff_id)
    return list(session.scalars(select(FilePreset).where(own).order_by(func.lower(FilePreset.name), FilePreset.id)))


def save(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    draft: PresetDraft,
    available: Mapping[str, FileColumn],
    *,
    for_event: bool,
) -> FilePreset:
    """Save a choice in place of one with the same name, for the event, or else for the actor alone.

    `available` are the columns of the file, by which questions are named. Raises NotFound; NotAllowed for an event that
    the actor may not change, and for the operator, who has nothing of their own; InvalidInput for the name of a choice
    that comes along, and for more than MAX_PRESETS.
    """
    permissions.require(session, actor, "change" if for_event else "read", event_id)
    if not for_event and actor.staff_id is None:
        raise NotAllowed
    owner = {"event_id": event_id} if for_event else {"staff_id": actor.staff_id}
    names = [_store_name(available[name]) for name in draft.columns if name in available]
    if draft.name.casefold() in {each.name.casefold() for each in PRESETS}:
        raise InvalidInput({"name": f"“{draft.name}” comes along. Choose another name."})
    # Locked, so that of two people who save the same name at once the second replaces the choice of the first.
    owners = (
        select(Event.id).where(Event.id == event_id)
        if for_event
        else select(Staff.id).where(Staff.id == actor.staff_id)
    )
    session.execute(owners.with_for_update(key_share=True))
    others = session.scalars(select(FilePreset).filter_by(**owner)).all()
    preset = next((each for each in others if each.name == draft.name), None)
    if preset is None and len(others) >= MAX_PRESETS:
        raise InvalidInput({"name": TOO_MANY})
    if preset is None:
        preset = FilePreset(**owner, name=draft.name, kind=draft.kind, columns=names)
        session.add(preset)
        changes = audit.creation_changes({"kind": draft.kind, "columns": names})
    else:
        changes = audit.changes_between(preset, {"kind": draft.kind, "columns": names})
        preset.kind, preset.columns = draft.kind, names
    session.flush()
    if for_event and changes:
        audit.record(session, actor, event_id, "file_preset.saved", preset, changes)
    return preset


def delete(session: Session, actor: Actor, event_id: uuid.UUID, preset_id: uuid.UUID) -> None:
    """Delete a choice of the event, or one of the actor's own. Raises NotFound, NotAllowed."""
    preset = next((each for each in list_presets(session, actor, event_id) if each.id == preset_id), None)
    if preset is None:
        raise NotFound("saved choice")
    if preset.event_id is not None:
        permissions.require(session, actor, "change", event_id)
        changes = audit.deletion_changes(preset, ("kind", "columns"))
        audit.record(session, actor, event_id, "file_preset.deleted", preset, changes)
    session.execute(delete_rows(FilePreset).where(FilePreset.id == preset_id))


def apply(names: Iterable[str], columns: Sequence[FileColumn]) -> tuple[list[str], list[str]]:
    """Return the names of the columns that the file has, and what it no longer has, in the words of its headings."""
    available = {_store_name(column): column.name for column in columns}
    found = [available[name] for name in names if name in available]
    return found, [name.removeprefix(_LABEL_PREFIX) for name in names if name not in available]


def _store_name(column: FileColumn) -> str:
    return _LABEL_PREFIX + column.heading if column.is_question else column.name

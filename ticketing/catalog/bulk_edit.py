"""Edit several packages in one transaction: preview the effects, then save all edits or none under one change id."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import audit, money, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import archive, packages
from ticketing.catalog.packages import PackageDraft
from ticketing.errors import Conflict, NotFound, TicketingError
from ticketing.models import Package

FIELDS = ("price", "quantity_limit", "is_enabled")


@dataclass(frozen=True)
class PackageEdit:
    """New values for some of FIELDS of one package that the actor saw at `seen_version`."""

    package_id: uuid.UUID
    seen_version: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class EditEffect:
    """The effect of one edit: the changed fields with their consequences, or the reason why it is refused.

    `consequences` are sentences about packages sold so far; `problem` is None when the edit is allowed.
    """

    package_id: uuid.UUID
    name: str
    changes: tuple[audit.Change, ...]
    consequences: tuple[str, ...]
    problem: str | None


class BulkEditRefused(Conflict):
    """At least one edit is refused, so none was saved; `effects` holds the problem of each."""

    code = "several_refused"

    def __init__(self, effects: Sequence[EditEffect]) -> None:
        self.effects = tuple(effects)
        refused = [effect.name for effect in effects if effect.problem]
        super().__init__(f"Nothing was changed, because of {', '.join(refused)}.")


def preview(session: Session, actor: Actor, event_id: uuid.UUID, edits: Sequence[PackageEdit]) -> list[EditEffect]:
    """Return the effect of each edit that changes something, in display order, without saving any.

    Raises NotFound when a package is not in the event.
    """
    permissions.require(session, actor, "change", event_id)
    return _list_effects(session, event_id, edits, _get_packages(session, event_id, edits, for_update=False))


def update(session: Session, actor: Actor, event_id: uuid.UUID, edits: Sequence[PackageEdit]) -> list[EditEffect]:
    """Save all edits or none, and record them in the audit log under one change id.

    Raises BulkEditRefused when any edit is stale, invalid or below what is sold, NotFound when a package is not in the
    event, and EventArchived.
    """
    permissions.require(session, actor, "change", event_id)
    rows = _get_packages(session, event_id, edits, for_update=True)
    for row in rows.values():
        archive.refuse_archived(row)
    effects = _list_effects(session, event_id, edits, rows)
    if any(effect.problem for effect in effects):
        raise BulkEditRefused(effects)
    change_id = uuid7()
    for effect in effects:
        row = rows[effect.package_id]
        optimistic_locking.apply(session, actor, event_id, "package.changed", row, effect.changes, change_id=change_id)
    return effects


def _get_packages(
    session: Session, event_id: uuid.UUID, edits: Sequence[PackageEdit], *, for_update: bool
) -> dict[uuid.UUID, Package]:
    """Return the edited packages in display order, locked by id as an import locks them, to avoid deadlocks."""
    package_ids = {edit.package_id for edit in edits}
    query = select(Package).where(Package.event_id == event_id, Package.id.in_(package_ids)).order_by(Package.id)
    if for_update:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    rows = {package.id: package for package in session.scalars(query)}
    if package_ids - rows.keys():
        raise NotFound("package")
    return dict(sorted(rows.items(), key=lambda item: item[1].display_order))


def _list_effects(
    session: Session, event_id: uuid.UUID, edits: Sequence[PackageEdit], rows: Mapping[uuid.UUID, Package]
) -> list[EditEffect]:
    by_package = {edit.package_id: edit for edit in edits}
    effects = [_preview_edit(session, event_id, by_package[package_id], row) for package_id, row in rows.items()]
    return [effect for effect in effects if effect.changes or effect.problem]


def _preview_edit(session: Session, event_id: uuid.UUID, edit: PackageEdit, row: Package) -> EditEffect:
    try:
        optimistic_locking.check_version(session, event_id, row, edit.seen_version)
        values = {field: edit.values[field] for field in FIELDS if field in edit.values}
        draft = optimistic_locking.merge(PackageDraft, row, values)
        packages.check_limit(row, draft.quantity_limit)
    except TicketingError as refused:
        return EditEffect(row.id, row.name, (), (), str(refused))
    changes = tuple(audit.changes_between(row, {field: getattr(draft, field) for field in FIELDS}))
    return EditEffect(row.id, row.name, changes, tuple(_list_consequences(row, changes)), None)


def _list_consequences(row: Package, changes: Sequence[audit.Change]) -> list[str]:
    sentences = []
    for change in changes:
        match change.field:
            case "price" if row.sold_count:
                sentences.append(
                    f"{row.sold_count:,} sold so far keep their price of {money.format_dollars(change.old)} each."
                )
            case "quantity_limit" if change.new == row.sold_count:
                sentences.append("Sold out at once.")
            case "quantity_limit" if row.is_sold_out:
                left = "without a limit" if change.new is None else f"with {change.new - row.sold_count:,} left"
                sentences.append(f"No longer sold out, {left}.")
            case "is_enabled" if change.new:
                sentences.append("For sale from now on.")
            case "is_enabled":
                sentences.append("No longer for sale; what is sold stays sold.")
    return sentences

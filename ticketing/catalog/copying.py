"""Copy a package or a whole event: the setup is copied, sales are not.

A copy has every column of its original except UNCOPIED_COLUMNS, so a column added later is copied too. Dates move by
the number of days between the two events.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import events, images, packages
from ticketing.catalog.events import EventDraft
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.packages import PackageDraft
from ticketing.catalog.promo_codes import PromoCodeDraft
from ticketing.models import Base, Event, EventAssignment, Image, Option, Package, PromoCode, Purchase
from ticketing.validation import Draft, name_key

MAX_NAME_LENGTH = 100
# Identity, counters, versions and state, which start afresh in a copy.
UNCOPIED_COLUMNS = frozenset(
    {
        "id",
        "created_at",
        "version",
        "sold_count",
        "sales_version",
        "options_version",
        "current_uses",
        "retired_at",
        "is_archived",
    }
)
Row = TypeVar("Row", bound=Base)


class CopyDraft(Draft):
    """What to copy into the new event; options and pictures need their packages."""

    packages: bool = True
    options: bool = True
    pictures: bool = True
    promo_codes: bool = True
    staff: bool = True


@dataclass(frozen=True)
class EventCopy:
    """The new event, how many rows of each kind were copied, and sentences about what was left out and why."""

    event: Event
    packages: int
    options: int
    pictures: int
    promo_codes: int
    staff: int
    left_out: tuple[str, ...]


def find_copy_name(session: Session, actor: Actor, event_id: uuid.UUID, name: str) -> str:
    """Return a free name for a copy of a package of this name: "Table (copy)", "Table (copy 2)" and so on."""
    used_keys = {name_key(name) for name in packages.list_names(session, actor, event_id).values()}
    return _generate_copy_name(name, used_keys)


def copy_package(
    session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID, draft: PackageDraft | None = None
) -> Package:
    """Copy a package with its options and image to the end of the display order and return the copy.

    The copy has the fields of `draft`. Without one it has those of its original and a free name, and is disabled, so
    that nobody can buy it before staff has checked it. Raises NotFound, and DuplicateName for the name of the draft.
    """
    permissions.require(session, actor, "change", event_id)
    event = packages.lock_order(session, event_id)
    images.lock_event_images(session, event_id)  # the image must not be deleted while the copy begins to use it
    original = packages.get(session, actor, event_id, package_id)
    fields: dict[str, Any]
    if draft is None:
        fields = {"name": find_copy_name(session, actor, event_id, original.name), "is_enabled": False}
    else:
        fields = draft.model_dump()
    position = packages.get_next_position(session, event_id)
    copy = _clone_row(original, **fields, name_key=name_key(fields["name"]), display_order=position)
    session.add(copy)
    packages.flush(session, copy.name)
    _record_copy(session, actor, event.id, "package.created", copy, PackageDraft, original)
    _copy_options(session, actor, event.id, {original.id: copy})
    return copy


def copy_event(session: Session, actor: Actor, event_id: uuid.UUID, draft: EventDraft, include: CopyDraft) -> EventCopy:
    """Create an event from `draft` with the setup of an earlier one. Admins only.

    Counters start at zero. The expiry of a promo code moves by the days between the two events and keeps its time of
    day. Raises NotFound and NotAllowed.
    """
    source = events.get(session, actor, event_id)
    target = events.create(session, actor, draft)
    copies = _copy_packages(session, actor, source, target, include) if include.packages else {}
    return EventCopy(
        event=target,
        packages=len(copies),
        options=_copy_options(session, actor, target.id, copies) if include.options else 0,
        pictures=sum(copy.image_id is not None for copy in copies.values()),
        promo_codes=_copy_promo_codes(session, actor, source, target) if include.promo_codes else 0,
        staff=_copy_staff(session, actor, source, target) if include.staff else 0,
        left_out=tuple(_list_left_out(session, source, include)),
    )


def _clone_row(row: Row, **overrides: Any) -> Row:
    """Return a new row with the copied columns of `row` and with `overrides`."""
    columns = [column.key for column in inspect(type(row)).columns if column.computed is None]
    return type(row)(**{key: getattr(row, key) for key in columns if key not in UNCOPIED_COLUMNS} | overrides)


def _copy_packages(
    session: Session, actor: Actor, source: Event, target: Event, include: CopyDraft
) -> dict[uuid.UUID, Package]:
    """Return the copies by the id of their original, in the same display order."""
    originals = session.scalars(
        select(Package).where(Package.event_id == source.id).order_by(Package.display_order)
    ).all()
    image_ids = _copy_images(session, target, originals) if include.pictures else {}
    copies = {}
    for original in originals:
        copy = _clone_row(
            original,
            event_id=target.id,
            time_zone=target.time_zone,
            image_id=image_ids.get(original.image_id),
            image_alt=original.image_alt if original.image_id in image_ids else None,
        )
        session.add(copy)
        copies[original.id] = copy
    session.flush()
    for original in originals:
        _record_copy(session, actor, target.id, "package.created", copies[original.id], PackageDraft, original)
    return copies


def _copy_images(session: Session, target: Event, originals: Iterable[Package]) -> dict[uuid.UUID | None, uuid.UUID]:
    """Return the ids of the copied images by the id of their original."""
    used = {original.image_id for original in originals if original.image_id}
    copied_ids: dict[uuid.UUID | None, uuid.UUID] = {}
    for image in session.scalars(select(Image).where(Image.id.in_(used))):
        copy = _clone_row(image, event_id=target.id)
        session.add(copy)
        session.flush()
        copied_ids[image.id] = copy.id
    return copied_ids


def _copy_options(session: Session, actor: Actor, event_id: uuid.UUID, copies: dict[uuid.UUID, Package]) -> int:
    """Copy the active options of the originals in `copies` and return how many there are."""
    active = session.scalars(
        select(Option)
        .where(Option.package_id.in_(copies), Option.retired_at.is_(None))
        .order_by(Option.package_id, Option.display_order)
    ).all()
    for original in active:
        copy = _clone_row(original, event_id=event_id, package_id=copies[original.package_id].id)
        session.add(copy)
        session.flush()
        _record_copy(session, actor, event_id, "option.created", copy, OptionDraft, original)
    return len(active)


def _copy_promo_codes(session: Session, actor: Actor, source: Event, target: Event) -> int:
    originals = session.scalars(select(PromoCode).where(PromoCode.event_id == source.id).order_by(PromoCode.code)).all()
    for original in originals:
        expires_at = shift_moment(original.expires_at, source, target)
        copy = _clone_row(original, event_id=target.id, expires_at=expires_at)
        session.add(copy)
        session.flush()
        _record_copy(session, actor, target.id, "promo_code.created", copy, PromoCodeDraft, original)
    return len(originals)


def _copy_staff(session: Session, actor: Actor, source: Event, target: Event) -> int:
    """Assign the staff of the earlier event to the new one and return how many there are."""
    assigned = session.scalars(select(EventAssignment.staff_id).where(EventAssignment.event_id == source.id)).all()
    for staff_id in assigned:
        session.merge(EventAssignment(staff_id=staff_id, event_id=target.id))
    session.flush()
    if assigned:
        changes = [audit.Change("staff", None, sorted(str(staff_id) for staff_id in assigned))]
        audit.record(session, actor, target.id, "event.staff_assigned", target, changes)
    return len(assigned)


def shift_moment(moment: datetime | None, source: Event, target: Event) -> datetime | None:
    """Move a moment by the days between the two events, keeping its local time of day. UTC in and out."""
    if moment is None:
        return None
    old_zone, new_zone = ZoneInfo(source.time_zone), ZoneInfo(target.time_zone)
    days = (target.starts_at.astimezone(new_zone).date() - source.starts_at.astimezone(old_zone).date()).days
    local = moment.astimezone(old_zone).replace(tzinfo=None) + timedelta(days=days)
    return local.replace(tzinfo=new_zone).astimezone(UTC)


def _list_left_out(session: Session, source: Event, include: CopyDraft) -> Iterable[str]:
    """Yield a sentence for everything that was not copied."""
    if not include.packages:
        yield "Packages, with their options and pictures: not selected."
    if include.packages and not include.options:
        yield "Options: not selected."
    retired = session.scalars(
        select(Option.label).where(Option.event_id == source.id, Option.retired_at.is_not(None)).order_by(Option.label)
    ).all()
    if retired and include.packages and include.options:
        yield f"Questions that are no longer asked: {', '.join(retired)}."
    if include.packages and not include.pictures:
        yield "Pictures: not selected."
    if not include.promo_codes:
        yield "Promo codes: not selected."
    if not include.staff:
        yield "The team: not selected."
    if session.scalar(select(Purchase.id).where(Purchase.event_id == source.id).limit(1)):
        yield "Purchases, donors and guests: they belong to the event they were sold for."
    yield "The audit log: the new event starts its own."


def _generate_copy_name(name: str, used_keys: set[str]) -> str:
    """Return the first free name of "Table (copy)", "Table (copy 2)" and so on, with `name` shortened to fit."""
    for number in range(1, len(used_keys) + 2):
        suffix = " (copy)" if number == 1 else f" (copy {number})"
        candidate = name[: MAX_NAME_LENGTH - len(suffix)].rstrip() + suffix
        if name_key(candidate) not in used_keys:
            return candidate
    raise AssertionError("more candidates than used names, so one is free")


def _record_copy(
    session: Session, actor: Actor, event_id: uuid.UUID, action: str, copy: Any, draft: type[Draft], original: Any
) -> None:
    changes = audit.creation_changes({field: getattr(copy, field) for field in draft.model_fields})
    changes.append(audit.Change("copied_from", None, audit.display_name(original)))
    audit.record(session, actor, event_id, action, copy, changes)

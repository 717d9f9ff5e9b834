"""Copying a package or a whole event: what staff set up comes along, what was sold stays where it was sold.

A copy takes every column of a row except those named in OWN, so a column added later is copied without being named.
Dates move by the days between the two events.
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
# What a row has for itself and its copy begins anew: identity, what was sold and used, and the count of edits.
UNCOPIED_COLUMNS = frozenset(
    {"id", "created_at", "version", "sold_count", "sales_version", "options_version", "current_uses", "retired_at"}
)
T = TypeVar("T", bound=Base)


class CopyDraft(Draft):
    """What comes along into the new event; options and pictures only with their packages."""

    packages: bool = True
    options: bool = True
    pictures: bool = True
    promo_codes: bool = True
    staff: bool = True


@dataclass(frozen=True)
class EventCopy:
    """The new event and the report: how many of each came along, and in sentences what did not, and why."""

    event: Event
    packages: int
    options: int
    pictures: int
    promo_codes: int
    staff: int
    left_out: tuple[str, ...]


def copy_package(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> Package:
    """A second package with the same definition, questions and picture, at the end of the display order.

    It is disabled at first, so that no donor buys it before staff looked at it. Raises NotFound.
    """
    permissions.require(session, actor, "change", event_id)
    event = packages.lock_order(session, event_id)
    images.lock_event_images(session, event_id)  # the picture does not go while a second package begins to show it
    original = packages.get(session, actor, event_id, package_id)
    taken = {name_key(name) for name in packages.list_names(session, actor, event_id).values()}
    name = _generate_copy_name(original.name, taken)
    place = packages.get_next_position(session, event_id)
    copy = _clone_row(original, name=name, name_key=name_key(name), display_order=place, is_enabled=False)
    session.add(copy)
    session.flush()
    _record_copy(session, actor, event.id, "package.created", copy, PackageDraft, original)
    _copy_options(session, actor, event.id, {original.id: copy})
    return copy


def copy_event(session: Session, actor: Actor, event_id: uuid.UUID, draft: EventDraft, include: CopyDraft) -> EventCopy:
    """A new event set up like an earlier one: `draft` is its name, start and the rest. Admins only.

    Counters begin at zero; the expiry of a promo code moves by the days between the two events, to the same time of
    day. Raises NotFound, NotAllowed.
    """
    source = events.get(session, actor, event_id)
    target = events.create(session, actor, draft)
    made = _copy_packages(session, actor, source, target, include) if include.packages else {}
    pictures = sum(copy.image_id is not None for copy in made.values())
    asked = _copy_options(session, actor, target.id, made) if include.options else 0
    codes = _copy_promo_codes(session, actor, source, target) if include.promo_codes else 0
    team = _copy_staff(session, actor, source, target) if include.staff else 0
    left_out = tuple(_list_left_out(session, source, include))
    return EventCopy(target, len(made), asked, pictures, codes, team, left_out)


def _clone_row(row: T, **overrides: Any) -> T:
    """A row like this one, but for what is its own and what is given here."""
    columns = [column.key for column in inspect(type(row)).columns if column.computed is None]
    return type(row)(**{key: getattr(row, key) for key in columns if key not in UNCOPIED_COLUMNS} | overrides)


def _copy_packages(
    session: Session, actor: Actor, source: Event, target: Event, include: CopyDraft
) -> dict[uuid.UUID, Package]:
    """The copies by the id of their original, in the same order and with the same places."""
    originals = session.scalars(
        select(Package).where(Package.event_id == source.id).order_by(Package.display_order)
    ).all()
    pictures = _copy_pictures(session, target, originals) if include.pictures else {}
    made = {}
    for original in originals:
        copy = _clone_row(
            original,
            event_id=target.id,
            time_zone=target.time_zone,
            image_id=pictures.get(original.image_id),
            image_alt=original.image_alt if original.image_id in pictures else None,
        )
        session.add(copy)
        made[original.id] = copy
    session.flush()
    for original in originals:
        _record_copy(session, actor, target.id, "package.created", made[original.id], PackageDraft, original)
    return made


def _copy_pictures(session: Session, target: Event, originals: Iterable[Package]) -> dict[uuid.UUID | None, uuid.UUID]:
    used = {original.image_id for original in originals if original.image_id}
    made: dict[uuid.UUID | None, uuid.UUID] = {}
    for image in session.scalars(select(Image).where(Image.id.in_(used))):
        copy = _clone_row(image, event_id=target.id)
        session.add(copy)
        session.flush()
        made[image.id] = copy.id
    return made


def _copy_options(session: Session, actor: Actor, event_id: uuid.UUID, made: dict[uuid.UUID, Package]) -> int:
    """The questions that are still asked, of every package that was copied; how many."""
    asked = session.scalars(
        select(Option)
        .where(Option.package_id.in_(made), Option.retired_at.is_(None))
        .order_by(Option.package_id, Option.display_order)
    ).all()
    for original in asked:
        copy = _clone_row(original, event_id=event_id, package_id=made[original.package_id].id)
        session.add(copy)
        session.flush()
        _record_copy(session, actor, event_id, "option.created", copy, OptionDraft, original)
    return len(asked)


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
    """The people who work on the earlier event work on the new one."""
    assigned = session.scalars(select(EventAssignment.staff_id).where(EventAssignment.event_id == source.id)).all()
    for staff_id in assigned:
        session.merge(EventAssignment(staff_id=staff_id, event_id=target.id))
    session.flush()
    if assigned:
        changes = [audit.Change("staff", None, sorted(str(staff_id) for staff_id in assigned))]
        audit.record(session, actor, target.id, "event.staff_assigned", target, changes)
    return len(assigned)


def shift_moment(moment: datetime | None, source: Event, target: Event) -> datetime | None:
    """The same time of day, as many days later as the new event starts after the earlier one. UTC in and out."""
    if moment is None:
        return None
    old_zone, new_zone = ZoneInfo(source.time_zone), ZoneInfo(target.time_zone)
    days = (target.starts_at.astimezone(new_zone).date() - source.starts_at.astimezone(old_zone).date()).days
    local = moment.astimezone(old_zone).replace(tzinfo=None) + timedelta(days=days)
    return local.replace(tzinfo=new_zone).astimezone(UTC)


def _list_left_out(session: Session, source: Event, include: CopyDraft) -> Iterable[str]:
    """What did not come along, in the order of the work."""
    if not include.packages:
        yield "Packages, with their options and pictures: not wanted."
    if include.packages and not include.options:
        yield "Options: not wanted."
    retired = session.scalars(
        select(Option.label).where(Option.event_id == source.id, Option.retired_at.is_not(None)).order_by(Option.label)
    ).all()
    if retired and include.packages and include.options:
        yield f"Retired options, which are asked no more: {', '.join(retired)}."
    if include.packages and not include.pictures:
        yield "Pictures: not wanted."
    if not include.promo_codes:
        yield "Promo codes: not wanted."
    if not include.staff:
        yield "The team: not wanted."
    if session.scalar(select(Purchase.id).where(Purchase.event_id == source.id).limit(1)):
        yield "Purchases, donors and guests: they belong to the event they were sold for."
    yield "The trail of changes: the new event begins its own."


def _generate_copy_name(name: str, taken: set[str]) -> str:
    """ "Table (copy)", then "Table (copy 2)" and so on, shortened at the end of the name where it would be too long."""
    for number in range(1, len(taken) + 2):
        suffix = " (copy)" if number == 1 else f" (copy {number})"
        free = name[: MAX_NAME_LENGTH - len(suffix)].rstrip() + suffix
        if name_key(free) not in taken:
            return free
    raise AssertionError("one of so many names is free")


def _record_copy(
    session: Session, actor: Actor, event_id: uuid.UUID, action: str, copy: Any, draft: type[Draft], original: Any
) -> None:
    made = audit.creation_changes({field: getattr(copy, field) for field in draft.model_fields})
    audit.record(
        session, actor, event_id, action, copy, [*made, audit.Change("copied_from", None, audit.display_name(original))]
    )

"""The display order of an event's packages, used by every list and the donor site (docs/product.md, "Reordering").

An order is always saved whole, so that two people who reorder at the same time get a conflict.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from sqlalchemy import select, text
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from ticketing import audit
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import packages
from ticketing.errors import InvalidInput, PackageOrderChanged
from ticketing.models import Event, Package


class HasPrice(Protocol):
    id: uuid.UUID
    price: Decimal


def reorder(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    package_ids: Sequence[uuid.UUID],
    *,
    seen_order: Sequence[uuid.UUID] | None = None,
) -> list[Package]:
    """Put an event's packages in this order and return them; the current order changes nothing.

    `seen_order` is the order that the actor started from. Raises PackageOrderChanged when the order is another one now,
    and InvalidInput (`package_ids`) unless the list names every package of the event exactly once.
    """
    permissions.require(session, actor, "change", event_id)
    event = packages.lock_order(session, event_id)
    before = _list_for_update(session, event_id)
    if seen_order is not None:
        _check_order(session, event, list(before), seen_order)
    _validate_order(package_ids, before)
    return _save(session, actor, event, before, package_ids)


def reorder_some(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    package_ids: Sequence[uuid.UUID],
    *,
    seen_order: Sequence[uuid.UUID],
) -> list[Package]:
    """Put some of an event's packages in this order, in the places that they have among all, and return all.

    `seen_order` are the same packages in the order that the actor started from. Raises PackageOrderChanged when that is
    another one now or a package was deleted, and InvalidInput (`package_ids`) unless both have the same packages.
    """
    permissions.require(session, actor, "change", event_id)
    event = packages.lock_order(session, event_id)
    before = _list_for_update(session, event_id)
    _check_order(session, event, [each for each in before if each in set(seen_order)], seen_order)
    _validate_order(package_ids, {each: before[each] for each in seen_order})
    ordered = iter(package_ids)
    return _save(session, actor, event, before, [next(ordered) if each in set(seen_order) else each for each in before])


def _check_order(session: Session, event: Event, order: Sequence[uuid.UUID], seen_order: Sequence[uuid.UUID]) -> None:
    """Raise PackageOrderChanged, with the person who did it if packages were only moved."""
    if list(seen_order) != list(order):
        latest = audit.find_latest(session, event.id, event.id, "event.packages_arranged")
        raise PackageOrderChanged(latest.actor if latest and set(seen_order) == set(order) else None)


def _save(
    session: Session,
    actor: Actor,
    event: Event,
    before: Mapping[uuid.UUID, Package],
    package_ids: Sequence[uuid.UUID],
) -> list[Package]:
    """Store the order of all packages of an event, unless it is the current one."""
    if list(package_ids) == list(before):
        return list(before.values())
    session.execute(_UPDATE_POSITIONS, {"ids": list(package_ids)})
    after = [before[package_id] for package_id in package_ids]
    for position, package in enumerate(after, start=1):
        set_committed_value(package, "display_order", position)
    names = ([package.name for package in before.values()], [package.name for package in after])
    audit.record(session, actor, event.id, "event.packages_arranged", event, [audit.Change("package_order", *names)])
    return after


def sort_by_price(rows: Sequence[HasPrice], *, descending: bool = False) -> list[uuid.UUID]:
    """Return the ids ordered by price; packages of equal price keep their order."""
    return [row.id for row in sorted(rows, key=lambda row: -row.price if descending else row.price)]


_UPDATE_POSITIONS = text("""
    UPDATE packages SET display_order = new.position
    FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS new(id, position)
    WHERE packages.id = new.id AND display_order <> new.position
""")


def _list_for_update(session: Session, event_id: uuid.UUID) -> dict[uuid.UUID, Package]:
    """Return every package in display order, locked in order of id as an import locks them, to avoid deadlocks."""
    locked = session.scalars(
        select(Package)
        .where(Package.event_id == event_id)
        .order_by(Package.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {package.id: package for package in sorted(locked, key=lambda package: package.display_order)}


def _validate_order(package_ids: Sequence[uuid.UUID], known: Mapping[uuid.UUID, Package]) -> None:
    foreign = [str(each) for each in package_ids if each not in known]
    doubled = [known[each].name for each, times in Counter(package_ids).items() if times > 1 and each in known]
    missing = [package.name for package_id, package in known.items() if package_id not in set(package_ids)]
    for names, sentence in (
        (foreign, "Not packages of this event: {}."),
        (doubled, "Listed more than once: {}. Name each package once."),
        (missing, "Missing from the list: {}. Name every package of the event."),
    ):
        if names:
            raise InvalidInput({"package_ids": sentence.format(", ".join(names))})

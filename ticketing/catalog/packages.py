"""Packages: what an event sells (docs/product.md, "Packages")."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from sqlalchemy import Select, exists, func, select, true
from sqlalchemy import delete as sql_delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ticketing import audit, optimistic_locking
from ticketing.access import permissions, rate_limits
from ticketing.actors import Actor
from ticketing.catalog import archive, events, images
from ticketing.db import constraint_name
from ticketing.errors import DuplicateName, HasSales, LimitBelowSold, NotFound
from ticketing.models import Event, Purchase
from ticketing.models import Package as Package
from ticketing.purchase_filter import PurchaseFilter
from ticketing.validation import BLANK_AS_NONE, Amount, Draft, MaxLength, MultiLineText, Name, name_key

PER_PAGE = 20
# The filters of the package list.
_KIND_CONDITIONS = {
    "all": true(),
    "sponsorships": Package.is_sponsorship,
    "disabled": ~Package.is_enabled,
    "sold_out": Package.sold_count == Package.quantity_limit,
}
KINDS = tuple(_KIND_CONDITIONS)


def _validate_price(amount: Any) -> Any:
    if not 0 <= amount <= 1_000_000:
        raise ValueError("Enter a price from 0.00 to 1,000,000.00.")
    return amount


class PackageDraft(Draft):
    """The fields of a package. `price` is USD for the whole package; `quantity_limit` counts packages, not seats."""

    name: Annotated[
        Name, Field(description="Name, unique within the event without regard to case.", examples=["Table of Ten"])
    ]
    price: Annotated[
        Amount,
        AfterValidator(_validate_price),
        Field(description="Price of the whole package in USD.", examples=["2500.00"]),
    ]
    seats_per_package: Annotated[int, Field(ge=1, le=100, description="Seats in one package.", examples=[10])]
    description: Annotated[
        MultiLineText,
        MaxLength(1000),
        Field(description="What the donor gets.", examples=["Ten seats near the stage, with wine."]),
    ]
    quantity_limit: Annotated[
        Annotated[int, Field(ge=1, le=10_000)] | None,
        BLANK_AS_NONE,
        Field(description="Packages to sell in all; null is unlimited.", examples=[60]),
    ] = None
    is_sponsorship: Annotated[bool, Field(description="Whether the package is a sponsorship.", examples=[False])] = (
        False
    )
    is_enabled: Annotated[bool, Field(description="Whether the package is for sale.", examples=[True])] = True


def create(session: Session, actor: Actor, event_id: uuid.UUID, draft: PackageDraft) -> Package:
    """Add a package at the end of the display order.

    Raises DuplicateName, and RateLimited after 10 packages of one actor within a minute.
    """
    package = create_without_rate_limit(session, actor, event_id, draft)
    rate_limits.consume(session, rate_limits.PACKAGE_CREATIONS, rate_limits.caller_key(actor))
    return package


def create_without_rate_limit(session: Session, actor: Actor, event_id: uuid.UUID, draft: PackageDraft) -> Package:
    """Add a package without counting it against the rate limit, for setups that add many. Raises DuplicateName."""
    permissions.require(session, actor, "change", event_id)
    event = lock_order(session, event_id)
    package = Package(
        event_id=event_id,
        time_zone=event.time_zone,
        name_key=name_key(draft.name),
        display_order=get_next_position(session, event_id),
        **draft.model_dump(),
    )
    session.add(package)
    flush(session, draft.name)
    audit.record(session, actor, event_id, "package.created", package, audit.creation_changes(draft.model_dump()))
    return package


def update(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    package_id: uuid.UUID,
    values: Mapping[str, Any],
    *,
    seen_version: int,
    restores: int | None = None,
) -> Package:
    """Change the given fields of a package that the actor saw at `seen_version`; past purchases keep their price.

    Sales do not change the version, so they never cause a conflict. Raises StaleVersion with what others changed,
    InvalidInput, DuplicateName, LimitBelowSold and NotFound.
    """
    permissions.require(session, actor, "change", event_id)
    package = optimistic_locking.get_for_update(session, Package, event_id, package_id, "package", key_share=True)
    archive.refuse_archived(package)
    optimistic_locking.check_version(session, event_id, package, seen_version)
    draft = optimistic_locking.merge(PackageDraft, package, values)
    check_limit(package, draft.quantity_limit)
    _apply(session, actor, package, draft.model_dump(), restores)
    return package


def check_limit(package: Package, limit: int | None) -> None:
    """Raise LimitBelowSold when the limit is below the packages sold; None is unlimited."""
    if limit is not None and limit < package.sold_count:
        raise LimitBelowSold(limit, package.sold_count)


def set_enabled(
    session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID, *, enabled: bool
) -> Package:
    """Put a package on sale or take it off sale. Raises NotFound."""
    permissions.require(session, actor, "change", event_id)
    package = optimistic_locking.get_for_update(session, Package, event_id, package_id, "package", key_share=True)
    archive.refuse_archived(package)
    _apply(session, actor, package, {"is_enabled": enabled})
    return package


def delete(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> None:
    """Delete a package without purchases, with its options and image. Raises HasSales and NotFound."""
    permissions.require(session, actor, "change", event_id)
    # Without key_share, so that the lock also keeps out new purchases, which reference the row.
    package = optimistic_locking.get_for_update(session, Package, event_id, package_id, "package")
    archive.refuse_archived(package)
    if session.scalar(select(exists().where(Purchase.package_id == package_id))):
        raise HasSales(f"{package.name} has purchases, so it stays in the records. Take it off sale instead.")
    changes = audit.deletion_changes(package, PackageDraft.model_fields) + images.detach(session, package)
    audit.record(session, actor, event_id, "package.deleted", package, changes)
    session.execute(sql_delete(Package).where(Package.id == package_id, Package.event_id == event_id))


def get(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> Package:
    """Return a package of an event that the actor may see. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    package = session.scalar(select(Package).where(Package.id == package_id, Package.event_id == event_id))
    if package is None:
        raise NotFound("package")
    return package


def list_page(
    session: Session, actor: Actor, event_id: uuid.UUID, *, page: int = 1, per_page: int = PER_PAGE
) -> tuple[list[Package], int]:
    """Return one page of an event's packages in display order, and the number of all of them."""
    permissions.require(session, actor, "read", event_id)
    total = session.scalar(select(func.count()).where(Package.event_id == event_id)) or 0
    rows = session.scalars(_select_ordered(event_id).limit(per_page).offset((page - 1) * per_page))
    return list(rows), total


@dataclass(frozen=True)
class PackagePage:
    """One page of a search, the number of matches for each of KINDS, and the number of packages in the event.

    `bought` are the packages of the page with any purchase, also a voided one: they cannot be deleted.
    """

    packages: list[Package]
    count_by_kind: Mapping[str, int]
    total_in_event: int
    bought: frozenset[uuid.UUID]


def search_page(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    *,
    kind: str = "all",
    search: str = "",
    page: int = 1,
    per_page: int = PER_PAGE,
) -> PackagePage:
    """Return one page of the packages of a kind (one of KINDS) whose name has every word of `search`.

    The search ignores case and accents; the packages are in display order.
    """
    permissions.require(session, actor, "read", event_id)
    matches = [
        func.strpos(func.search_key(Package.name), func.search_key(word)) > 0
        for word in PurchaseFilter(search=search).words
    ]
    counts = [func.count().filter(condition, *matches) for condition in _KIND_CONDITIONS.values()]
    *count_by_kind, total_in_event = session.execute(
        select(*counts, func.count()).select_from(Package).where(Package.event_id == event_id)
    ).one()
    has_purchases = exists().where(Purchase.package_id == Package.id).label("has_purchases")
    rows = session.execute(
        _select_ordered(event_id)
        .add_columns(has_purchases)
        .where(_KIND_CONDITIONS[kind], *matches)
        .limit(per_page)
        .offset((page - 1) * per_page)
    ).all()
    bought = frozenset(row.Package.id for row in rows if row.has_purchases)
    counts_by_kind = dict(zip(KINDS, count_by_kind, strict=True))
    return PackagePage([row.Package for row in rows], counts_by_kind, total_in_event, bought)


def count_purchases(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> int:
    """Return how many purchases a package has, whatever their status; one with any cannot be deleted."""
    permissions.require(session, actor, "read", event_id)
    conditions = (Purchase.package_id == package_id, Purchase.event_id == event_id)
    return session.scalar(select(func.count()).select_from(Purchase).where(*conditions)) or 0


def list_all(session: Session, actor: Actor, event_id: uuid.UUID) -> list[Package]:
    """Return every package of an event in display order."""
    permissions.require(session, actor, "read", event_id)
    return list(session.scalars(_select_ordered(event_id)))


def list_enabled(session: Session, actor: Actor, event_id: uuid.UUID) -> list[Package]:
    """Return the packages for sale in display order, including sold-out ones; none of an archived event."""
    permissions.require(session, actor, "read", event_id)
    return list(session.scalars(_select_ordered(event_id).where(Package.is_enabled, ~Package.is_archived)))


def list_names(session: Session, actor: Actor, event_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """Return the package names of an event by id, in display order."""
    permissions.require(session, actor, "read", event_id)
    rows = session.execute(
        select(Package.id, Package.name).where(Package.event_id == event_id).order_by(Package.display_order)
    )
    return {row.id: row.name for row in rows}


def _select_ordered(event_id: uuid.UUID) -> Select[Package]:
    return select(Package).where(Package.event_id == event_id).order_by(Package.display_order)


def _apply(
    session: Session, actor: Actor, package: Package, values: dict[str, Any], restores: int | None = None
) -> None:
    name = values.get("name", package.name)
    changes = audit.changes_between(package, values)
    package.name_key = name_key(name)
    optimistic_locking.apply(
        session,
        actor,
        package.event_id,
        "package.changed",
        package,
        changes,
        partial(flush, session, name),
        restores=restores,
    )


def flush(session: Session, name: str) -> None:
    """Write pending changes of a package called `name`. Raises DuplicateName."""
    try:
        session.flush()
    except IntegrityError as broken:
        if constraint_name(broken) == "uq_packages_event_id_name_key":
            raise DuplicateName(name) from broken
        raise


def get_next_position(session: Session, event_id: uuid.UUID) -> int:
    """Return the position after the last package; the caller holds the lock of `lock_order`."""
    return (session.scalar(select(func.max(Package.display_order)).where(Package.event_id == event_id)) or 0) + 1


def lock_order(session: Session, event_id: uuid.UUID) -> Event:
    """Lock the event row, so that one transaction at a time adds or reorders its packages; sales continue.

    Raises EventArchived.
    """
    event = events.get_for_update(session, event_id)
    archive.refuse_archived(event)
    return event

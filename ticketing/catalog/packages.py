"""Packages: what an event sells. Source of every rule: PRODUCT "Packages"."""

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
from ticketing.catalog import images
from ticketing.db import constraint_name
from ticketing.errors import DuplicateName, HasSales, LimitBelowSold, NotFound
from ticketing.models import Event, Purchase
from ticketing.models import Package as Package
from ticketing.purchase_filter import PurchaseFilter
from ticketing.validation import BLANK_AS_NONE, Amount, Draft, MaxLength, MultiLineText, Name, name_key

PER_PAGE = 20
# What staff look for among the packages of an event; "all" is the rest of them too.
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
    """`price` is USD for the whole package; `quantity_limit` counts packages, not seats, and None is unlimited."""

    name: Name
    price: Annotated[Amount, AfterValidator(_validate_price)]
    seats_per_package: Annotated[int, Field(ge=1, le=100)]
    description: Annotated[MultiLineText, MaxLength(1000)]
    quantity_limit: Annotated[Annotated[int, Field(ge=1, le=10_000)] | None, BLANK_AS_NONE] = None
    is_sponsorship: bool = False
    is_enabled: bool = True


def create(session: Session, actor: Actor, event_id: uuid.UUID, draft: PackageDraft) -> Package:
    """Adds a package at the end of the display order. Raises DuplicateName, RateLimited (10 a minute)."""
    package = create_without_rate_limit(session, actor, event_id, draft)
    rate_limits.consume(session, rate_limits.PACKAGE_CREATIONS, rate_limits.caller_key(actor))
    return package


def create_without_rate_limit(session: Session, actor: Actor, event_id: uuid.UUID, draft: PackageDraft) -> Package:
    """The same for packages that are made many at a time, as with the sample event."""
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
    _flush(session, draft.name)
    audit.record(
        session,
        actor,
        event_id,
        "package.created",
        package,
        audit.creation_changes(draft.model_dump()),
    )
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
    """Changes the given fields of a package the actor saw at `seen_version`; past purchases keep their price.

    Raises StaleVersion with what others changed meanwhile, InvalidInput, DuplicateName, LimitBelowSold. Sales do not
    touch the version, so a busy sale never blocks an editor.
    """
    permissions.require(session, actor, "change", event_id)
    package = optimistic_locking.get_for_update(session, Package, event_id, package_id, "package", key_share=True)
    optimistic_locking.check_version(session, event_id, package, seen_version)
    draft = optimistic_locking.merge(PackageDraft, package, values)
    check_limit(package, draft.quantity_limit)
    _apply(session, actor, package, draft.model_dump(), restores)
    return package


def check_limit(package: Package, limit: int | None) -> None:
    """Raises LimitBelowSold when fewer than are sold could be sold; None is unlimited."""
    if limit is not None and limit < package.sold_count:
        raise LimitBelowSold(limit, package.sold_count)


def set_enabled(
    session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID, *, enabled: bool
) -> Package:
    """Puts a package on sale or takes it off; doing it twice is doing it once."""
    permissions.require(session, actor, "change", event_id)
    package = optimistic_locking.get_for_update(session, Package, event_id, package_id, "package", key_share=True)
    _apply(session, actor, package, {"is_enabled": enabled})
    return package


def delete(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> None:
    """Removes a package nobody ever bought, with its options and picture. Raises HasSales when there is a purchase."""
    permissions.require(session, actor, "change", event_id)
    package = optimistic_locking.get_for_update(
        session, Package, event_id, package_id, "package"
    )  # also against purchases that refer to it
    if session.scalar(select(exists().where(Purchase.package_id == package_id))):
        raise HasSales(
            f"{package.name} has purchases, so it stays in the records. Disable it instead: "
            "it is then no longer for sale."
        )
    audit.record(
        session,
        actor,
        event_id,
        "package.deleted",
        package,
        audit.deletion_changes(package, PackageDraft.model_fields) + images.detach(session, package),
    )
    session.execute(sql_delete(Package).where(Package.id == package_id, Package.event_id == event_id))


def get(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> Package:
    """One package of an event the actor may see. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    package = session.scalar(select(Package).where(Package.id == package_id, Package.event_id == event_id))
    if package is None:
        raise NotFound("package")
    return package


def list_page(
    session: Session, actor: Actor, event_id: uuid.UUID, *, page: int = 1, per_page: int = PER_PAGE
) -> tuple[list[Package], int]:
    """One page of an event's packages in display order, and how many there are in all."""
    permissions.require(session, actor, "read", event_id)
    total = session.scalar(select(func.count()).where(Package.event_id == event_id)) or 0
    rows = session.scalars(_select_ordered(event_id).limit(per_page).offset((page - 1) * per_page))
    return list(rows), total


@dataclass(frozen=True)
class PackagePage:
    """One page of what was looked for, how many of each of KINDS the search found, and the event's packages in all."""

    packages: list[Package]
    count_by_kind: Mapping[str, int]
    total_in_event: int


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
    """The packages of one of KINDS whose name has every word of `search`, accents and case aside, in display order."""
    permissions.require(session, actor, "read", event_id)
    sought = [func.strpos(func.search_key(Package.name), func.search_key(word)) > 0
              for word in PurchaseFilter(search=search).words]  # fmt: skip
    counted = [func.count().filter(condition, *sought) for condition in _KIND_CONDITIONS.values()]
    *numbers, in_event = session.execute(
        select(*counted, func.count()).select_from(Package).where(Package.event_id == event_id)
    ).one()
    rows = session.scalars(
        _select_ordered(event_id).where(_KIND_CONDITIONS[kind], *sought).limit(per_page).offset((page - 1) * per_page)
    )
    return PackagePage(list(rows), dict(zip(KINDS, numbers, strict=True)), in_event)


def list_all(session: Session, actor: Actor, event_id: uuid.UUID) -> list[Package]:
    """Every package of an event, in display order."""
    permissions.require(session, actor, "read", event_id)
    return list(session.scalars(_select_ordered(event_id)))


def list_enabled(session: Session, actor: Actor, event_id: uuid.UUID) -> list[Package]:
    """What may be sold now, in display order: enabled packages, the sold-out ones among them."""
    permissions.require(session, actor, "read", event_id)
    return list(session.scalars(_select_ordered(event_id).where(Package.is_enabled)))


def list_names(session: Session, actor: Actor, event_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """Every package of an event by its id, in display order, to choose from."""
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
    flush = partial(_flush, session, name)
    optimistic_locking.apply(
        session, actor, package.event_id, "package.changed", package, changes, flush, restores=restores
    )


def _flush(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as broken:
        if constraint_name(broken) == "uq_packages_event_id_name_key":
            raise DuplicateName(name) from broken
        raise


def get_next_position(session: Session, event_id: uuid.UUID) -> int:
    """The end of the display order; the caller holds it."""
    return (session.scalar(select(func.max(Package.display_order)).where(Package.event_id == event_id)) or 0) + 1


def lock_order(session: Session, event_id: uuid.UUID) -> Event:
    """One at a time may add to or rearrange an event's packages; sales go on."""
    return session.scalars(
        select(Event)
        .where(Event.id == event_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()

"""/v1/admin/events/{event_id}/tickets/packages, and the offer that a donor site shows."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, Money, Page, PageNumber, create_change_model
from ticketing import db, settings
from ticketing.catalog import images, options, package_order, packages
from ticketing.catalog.images import PackageImage
from ticketing.catalog.packages import PackageDraft
from ticketing.models import Option, Package
from ticketing.validation import Draft

router = APIRouter(tags=["Packages"])
PACKAGES_PATH = "/admin/events/{event_id}/tickets/packages"
PACKAGE_PATH = PACKAGES_PATH + "/{package_id}"


ImageUrl = Annotated[
    str | None,
    Field(
        description="Fetch it with the token and keep it: another picture has another address. A path of this server, "
        "unless the server knows its own address."
    ),
]
ThumbnailUrl = Annotated[str | None, Field(description="The same picture, fitting 256 x 256.")]


class PackageAnswer(Answer):
    """A package. `available` counts packages left to sell; null is unlimited, as with `quantity_limit`."""

    id: uuid.UUID
    event_id: uuid.UUID
    name: str
    price: Money
    seats_per_package: int
    description: str
    quantity_limit: int | None
    is_sponsorship: bool
    is_enabled: bool
    sold_count: int
    available: int | None
    is_sold_out: bool
    display_order: int
    image_url: ImageUrl = None
    thumbnail_url: ThumbnailUrl = None
    image_alt: str | None
    version: int


class PackageChange(create_change_model(PackageDraft)):  # type: ignore[misc]
    """The version that was seen, and the fields to change."""


class PackageOrder(Draft):
    """Every package of the event, exactly once, in the wanted order."""

    package_ids: list[uuid.UUID]


class OptionOffered(Answer):
    """A question to ask with the package."""

    id: uuid.UUID
    label: str
    option_type: str
    choices: list[str] | None
    is_required: bool


class PackageOffered(Answer):
    """A package as a donor site may offer it. Send `version` back as `package_version` with the purchase."""

    id: uuid.UUID
    name: str
    price: Money
    seats_per_package: int
    description: str
    available: int | None
    is_sponsorship: bool
    is_sold_out: bool
    display_order: int
    image_url: ImageUrl = None
    thumbnail_url: ThumbnailUrl = None
    image_alt: str | None
    version: int
    options: list[OptionOffered] = []


def to_responses(session: Session, rows: Sequence[Package]) -> list[PackageAnswer]:
    """Packages with the addresses of their pictures."""
    shown = images.find_by_package(session, rows)
    return [PackageAnswer.model_validate(row).model_copy(update=_get_image_urls(shown.get(row.id))) for row in rows]


def write_package(work: Callable[[Session], Package]) -> PackageAnswer:
    """Does `work` in one transaction, and answers with the package as it is then."""
    return db.write(lambda session: to_responses(session, [work(session)])[0])


def _to_offer(package: Package, picture: PackageImage | None, asked: list[Option]) -> PackageOffered:
    offered = PackageOffered.model_validate(package, from_attributes=True)
    questions = [OptionOffered.model_validate(option) for option in asked]
    return offered.model_copy(update={"options": questions} | _get_image_urls(picture))


def _get_image_urls(picture: PackageImage | None) -> dict[str, str]:
    if picture is None:
        return {}
    here = settings.load().base_url or ""
    return {"image_url": here + picture.path, "thumbnail_url": here + picture.thumbnail_path}


@router.get(PACKAGES_PATH, responses=document_responses(404, 422))
def list_packages(caller: Caller, event_id: uuid.UUID, page: PageNumber = 1) -> Page[PackageAnswer]:
    """The event's packages in display order, the disabled and sold-out ones among them."""
    with db.read_session() as session:
        rows, total = packages.list_page(session, caller, event_id, page=page, per_page=PER_PAGE)
        return Page(items=to_responses(session, rows), total=total, page=page)


@router.post(PACKAGES_PATH, status_code=201, responses=document_responses(403, 404, 409, 422))
def create_package(caller: Caller, event_id: uuid.UUID, draft: PackageDraft) -> PackageAnswer:
    """Adds a package at the end of the display order. 409 `duplicate_name` when the event has the name.

    429 `rate_limited` for the 11th that the token's owner makes within a minute.
    """
    return write_package(lambda session: packages.create(session, caller, event_id, draft))


@router.post(PACKAGES_PATH + "/reorder", responses=document_responses(403, 404, 422))
def arrange_packages(caller: Caller, event_id: uuid.UUID, wanted: PackageOrder) -> Page[PackageAnswer]:
    """Puts the packages in this order. 422 unless the list names every package of the event exactly once."""
    rows = db.write(
        lambda session: to_responses(session, package_order.reorder(session, caller, event_id, wanted.package_ids))
    )
    return Page(items=rows, total=len(rows), page=1, per_page=max(PER_PAGE, len(rows)))


@router.get(PACKAGE_PATH, responses=document_responses(404, 422))
def get_package(caller: Caller, event_id: uuid.UUID, package_id: uuid.UUID) -> PackageAnswer:
    """One package."""
    with db.read_session() as session:
        return to_responses(session, [packages.get(session, caller, event_id, package_id)])[0]


@router.patch(PACKAGE_PATH, responses=document_responses(403, 404, 409, 422))
def change_package(caller: Caller, event_id: uuid.UUID, package_id: uuid.UUID, change: PackageChange) -> PackageAnswer:
    """Changes the fields that are sent; past purchases keep their price.

    409 `stale_version`, `duplicate_name` or `limit_below_sold`.
    """
    return write_package(
        lambda session: packages.update(
            session, caller, event_id, package_id, change.sent_fields, seen_version=change.version
        )
    )


@router.delete(PACKAGE_PATH, status_code=204, responses=document_responses(403, 404, 409, 422))
def delete_package(caller: Caller, event_id: uuid.UUID, package_id: uuid.UUID) -> None:
    """Removes a package that nobody bought. 409 `has_sales` when somebody did: disable it instead."""
    db.write(lambda session: packages.delete(session, caller, event_id, package_id))


@router.post(PACKAGE_PATH + "/enable", responses=document_responses(403, 404, 422))
def enable_package(caller: Caller, event_id: uuid.UUID, package_id: uuid.UUID) -> PackageAnswer:
    """Puts the package on sale; twice is once."""
    return write_package(lambda session: packages.set_enabled(session, caller, event_id, package_id, enabled=True))


@router.post(PACKAGE_PATH + "/disable", responses=document_responses(403, 404, 422))
def disable_package(caller: Caller, event_id: uuid.UUID, package_id: uuid.UUID) -> PackageAnswer:
    """Takes the package off sale; twice is once."""
    return write_package(lambda session: packages.set_enabled(session, caller, event_id, package_id, enabled=False))


@router.get("/events/{event_id}/tickets/packages", tags=["Donor site"], responses=document_responses(404, 422))
def list_offer(caller: Caller, event_id: uuid.UUID) -> Page[PackageOffered]:
    """What a donor site may offer now, in display order, with the questions to ask. All of it on one page."""
    with db.read_session() as session:
        rows = packages.list_enabled(session, caller, event_id)
        asked = options.list_active_by_package(session, event_id, [row.id for row in rows])
        shown = images.find_by_package(session, rows)
    offer = [_to_offer(row, shown.get(row.id), asked.get(row.id, [])) for row in rows]
    return Page(items=offer, total=len(offer), page=1, per_page=max(PER_PAGE, len(offer)))

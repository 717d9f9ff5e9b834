"""Endpoints for the packages of an event, and for the packages that a donor site may offer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, EventId, Money, PackageId, Page, PageNumber, create_change_model
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
        description="URL of the picture, null without one. Fetch it with the token and cache it: another picture has "
        "another URL. It is a path of this server when TICKETDESK_BASE_URL is not set.",
        examples=["/pictures/01a207b2-b02d-710f-ba15-1a059629fb52/9f86d081.jpg"],
    ),
]
ThumbnailUrl = Annotated[
    str | None,
    Field(
        description="URL of the same picture, at most 256 x 256 pixels.",
        examples=["/pictures/01a207b2-b02d-710f-ba15-1a059629fb52/thumbnails/9f86d081.jpg"],
    ),
]
Id = Annotated[uuid.UUID, Field(description="Id of the package.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"])]
Name = Annotated[str, Field(description="Name of the package.", examples=["Table of Ten"])]
Price = Annotated[Money, Field(description="Price of the whole package in USD.", examples=["2500.00"])]
SeatsPerPackage = Annotated[int, Field(description="Seats in one package.", examples=[10])]
Description = Annotated[
    str, Field(description="What the donor gets.", examples=["Ten seats near the stage, with wine."])
]
Available = Annotated[int | None, Field(description="Packages left to sell; null is unlimited.", examples=[18])]
IsSponsorship = Annotated[bool, Field(description="Whether the package is a sponsorship.", examples=[False])]
IsSoldOut = Annotated[bool, Field(description="Whether no package is left to sell.", examples=[False])]
DisplayOrder = Annotated[int, Field(description="Position in the display order, from 1.", examples=[1])]
ImageAlt = Annotated[
    str | None, Field(description="What the picture shows, for screen readers.", examples=["A round table set for ten"])
]


class PackageAnswer(Answer):
    """A package with its sales so far."""

    id: Id
    event_id: Annotated[
        uuid.UUID, Field(description="Id of the event.", examples=["01a207b2-b02d-710f-ba15-1a059629fb52"])
    ]
    name: Name
    price: Price
    seats_per_package: SeatsPerPackage
    description: Description
    quantity_limit: Annotated[
        int | None, Field(description="Packages to sell in all; null is unlimited.", examples=[60])
    ]
    is_sponsorship: IsSponsorship
    is_enabled: Annotated[bool, Field(description="Whether the package is for sale.", examples=[True])]
    sold_count: Annotated[int, Field(description="Packages sold, not seats.", examples=[42])]
    available: Available
    is_sold_out: IsSoldOut
    display_order: DisplayOrder
    image_url: ImageUrl = None
    thumbnail_url: ThumbnailUrl = None
    image_alt: ImageAlt
    version: Annotated[int, Field(description="Version to send with a change of the package.", examples=[3])]


class PackageChange(create_change_model(PackageDraft)):  # type: ignore[misc]
    """The fields of a package to change, and the version that they were read at."""


class PackageOrder(Draft):
    """The new display order."""

    package_ids: Annotated[
        list[uuid.UUID],
        Field(
            description="Every package of the event exactly once, in the new order.",
            examples=[["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77", "01a207b3-5c12-7a11-9d3e-2b7c4e5f6a01"]],
        ),
    ]


class OptionOffered(Answer):
    """A question to ask with the package."""

    id: Annotated[
        uuid.UUID,
        Field(
            description="Id of the option; send it with the answer.", examples=["01a207b4-0a31-7c52-b1d7-93e0a6c58f10"]
        ),
    ]
    label: Annotated[str, Field(description="The question.", examples=["Dietary restriction?"])]
    option_type: Annotated[
        str,
        Field(
            description="`boolean` (yes or no), `single_select` (one of `choices`), `multi_select` (one or more) or "
            "`text_input`.",
            examples=["multi_select"],
        ),
    ]
    choices: Annotated[
        list[str] | None,
        Field(
            description="The choices of a `single_select` or `multi_select` in display order, else null.",
            examples=[["Beef", "Chicken", "Vegan"]],
        ),
    ]
    is_required: Annotated[bool, Field(description="Whether a purchase must answer the question.", examples=[True])]


class PackageOffered(Answer):
    """A package as a donor site may offer it."""

    id: Id
    name: Name
    price: Price
    seats_per_package: SeatsPerPackage
    description: Description
    available: Available
    is_sponsorship: IsSponsorship
    is_sold_out: IsSoldOut
    display_order: DisplayOrder
    image_url: ImageUrl = None
    thumbnail_url: ThumbnailUrl = None
    image_alt: ImageAlt
    version: Annotated[
        int,
        Field(
            description="Send it as `package_version` with the purchase: a changed price is then a conflict.",
            examples=[3],
        ),
    ]
    options: Annotated[
        list[OptionOffered],
        Field(
            description="The questions to ask, in display order.",
            examples=[
                [
                    {
                        "id": "01a207b4-0a31-7c52-b1d7-93e0a6c58f10",
                        "label": "Dietary restriction?",
                        "option_type": "multi_select",
                        "choices": ["Beef", "Chicken", "Vegan"],
                        "is_required": True,
                    }
                ]
            ],
        ),
    ] = []


def to_responses(session: Session, rows: Sequence[Package]) -> list[PackageAnswer]:
    """Return the packages as responses, with the URLs of their images."""
    by_package = images.find_by_package(session, rows)
    return [
        PackageAnswer.model_validate(row).model_copy(update=_get_image_urls(by_package.get(row.id))) for row in rows
    ]


def write_package(work: Callable[[Session], Package]) -> PackageAnswer:
    """Run `work` in one transaction and return the package as it is then."""
    return db.write(lambda session: to_responses(session, [work(session)])[0])


def _to_offer(package: Package, image: PackageImage | None, active_options: list[Option]) -> PackageOffered:
    offer = PackageOffered.model_validate(package, from_attributes=True)
    questions = [OptionOffered.model_validate(option) for option in active_options]
    return offer.model_copy(update={"options": questions} | _get_image_urls(image))


def _get_image_urls(image: PackageImage | None) -> dict[str, str]:
    if image is None:
        return {}
    base_url = settings.load().base_url or ""
    return {"image_url": base_url + image.path, "thumbnail_url": base_url + image.thumbnail_path}


@router.get(PACKAGES_PATH, responses=document_responses(404, 422))
def list_packages(caller: Caller, event_id: EventId, page: PageNumber = 1) -> Page[PackageAnswer]:
    """List the event's packages in display order, including disabled and sold-out ones."""
    with db.read_session() as session:
        rows, total = packages.list_page(session, caller, event_id, page=page, per_page=PER_PAGE)
        return Page(items=to_responses(session, rows), total=total, page=page)


@router.post(PACKAGES_PATH, status_code=201, responses=document_responses(403, 404, 409, 422))
def create_package(caller: Caller, event_id: EventId, draft: PackageDraft) -> PackageAnswer:
    """Add a package at the end of the display order.

    409 `duplicate_name` when another package of the event has the name. 429 `rate_limited` for the 11th package that
    the token's owner creates within a minute.
    """
    return write_package(lambda session: packages.create(session, caller, event_id, draft))


@router.post(PACKAGES_PATH + "/reorder", responses=document_responses(403, 404, 422))
def arrange_packages(caller: Caller, event_id: EventId, order: PackageOrder) -> Page[PackageAnswer]:
    """Put the packages in this order. 422 unless the list names every package of the event exactly once."""
    rows = db.write(
        lambda session: to_responses(session, package_order.reorder(session, caller, event_id, order.package_ids))
    )
    return Page(items=rows, total=len(rows), page=1, per_page=max(PER_PAGE, len(rows)))


@router.get(PACKAGE_PATH, responses=document_responses(404, 422))
def get_package(caller: Caller, event_id: EventId, package_id: PackageId) -> PackageAnswer:
    """Return one package."""
    with db.read_session() as session:
        return to_responses(session, [packages.get(session, caller, event_id, package_id)])[0]


@router.patch(PACKAGE_PATH, responses=document_responses(403, 404, 409, 422))
def change_package(caller: Caller, event_id: EventId, package_id: PackageId, change: PackageChange) -> PackageAnswer:
    """Change the fields that are sent. Past purchases keep their price.

    409 `stale_version`, `duplicate_name` or `limit_below_sold`.
    """
    return write_package(
        lambda session: packages.update(
            session, caller, event_id, package_id, change.sent_fields, seen_version=change.version
        )
    )


@router.delete(PACKAGE_PATH, status_code=204, responses=document_responses(403, 404, 409, 422))
def delete_package(caller: Caller, event_id: EventId, package_id: PackageId) -> None:
    """Delete a package without purchases. 409 `has_sales` when it has purchases: disable it instead."""
    db.write(lambda session: packages.delete(session, caller, event_id, package_id))


@router.post(PACKAGE_PATH + "/enable", responses=document_responses(403, 404, 422))
def enable_package(caller: Caller, event_id: EventId, package_id: PackageId) -> PackageAnswer:
    """Put the package on sale. Enabling it again changes nothing."""
    return write_package(lambda session: packages.set_enabled(session, caller, event_id, package_id, enabled=True))


@router.post(PACKAGE_PATH + "/disable", responses=document_responses(403, 404, 422))
def disable_package(caller: Caller, event_id: EventId, package_id: PackageId) -> PackageAnswer:
    """Take the package off sale. Disabling it again changes nothing."""
    return write_package(lambda session: packages.set_enabled(session, caller, event_id, package_id, enabled=False))


@router.get("/events/{event_id}/tickets/packages", tags=["Donor site"], responses=document_responses(404, 422))
def list_offer(caller: Caller, event_id: EventId) -> Page[PackageOffered]:
    """List all packages for sale in display order, with the questions to ask, on one page."""
    with db.read_session() as session:
        rows = packages.list_enabled(session, caller, event_id)
        options_by_package = options.list_active_by_package(session, event_id, [row.id for row in rows])
        image_by_package = images.find_by_package(session, rows)
    offer = [_to_offer(row, image_by_package.get(row.id), options_by_package.get(row.id, [])) for row in rows]
    return Page(items=offer, total=len(offer), page=1, per_page=max(PER_PAGE, len(offer)))

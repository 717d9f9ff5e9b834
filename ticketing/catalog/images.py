"""Images of packages (docs/product.md, "Images").

An event stores each image once, however many packages use it, and deletes it with the last use. `prepare` is slow, so
call it before the transaction that stores its result.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import delete as sql_delete
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, defer

from ticketing import audit, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import archive, image_files, malware_scan
from ticketing.catalog.image_files import PreparedImage
from ticketing.errors import NotFound
from ticketing.models import Image, Package
from ticketing.validation import BLANK_AS_NONE, Draft, MaxLength, SingleLineText, validate
from ticketing.work_queue import WorkQueue

MEDIA_TYPE_BY_EXTENSION = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
# One picture takes up to 200 MB and a processor for seconds.
QUEUE = WorkQueue("picture", retry_after=5)
_EXTENSION_BY_MEDIA_TYPE = {media_type: extension for extension, media_type in MEDIA_TYPE_BY_EXTENSION.items()}


class AltTextDraft(Draft):
    """The alternative text of an image; None when the image is decorative."""

    alt: Annotated[
        Annotated[SingleLineText, MaxLength(200)] | None,
        BLANK_AS_NONE,
        Field(description="What the image shows, for screen readers.", examples=["A round table set for ten"]),
    ] = None


@dataclass(frozen=True)
class PackageImage:
    """A package's image, with the paths on this server of the image and its thumbnail."""

    event_id: uuid.UUID
    sha256: str
    media_type: str
    width: int
    height: int
    alt: str | None

    @property
    def path(self) -> str:
        return f"/pictures/{self.event_id}/{self.sha256}.{_EXTENSION_BY_MEDIA_TYPE[self.media_type]}"

    @property
    def thumbnail_path(self) -> str:
        return f"/pictures/{self.event_id}/thumbnails/{self.sha256}.{_EXTENSION_BY_MEDIA_TYPE[self.media_type]}"


def prepare(content: bytes) -> PreparedImage:
    """Scan an uploaded file for malware and re-encode it for storing, one file at a time on this server.

    Raises InvalidInput (`image`) with what is wrong with the file, ScannerUnavailable, and QueueFull when too many
    pictures wait.
    """
    image_files.check_size(content)
    with QUEUE.slot():
        if malware_scan.find_signature(content):
            raise image_files.invalid_image_error(
                "The virus scanner found malware in this file, so it was not saved. Warn the person you got it from."
            )
        return image_files.reencode(content)


def set_image(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    package_id: uuid.UUID,
    prepared: PreparedImage,
    alt: str | None = None,
    *,
    seen_version: int | None = None,
) -> Package:
    """Set or replace the image of a package, together with its alternative text.

    The same image with the same text changes nothing. Raises NotFound, StaleVersion and InvalidInput (`alt`).
    """
    package = _get_for_update(session, actor, event_id, package_id, seen_version)
    text = validate(AltTextDraft, {"alt": alt}).alt
    lock_event_images(session, event_id)
    _apply(session, actor, package, "package.image_changed", _get_or_create(session, event_id, prepared), text)
    return package


def set_alt(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    package_id: uuid.UUID,
    alt: str | None,
    *,
    seen_version: int | None = None,
) -> Package:
    """Change the alternative text of a package's image.

    Raises NotFound also when the package has no image, StaleVersion and InvalidInput (`alt`).
    """
    package = _get_for_update(session, actor, event_id, package_id, seen_version)
    if package.image_id is None:
        raise NotFound("picture")
    text = validate(AltTextDraft, {"alt": alt}).alt
    _apply(session, actor, package, "package.image_changed", package.image_id, text)
    return package


def remove_image(
    session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID, *, seen_version: int | None = None
) -> Package:
    """Remove the image of a package, if it has one. Raises NotFound and StaleVersion."""
    package = _get_for_update(session, actor, event_id, package_id, seen_version)
    lock_event_images(session, event_id)
    _apply(session, actor, package, "package.image_removed", None, None)
    return package


def find_by_package(session: Session, packages: Iterable[Package]) -> dict[uuid.UUID, PackageImage]:
    """Return the images by package id, in at most one query and without packages that have none.

    The caller has checked that the actor may see the packages.
    """
    with_image = {package.id: package for package in packages if package.image_id is not None}
    if not with_image:
        return {}
    rows = session.execute(
        select(Package.id, Image.event_id, Image.sha256, Image.media_type, Image.width, Image.height)
        .join(Package, (Package.image_id == Image.id) & (Package.event_id == Image.event_id))
        .where(Package.id.in_(with_image))
    )
    return {
        row.id: PackageImage(
            row.event_id, row.sha256.hex(), row.media_type, row.width, row.height, with_image[row.id].image_alt
        )
        for row in rows
    }


def find_prepared(session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> PreparedImage | None:
    """Return the image of a package as `set_image` takes it, to set it again after a change; None without one."""
    permissions.require(session, actor, "read", event_id)
    image = session.scalar(
        select(Image)
        .join(Package, (Package.image_id == Image.id) & (Package.event_id == Image.event_id))
        .where(Package.id == package_id, Package.event_id == event_id)
    )
    if image is None:
        return None
    return PreparedImage(image.content, image.thumbnail, image.media_type, image.width, image.height)


def get(session: Session, actor: Actor, event_id: uuid.UUID, sha256: str, extension: str) -> Image:
    """Return a stored image; its content and thumbnail load when they are accessed. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    image = session.scalar(
        select(Image)
        .where(
            Image.event_id == event_id,
            Image.sha256 == bytes.fromhex(sha256),
            Image.media_type == MEDIA_TYPE_BY_EXTENSION[extension],
        )
        .options(defer(Image.content), defer(Image.thumbnail))
    )
    if image is None:
        raise NotFound("picture")
    return image


def lock_event_images(session: Session, event_id: uuid.UUID) -> None:
    """Let one transaction at a time change which images an event uses; sales and other edits continue.

    Take this lock last, after a package or the display order, so that its holder never waits for another lock.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"pictures of {event_id}", 0))))


def detach(session: Session, package: Package) -> list[audit.Change]:
    """Remove the image of a package that is being deleted and return the changes for the audit log."""
    lock_event_images(session, package.event_id)
    return _replace(session, package, None, None)


def _get_for_update(
    session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID, seen_version: int | None
) -> Package:
    """Return the package, locked until the transaction ends.

    Raises NotFound, NotAllowed, EventArchived and StaleVersion.
    """
    permissions.require(session, actor, "change", event_id)
    package = optimistic_locking.get_for_update(session, Package, event_id, package_id, "package", key_share=True)
    archive.refuse_archived(package)
    optimistic_locking.check_version(session, event_id, package, seen_version)
    return package


def _get_or_create(session: Session, event_id: uuid.UUID, prepared: PreparedImage) -> uuid.UUID:
    """Return the id of the event's only copy of an image, stored now if it is new."""
    image_id = session.scalar(select(Image.id).where(Image.event_id == event_id, Image.sha256 == prepared.sha256))
    if image_id is not None:
        return image_id
    image = Image(
        event_id=event_id,
        sha256=prepared.sha256,
        content=prepared.content,
        thumbnail=prepared.thumbnail,
        media_type=prepared.media_type,
        width=prepared.width,
        height=prepared.height,
    )
    session.add(image)
    session.flush()
    return image.id


def _apply(
    session: Session, actor: Actor, package: Package, action: str, image_id: uuid.UUID | None, alt: str | None
) -> None:
    changes = _replace(session, package, image_id, alt)
    if changes:
        package.version += 1
        session.flush()
        audit.record(session, actor, package.event_id, action, package, changes)


def _replace(session: Session, package: Package, image_id: uuid.UUID | None, alt: str | None) -> list[audit.Change]:
    """Set the image, delete the former one if no package uses it any more, and return the changes for the audit log."""
    changes = audit.changes_between(package, {"image_alt": alt})
    former = package.image_id
    if image_id != former:
        names = {
            row.id: row.sha256.hex()
            for row in session.execute(select(Image.id, Image.sha256).where(Image.id.in_([former, image_id])))
        }
        changes.insert(0, audit.Change("image", names.get(former), names.get(image_id)))
    package.image_id, package.image_alt = image_id, alt
    session.flush()
    if former is not None and image_id != former:
        session.execute(sql_delete(Image).where(Image.id == former, ~exists().where(Package.image_id == Image.id)))
    return changes

"""Pictures of packages: stored once in an event however many packages show them, and gone with the last that does.

`prepare` takes its time, so it comes first and outside any transaction; the rest writes what it made.
Source of every rule: PRODUCT "Images".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import delete as sql_delete
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, defer

from ticketing import audit, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import image_files, malware_scan
from ticketing.catalog.image_files import PreparedImage
from ticketing.errors import NotFound
from ticketing.models import Image, Package
from ticketing.validation import BLANK_AS_NONE, Draft, MaxLength, SingleLineText, validate

MEDIA_TYPE_BY_EXTENSION = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_EXTENSION_BY_MEDIA_TYPE = {media_type: ending for ending, media_type in MEDIA_TYPE_BY_EXTENSION.items()}


class AltTextDraft(Draft):
    """What the picture shows, for who cannot see it; none when it only decorates."""

    alt: Annotated[Annotated[SingleLineText, MaxLength(200)] | None, BLANK_AS_NONE] = None


@dataclass(frozen=True)
class PackageImage:
    """A package's picture, and the paths on this server at which it and its thumbnail are fetched."""

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
    """The picture in an uploaded file as it will be stored, once the scanner, where there is one, found nothing.

    Raises InvalidInput about `image` with what is wrong with the file, and ScannerAway.
    """
    image_files.check_size(content)
    if malware_scan.find_signature(content):
        raise image_files.invalid_image_error(
            "The virus scanner found something in this file, so it was not taken. Tell whoever gave it to you."
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
    """Gives a package its picture, in the place of any that it has, with that one's description too.

    The same picture with the same words changes nothing. Raises StaleVersion, InvalidInput about `alt`.
    """
    package = _get_for_update(session, actor, event_id, package_id, seen_version)
    told = validate(AltTextDraft, {"alt": alt}).alt
    lock_event_images(session, event_id)
    _apply(session, actor, package, "package.image_changed", _get_or_create(session, event_id, prepared), told)
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
    """Says in other words what the picture shows. Raises NotFound without a picture, StaleVersion, InvalidInput."""
    package = _get_for_update(session, actor, event_id, package_id, seen_version)
    if package.image_id is None:
        raise NotFound("picture")
    _apply(
        session,
        actor,
        package,
        "package.image_changed",
        package.image_id,
        validate(AltTextDraft, {"alt": alt}).alt,
    )
    return package


def remove_image(
    session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID, *, seen_version: int | None = None
) -> Package:
    """Takes a package's picture away; doing it twice is doing it once. Raises StaleVersion."""
    package = _get_for_update(session, actor, event_id, package_id, seen_version)
    lock_event_images(session, event_id)
    _apply(session, actor, package, "package.image_removed", None, None)
    return package


def find_by_package(session: Session, packages: Iterable[Package]) -> dict[uuid.UUID, PackageImage]:
    """The pictures of several packages that the caller may see, in at most one query; who has none is left out."""
    shown = {package.id: package for package in packages if package.image_id is not None}
    if not shown:
        return {}
    rows = session.execute(
        select(Package.id, Image.event_id, Image.sha256, Image.media_type, Image.width, Image.height)
        .join(Package, (Package.image_id == Image.id) & (Package.event_id == Image.event_id))
        .where(Package.id.in_(shown))
    )
    return {
        row.id: PackageImage(
            row.event_id, row.sha256.hex(), row.media_type, row.width, row.height, shown[row.id].image_alt
        )
        for row in rows
    }


def get(session: Session, actor: Actor, event_id: uuid.UUID, sha256: str, extension: str) -> Image:
    """The stored picture; its content and thumbnail are read when they are asked for. Raises NotFound."""
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
    """One at a time may begin or end to use an event's pictures; sales and other edits go on.

    Taken last, after the package or the order: who holds it waits for nobody.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"pictures of {event_id}", 0))))


def detach(session: Session, package: Package) -> list[audit.Change]:
    """For a package that is being deleted: takes its picture away, and answers with that part of the trail."""
    lock_event_images(session, package.event_id)
    return _replace(session, package, None, None)


def _get_for_update(
    session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID, seen_version: int | None
) -> Package:
    """The package, held until the transaction ends, as the actor saw it."""
    permissions.require(session, actor, "change", event_id)
    package = optimistic_locking.get_for_update(session, Package, event_id, package_id, "package", key_share=True)
    optimistic_locking.check_version(session, event_id, package, seen_version)
    return package


def _get_or_create(session: Session, event_id: uuid.UUID, prepared: PreparedImage) -> uuid.UUID:
    """The id of the event's only copy of a picture, found or new."""
    found = session.scalar(select(Image.id).where(Image.event_id == event_id, Image.sha256 == prepared.sha256))
    if found is not None:
        return found
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
    """Changes the picture, deletes the former one if nobody shows it any more, and answers with the trail of it."""
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

"""The labels of the form of a package, and stored packages, read and changed as by a colleague."""

from __future__ import annotations

from sqlalchemy import select

from tests.support import image_samples, make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import images, packages
from ticketing.models import Event, Package

NAME, PRICE, DESCRIPTION = "Name", "Price", "Description"
SEATS, LIMIT = "Seats in one package", "Limit (optional)"


def list_stored_packages(event: Event) -> list[Package]:
    with db.read_session() as session:
        return packages.list_all(session, OPERATOR, event.id)


def update_as_colleague(event: Event, package: Package, **values: object) -> None:
    """Update a package as a colleague."""
    colleague = make.staff(role="admin", name="Bea Colleague")

    def work(session: db.Session) -> None:
        version = session.scalar(select(Package.version).where(Package.id == package.id))
        packages.update(session, colleague, event.id, package.id, values, seen_version=version)

    db.write(work)


def delete_package(event: Event, package: Package) -> None:
    db.write(lambda session: packages.delete(session, make.staff(role="admin"), event.id, package.id))


def set_image(event: Event, package: Package, alt: str | None = None, **drawn: object) -> str:
    """Set an image and return its SHA-256."""
    prepared = images.prepare(image_samples.make_image_file(**drawn))
    db.write(lambda session: images.set_image(session, OPERATOR, event.id, package.id, prepared, alt))
    return prepared.sha256.hex()

"""Endpoints that set and remove the image of a package; `api.site.pictures` serves it."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

from api.errors import document_responses
from api.schemas import Caller, EventId, PackageId, SeenVersion
from api.v1.packages import PACKAGE_PATH, PackageAnswer, write_package
from ticketing import db
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import image_files, images, packages
from ticketing.errors import InvalidInput
from ticketing.validation import Draft, validate
from ticketing.work_queue import MAX_WAITING

router = APIRouter(tags=["Packages"])
# The image, with room for the other fields and the multipart boundaries.
MAX_BODY_BYTES = image_files.MAX_BYTES + 64 * 1024
# Pictures wait for each other in threads of their own: those of other requests must stay free. One works, MAX_WAITING
# wait, and one more is refused.
_LIMITER = CapacityLimiter(1 + MAX_WAITING + 1)


class ImageFields(Draft):
    """The optional fields beside the image."""

    alt: str | None = None
    version: SeenVersion = None


FORM_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {
                            "type": "string",
                            "format": "binary",
                            "description": "JPG, PNG or WebP, at most 5 MB.",
                        },
                        "alt": {
                            "type": "string",
                            "maxLength": 200,
                            "description": "What the picture shows, for screen readers.",
                            "examples": ["A round table set for ten"],
                        },
                        "version": {
                            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "maxLength": 0}],
                            "description": "The package's version that the caller read. Without it, or when it is "
                            "empty, any picture is replaced.",
                            "examples": [3],
                        },
                    },
                }
            }
        },
    }
}


@router.post(PACKAGE_PATH + "/image", responses=document_responses(403, 404, 409, 422), openapi_extra=FORM_SCHEMA)
async def set_image(request: Request, caller: Caller, event_id: EventId, package_id: PackageId) -> PackageAnswer:
    """Set or replace the picture of a package.

    The format is recognized by content. The picture is stored upright, in sRGB, without metadata and at most
    2,000 x 2,000 pixels. 422 (`image`) when it is not a JPG, PNG or WebP, larger than 5 MB, damaged, animated, has too
    many pixels or contains malware; 409 `stale_version`; 503 `scanner_away` when the malware scanner does not answer,
    `queue_full` when other pictures are waiting to be processed.
    """
    await run_in_threadpool(_check_permission, caller, event_id, package_id)
    images.QUEUE.check()
    content, fields = await _read_form(request)
    return await to_thread.run_sync(_store_image, caller, event_id, package_id, content, fields, limiter=_LIMITER)


@router.delete(PACKAGE_PATH + "/image", status_code=204, responses=document_responses(403, 404, 409, 422))
def remove_image(
    caller: Caller,
    event_id: EventId,
    package_id: PackageId,
    version: Annotated[SeenVersion, Query(examples=[3])] = None,
) -> None:
    """Remove the picture of a package. Removing it again changes nothing. 409 `stale_version`."""
    db.write(lambda session: images.remove_image(session, caller, event_id, package_id, seen_version=version))


def _check_permission(caller: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> None:
    """Check the permission before up to 5 MB are read and decoded; `images.set_image` checks it again."""
    with db.read_session() as session:
        permissions.require(session, caller, "change", event_id)
        packages.get(session, caller, event_id, package_id)


def _store_image(
    caller: Actor, event_id: uuid.UUID, package_id: uuid.UUID, content: bytes, fields: ImageFields
) -> PackageAnswer:
    prepared = images.prepare(content)
    return write_package(
        lambda session: images.set_image(
            session, caller, event_id, package_id, prepared, fields.alt, seen_version=fields.version
        )
    )


async def _read_form(request: Request) -> tuple[bytes, ImageFields]:
    """Return the image and the other fields, without reading more than the size limit."""
    async with _limit_body(request).form(max_files=1, max_fields=10) as form:
        counts = Counter(name for name, _ in form.multi_items())
        if repeated := [name for name in ("image", *ImageFields.model_fields) if counts[name] > 1]:
            raise InvalidInput(dict.fromkeys(repeated, "Send this field once."))
        fields = validate(
            ImageFields, {name: form[name] for name in ImageFields.model_fields if form.get(name) not in (None, "")}
        )
        file = form.get("image")
        if not isinstance(file, UploadFile):
            raise InvalidInput({"image": "Send a picture as a file in this field."})
        return await file.read(), fields


def _limit_body(request: Request) -> Request:
    """Return the request with a body that is refused once its announced or received length is above the limit."""
    content_length = request.headers.get("content-length", "")
    if content_length.isdecimal() and int(content_length) > MAX_BODY_BYTES:
        raise image_files.too_large_error()
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise image_files.too_large_error()
        return message

    return Request(request.scope, receive)

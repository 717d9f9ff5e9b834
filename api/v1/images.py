"""Endpoints that set and remove the picture of a package; `api.site.pictures` serves it."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

from api.errors import document_responses
from api.schemas import Caller, SeenVersion
from api.v1.packages import PACKAGE_PATH, PackageAnswer, write_package
from ticketing import db
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import image_files, images, packages
from ticketing.errors import InvalidInput
from ticketing.validation import Draft, validate

router = APIRouter(tags=["Packages"])
# The picture, and room for the other fields and what multipart puts around them.
MAX_BODY_BYTES = image_files.MAX_BYTES + 64 * 1024


class PictureFields(Draft):
    """What may come along with the picture."""

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
                        "alt": {"type": "string", "maxLength": 200, "description": "What the picture shows."},
                        "version": {
                            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "maxLength": 0}],
                            "description": "The package's version that was seen. Without it, or with nothing in it, "
                            "any picture is replaced.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(PACKAGE_PATH + "/image", responses=document_responses(403, 404, 409, 422), openapi_extra=FORM_SCHEMA)
async def put_picture(request: Request, caller: Caller, event_id: uuid.UUID, package_id: uuid.UUID) -> PackageAnswer:
    """Gives the package its picture, in the place of any that it has.

    Judged by its content, stored upright and in sRGB without metadata, at most 2,000 x 2,000 pixels. 422 about `image`
    when it is no JPG, PNG or WebP, larger than 5 MB, damaged, animated, has too many pixels or holds malware; 503
    `scanner_away` when the malware scanner does not answer; 409 `stale_version`.
    """
    await run_in_threadpool(_check_permission, caller, event_id, package_id)
    content, given = await _read_form(request)
    return await run_in_threadpool(_store_picture, caller, event_id, package_id, content, given)


@router.delete(PACKAGE_PATH + "/image", status_code=204, responses=document_responses(403, 404, 409, 422))
def remove_picture(
    caller: Caller, event_id: uuid.UUID, package_id: uuid.UUID, version: Annotated[SeenVersion, Query()] = None
) -> None:
    """Takes the package's picture away; twice is once. 409 `stale_version`."""
    db.write(lambda session: images.remove_image(session, caller, event_id, package_id, seen_version=version))


def _check_permission(caller: Actor, event_id: uuid.UUID, package_id: uuid.UUID) -> None:
    """Before 5 MB are read and decoded for someone who may not; `set_image` judges again."""
    with db.read_session() as session:
        permissions.require(session, caller, "change", event_id)
        packages.get(session, caller, event_id, package_id)


def _store_picture(
    caller: Actor, event_id: uuid.UUID, package_id: uuid.UUID, content: bytes, given: PictureFields
) -> PackageAnswer:
    prepared = images.prepare(content)
    return write_package(
        lambda session: images.set_image(
            session, caller, event_id, package_id, prepared, given.alt, seen_version=given.version
        )
    )


async def _read_form(request: Request) -> tuple[bytes, PictureFields]:
    """The picture and the other fields of the form, read no further than a picture may be long."""
    async with _limit_body(request).form(max_files=1, max_fields=10) as form:
        times = Counter(name for name, _ in form.multi_items())
        if twice := [name for name in ("image", *PictureFields.model_fields) if times[name] > 1]:
            raise InvalidInput(dict.fromkeys(twice, "Send this field once."))
        given = validate(
            PictureFields, {name: form[name] for name in PictureFields.model_fields if form.get(name) not in (None, "")}
        )
        sent = form.get("image")
        if not isinstance(sent, UploadFile):
            raise InvalidInput({"image": "Send a picture as a file in this field."})
        return await sent.read(), given


def _limit_body(request: Request) -> Request:
    """The request, whose body is refused as too large before it is read, or as soon as it proves to be."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
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

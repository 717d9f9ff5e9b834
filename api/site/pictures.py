"""Images of packages and their thumbnails, with the SHA-256 in the URL."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.middleware import authentication
from ticketing import db
from ticketing.catalog import images
from ticketing.errors import NotFound
from ticketing.models import Image

CACHE_CONTROL = "private, max-age=31536000, immutable"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def picture(request: Request) -> Response:
    """Return an image of an event's package. A URL always has the same content, so browsers may keep it."""
    return _picture_response(request, lambda image: image.content, request.path_params["sha256"])


def thumbnail(request: Request) -> Response:
    """Return the image scaled to fit 256 x 256 pixels."""
    return _picture_response(request, lambda image: image.thumbnail, request.path_params["sha256"] + "-thumbnail")


def _picture_response(request: Request, get_content: Callable[[Image], bytes], name: str) -> Response:
    parameters = request.path_params
    headers = {"Cache-Control": CACHE_CONTROL, "ETag": f'"{name}"'}
    try:
        event_id = uuid.UUID(parameters["event_id"])
    except ValueError:
        raise NotFound("picture") from None
    if not _SHA256.fullmatch(parameters["sha256"]) or parameters["ending"] not in images.MEDIA_TYPE_BY_EXTENSION:
        raise NotFound("picture")
    with db.read_session() as session:
        image = images.get(
            session, authentication.get_actor(request), event_id, parameters["sha256"], parameters["ending"]
        )
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = get_content(image)
    headers["Content-Disposition"] = "inline"
    return Response(content, headers=headers, media_type=image.media_type)


routes = [
    Route("/pictures/{event_id}/{sha256}.{ending}", picture),
    Route("/pictures/{event_id}/thumbnails/{sha256}.{ending}", thumbnail),
]

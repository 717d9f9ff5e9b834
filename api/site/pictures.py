"""Pictures of packages and their thumbnails, addressed by their hash."""

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
    """The picture of one event's package. An address always means the same bytes, so a browser asks for them once."""
    return _picture_response(request, lambda image: image.content, request.path_params["sha256"])


def thumbnail(request: Request) -> Response:
    """The same, fitting 256 x 256."""
    return _picture_response(request, lambda image: image.thumbnail, request.path_params["sha256"] + "-thumbnail")


def _picture_response(request: Request, get_content: Callable[[Image], bytes], name: str) -> Response:
    place = request.path_params
    headers = {"Cache-Control": CACHE_CONTROL, "ETag": f'"{name}"'}
    try:
        event_id = uuid.UUID(place["event_id"])
    except ValueError:
        raise NotFound("picture") from None
    if not _SHA256.fullmatch(place["sha256"]) or place["ending"] not in images.MEDIA_TYPE_BY_EXTENSION:
        raise NotFound("picture")
    with db.read_session() as session:
        image = images.get(session, authentication.get_actor(request), event_id, place["sha256"], place["ending"])
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = get_content(image)
    headers["Content-Disposition"] = "inline"
    return Response(content, headers=headers, media_type=image.media_type)


routes = [
    Route("/pictures/{event_id}/{sha256}.{ending}", picture),
    Route("/pictures/{event_id}/thumbnails/{sha256}.{ending}", thumbnail),
]

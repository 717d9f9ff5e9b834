"""Files that a signed-in browser fetches by a plain link, streamed whatever their size."""

from __future__ import annotations

import re
import unicodedata
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api import identity
from ticketing import db, export
from ticketing.actors import Actor
from ticketing.errors import NotFound


def purchases_csv(request: Request) -> Response:
    """The purchases of one event, or with `?sponsorships_only=true` of its sponsorships."""
    try:
        event_id = uuid.UUID(request.path_params["event_id"])
    except ValueError:
        raise NotFound("event") from None
    sponsorships_only = request.query_params.get("sponsorships_only", "").lower() in ("true", "1")
    return purchases_of(identity.actor_of(request), event_id, sponsorships_only=sponsorships_only)


def purchases_of(actor: Actor, event_id: uuid.UUID, *, sponsorships_only: bool) -> StreamingResponse:
    """The CSV as an attachment. Access is judged before the first byte leaves."""
    with db.reading() as session:
        asked = export.purchases_query(session, actor, event_id, sponsorships_only=sponsorships_only)
    today = datetime.now(UTC).astimezone(ZoneInfo(asked.time_zone)).date()
    kind = "sponsorships" if sponsorships_only else "purchases"
    return StreamingResponse(
        export.stream(asked),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{_file_name(asked.event_name)}-{kind}-{today}.csv"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _file_name(event_name: str) -> str:
    """Letters, digits and hyphens, which every system takes and no header can be broken out of."""
    plain = unicodedata.normalize("NFKD", event_name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:60].lower() or "event"


routes = [Route("/export/{event_id}/purchases.csv", purchases_csv)]

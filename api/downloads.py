"""Files that a signed-in browser fetches by a plain link, streamed whatever their size."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from api import identity
from ticketing import db, export, selection
from ticketing.actors import Actor
from ticketing.errors import InvalidInput, NotFound
from ticketing.selection import Selection

Query = Callable[..., export.Export]


def purchases_csv(request: Request) -> Response:
    """A row for each purchase of one event that the address selects."""
    return _asked_for(request, export.purchases_query, "purchases")


def guests_csv(request: Request) -> Response:
    """A row for each seat of those purchases."""
    return _asked_for(request, export.guests_query, "guests")


def selected(query: QueryParams) -> Selection:
    """What the address selects. Raises InvalidInput, also for a filter given twice, of which only one would count."""
    given = Counter(name for name, _ in query.multi_items())
    if twice := [name for name, times in given.items() if times > 1]:
        raise InvalidInput({name: f"Give “{name[:40]}” once, several values with commas between." for name in twice})
    return selection.parsed(query, besides=())


def csv_of(
    actor: Actor, event_id: uuid.UUID, wanted: Selection, query: Query = export.purchases_query, kind: str = "purchases"
) -> StreamingResponse:
    """The CSV as an attachment. Access is judged before the first byte leaves."""
    with db.reading() as session:
        asked = query(session, actor, event_id, wanted)
    today = datetime.now(UTC).astimezone(ZoneInfo(asked.time_zone)).date()
    part = "" if wanted.is_everything else "-selected"
    return StreamingResponse(
        export.stream(asked),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{_file_name(asked.event_name)}-{kind}{part}-{today}.csv"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        },
    )


def _asked_for(request: Request, query: Query, kind: str) -> Response:
    actor = identity.actor_of(request)
    try:
        event_id = uuid.UUID(request.path_params["event_id"])
    except ValueError:
        raise NotFound("event") from None
    return csv_of(actor, event_id, selected(request.query_params), query, kind)


def _file_name(event_name: str) -> str:
    """Letters, digits and hyphens, which every system takes and no header can be broken out of."""
    plain = unicodedata.normalize("NFKD", event_name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:60].lower() or "event"


routes = [
    Route("/export/{event_id}/purchases.csv", purchases_csv),
    Route("/export/{event_id}/guests.csv", guests_csv),
]

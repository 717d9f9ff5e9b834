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

from api.middleware import authentication
from ticketing import db, purchase_filter
from ticketing.actors import Actor
from ticketing.errors import InvalidInput, NotFound
from ticketing.purchase_filter import Selection
from ticketing.reporting import audit_log, csv_export
from ticketing.reporting.csv_export import Export

Query = Callable[..., Export]


def purchases_csv(request: Request) -> Response:
    """A row for each purchase of one event that the address selects."""
    return _asked_for(request, csv_export.purchases_query, "purchases")


def guests_csv(request: Request) -> Response:
    """A row for each seat of those purchases."""
    return _asked_for(request, csv_export.guests_query, "guests")


def audit_csv(request: Request) -> Response:
    """A row for each entry of an event's audit log that the address asks for, or of the office's."""
    actor, named = authentication.actor_of(request), request.path_params["event_id"]
    event_id = None if named == "office" else _event_id(request)
    sought = audit_log.parsed(_given_once(request.query_params), besides=())
    with db.reading() as session:
        asked = audit_log.export_query(session, actor, event_id, sought)
    return _attachment(asked, "audit-log", is_part=sought != audit_log.EVERYTHING)


def selected(query: QueryParams) -> Selection:
    """What the address selects. Raises InvalidInput."""
    return purchase_filter.parsed(_given_once(query), besides=())


def _given_once(query: QueryParams) -> QueryParams:
    """Raises InvalidInput for a filter given twice, of which only one would count."""
    given = Counter(name for name, _ in query.multi_items())
    if twice := [name for name, times in given.items() if times > 1]:
        raise InvalidInput({name: f"Give “{name[:40]}” once, several values with commas between." for name in twice})
    return query


def csv_of(
    actor: Actor,
    event_id: uuid.UUID,
    wanted: Selection,
    query: Query = csv_export.purchases_query,
    kind: str = "purchases",
) -> StreamingResponse:
    """The CSV as an attachment. Access is judged before the first byte leaves."""
    with db.reading() as session:
        asked = query(session, actor, event_id, wanted)
    return _attachment(asked, kind, is_part=not wanted.is_everything)


def _attachment(asked: Export, kind: str, *, is_part: bool) -> StreamingResponse:
    today = datetime.now(UTC).astimezone(ZoneInfo(asked.time_zone)).date()
    part = "-selected" if is_part else ""
    return StreamingResponse(
        csv_export.stream(asked),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{_file_name(asked.event_name)}-{kind}{part}-{today}.csv"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        },
    )


def _asked_for(request: Request, query: Query, kind: str) -> Response:
    return csv_of(authentication.actor_of(request), _event_id(request), selected(request.query_params), query, kind)


def _event_id(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.path_params["event_id"])
    except ValueError:
        raise NotFound("event") from None


def _file_name(event_name: str) -> str:
    """Letters, digits and hyphens, which every system takes and no header can be broken out of."""
    plain = unicodedata.normalize("NFKD", event_name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:60].lower() or "event"


routes = [
    Route("/export/{event_id}/purchases.csv", purchases_csv),
    Route("/export/{event_id}/guests.csv", guests_csv),
    Route("/export/{event_id}/audit.csv", audit_csv),
]

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
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting import audit_log, csv_export
from ticketing.reporting.csv_export import Export

ExportQuery = Callable[..., Export]


def purchases_csv(request: Request) -> Response:
    """A row for each purchase of one event that the address selects."""
    return _export_response(request, csv_export.build_purchases_export, "purchases")


def guests_csv(request: Request) -> Response:
    """A row for each seat of those purchases."""
    return _export_response(request, csv_export.build_guests_export, "guests")


def audit_csv(request: Request) -> Response:
    """A row for each entry of an event's audit log that the address asks for, or of the office's."""
    actor, named = authentication.get_actor(request), request.path_params["event_id"]
    event_id = None if named == "office" else _parse_event_id(request)
    sought = audit_log.parse(_reject_repeated_parameters(request.query_params), ignored=())
    with db.read_session() as session:
        asked = audit_log.build_export(session, actor, event_id, sought)
    return _attachment_response(asked, "audit-log", is_filtered=sought != audit_log.ALL_CHANGES)


def parse_filter(query: QueryParams) -> PurchaseFilter:
    """What the address selects. Raises InvalidInput."""
    return purchase_filter.parse(_reject_repeated_parameters(query), ignored=())


def _reject_repeated_parameters(query: QueryParams) -> QueryParams:
    """Raises InvalidInput for a filter given twice, of which only one would count."""
    given = Counter(name for name, _ in query.multi_items())
    if twice := [name for name, times in given.items() if times > 1]:
        raise InvalidInput({name: f"Give “{name[:40]}” once, several values with commas between." for name in twice})
    return query


def csv_response(
    actor: Actor,
    event_id: uuid.UUID,
    export_filter: PurchaseFilter,
    query: ExportQuery = csv_export.build_purchases_export,
    kind: str = "purchases",
) -> StreamingResponse:
    """The CSV as an attachment. Access is judged before the first byte leaves."""
    with db.read_session() as session:
        asked = query(session, actor, event_id, export_filter)
    return _attachment_response(asked, kind, is_filtered=not export_filter.matches_everything)


def _attachment_response(export: Export, kind: str, *, is_filtered: bool) -> StreamingResponse:
    today = datetime.now(UTC).astimezone(ZoneInfo(export.time_zone)).date()
    part = "-selected" if is_filtered else ""
    return StreamingResponse(
        csv_export.stream(export),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{_slugify(export.event_name)}-{kind}{part}-{today}.csv"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        },
    )


def _export_response(request: Request, query: ExportQuery, kind: str) -> Response:
    return csv_response(
        authentication.get_actor(request), _parse_event_id(request), parse_filter(request.query_params), query, kind
    )


def _parse_event_id(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.path_params["event_id"])
    except ValueError:
        raise NotFound("event") from None


def _slugify(event_name: str) -> str:
    """Letters, digits and hyphens, which every system takes and no header can be broken out of."""
    plain = unicodedata.normalize("NFKD", event_name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:60].lower() or "event"


routes = [
    Route("/export/{event_id}/purchases.csv", purchases_csv),
    Route("/export/{event_id}/guests.csv", guests_csv),
    Route("/export/{event_id}/audit.csv", audit_csv),
]

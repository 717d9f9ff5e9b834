"""Downloads by plain links for signed-in browsers, streamed whatever their size."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.middleware import authentication
from api.site.streamed_csv import StreamedCsv
from api.site.workbook_file import WorkbookFile
from ticketing import db
from ticketing.actors import Actor
from ticketing.db import replica
from ticketing.errors import InvalidInput, NotFound
from ticketing.reporting import audit_log, csv_export, downloads, sales_report, sales_svg, workbooks
from ticketing.reporting.downloads import Download
from ticketing.reporting.file_columns import ExportQuery, Kind
from ticketing.reporting.sales_report import ReportParameters


def purchases_csv(request: Request) -> Response:
    """Return a row for each purchase of an event that the query parameters select."""
    return _export_response(request, "purchases")


def guests_csv(request: Request) -> Response:
    """Return a row for each seat of the selected purchases."""
    return _export_response(request, "guests")


def purchases_xlsx(request: Request) -> Response:
    """Return the workbook of `purchases_csv`."""
    return _workbook_response(request, "purchases")


def guests_xlsx(request: Request) -> Response:
    """Return the workbook of `guests_csv`."""
    return _workbook_response(request, "guests")


def audit_csv(request: Request) -> Response:
    """Return a row for each selected entry of the audit log of an event, or of the office (entries of no event)."""
    actor = authentication.get_actor(request)
    event_id = None if request.path_params["event_id"] == "office" else _parse_event_id(request)
    reject_repeated_parameters(request)
    audit_filter = audit_log.parse(request.query_params, ignored=())
    with db.read_session() as session:
        export = audit_log.build_export(session, actor, event_id, audit_filter)
    filters = "; ".join(f"{name}: {value}" for name, value in audit_log.to_query(audit_filter).items())
    return _attachment_response(Download(actor, event_id, "audit.csv", export, filters), "audit-log")


def chart_svg(request: Request) -> Response:
    """Return the sales chart that the query parameters select, as a picture of its own."""
    actor, event_id = authentication.get_actor(request), _parse_event_id(request)
    reject_repeated_parameters(request)
    query = ReportParameters.parse(request.query_params, ()).to_query()
    report = replica.read(lambda session: sales_report.get_report(session, actor, event_id, query))
    now = datetime.now(UTC)
    day = now.astimezone(ZoneInfo(report.event.time_zone)).date()
    name = f"{_slugify(report.event.name)}-{query.chart}-{day}.svg"
    return Response(
        sales_svg.draw_file(report, now),
        media_type="image/svg+xml",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def reject_repeated_parameters(request: Request) -> None:
    """Raise InvalidInput for each query parameter that is given twice, since only one of them would count."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise InvalidInput(
            {name: f"Give “{name[:40]}” once, with its values separated by commas." for name in repeated}
        )


def csv_response(actor: Actor, event_id: uuid.UUID, query: ExportQuery, kind: Kind = "purchases") -> StreamedCsv:
    """Return the CSV as an attachment. Permissions and columns are checked before the first byte is sent."""
    purchase_filter = query.to_filter()
    with db.read_session() as session:
        export = csv_export.build_sales_export(session, actor, event_id, purchase_filter, kind, query.to_names())
        filters = downloads.describe_filter(session, event_id, purchase_filter)
    return _attachment_response(Download(actor, event_id, f"{kind}.csv", export, filters), kind)


def _attachment_response(download: Download, kind: str) -> StreamedCsv:
    return StreamedCsv(download, kind, _build_headers(download, kind, "csv") | {"X-Accel-Buffering": "no"})


def _build_headers(download: Download, kind: str, ending: str) -> dict[str, str]:
    export = download.export
    today = datetime.now(UTC).astimezone(ZoneInfo(export.time_zone)).date()
    name = f"{_slugify(export.event_name)}-{kind}{'-selected' if download.filters else ''}-{today}.{ending}"
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def _workbook_response(request: Request, kind: Kind) -> WorkbookFile:
    actor, event_id, query = _parse_export(request)
    with db.read_session() as session:
        plan = workbooks.build(session, actor, event_id, query.to_filter(), kind, query.to_names())
    return WorkbookFile(plan, kind, _build_headers(plan.download, kind, "xlsx"))


def _export_response(request: Request, kind: Kind) -> Response:
    return csv_response(*_parse_export(request), kind)


def _parse_export(request: Request) -> tuple[Actor, uuid.UUID, ExportQuery]:
    actor, event_id = authentication.get_actor(request), _parse_event_id(request)
    reject_repeated_parameters(request)
    return actor, event_id, ExportQuery.parse(request.query_params, ())


def _parse_event_id(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.path_params["event_id"])
    except ValueError:
        raise NotFound("event") from None


def _slugify(event_name: str) -> str:
    """Return letters, digits and hyphens only: valid as a file name everywhere, and safe in a header."""
    ascii_name = unicodedata.normalize("NFKD", event_name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", ascii_name).strip("-")[:60].lower() or "event"


routes = [
    Route("/export/{event_id}/purchases.csv", purchases_csv),
    Route("/export/{event_id}/guests.csv", guests_csv),
    Route("/export/{event_id}/purchases.xlsx", purchases_xlsx),
    Route("/export/{event_id}/guests.xlsx", guests_xlsx),
    Route("/export/{event_id}/audit.csv", audit_csv),
    Route("/export/{event_id}/chart.svg", chart_svg),
]

"""/v1/admin/events/{event_id}/tickets: the figures of an event and of one package, and every purchase as CSV."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import StreamingResponse

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, Money, Page, PageNumber
from api.site import downloads
from api.v1.purchases import Donor, build_purchase_fields
from ticketing import db
from ticketing.catalog import events
from ticketing.db import replica
from ticketing.purchase_filter import MAX_SEARCH_LENGTH, PARAMETERS, SORTS, PurchaseFilter
from ticketing.reporting import figures as sales
from ticketing.reporting import purchase_list
from ticketing.reporting.purchase_list import PurchaseRow

router = APIRouter(prefix="/admin/events/{event_id}/tickets", tags=["Sales"])
SponsorshipsOnly = Annotated[bool, Query(description="Leaves out what is no sponsorship.")]
PARAMETER_SCHEMAS = {
    "search": {"type": "string", "maxLength": MAX_SEARCH_LENGTH},
    "from": {"type": "string", "format": "date"},
    "to": {"type": "string", "format": "date"},
    "sort": {"type": "string", "enum": list(SORTS)},
}
FILTER_PARAMETERS = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "schema": {"type": "boolean"} if name.endswith("_only") else PARAMETER_SCHEMAS.get(name, {"type": "string"}),
        "description": f"{parameter.description} Takes {parameter.accepts}.",
    }
    for name, parameter in PARAMETERS.items()
]


class PackageSales(Answer):
    package_id: uuid.UUID
    name: str
    sold_count: int
    quantity_limit: int | None
    available: int | None
    seats_sold: int
    revenue: Money
    is_sponsorship: bool
    is_sold_out: bool


class SummaryAnswer(Answer):
    """Revenue and discount are of completed purchases; packages and seats count pending ones too."""

    revenue: Money
    discount: Money
    purchases: int
    packages_sold: int
    seats_sold: int
    seats_named: int
    sold_out_count: int
    revenue_goal: Money | None
    by_package: list[PackageSales]


class PurchaseListed(BaseModel):
    """A purchase as it stands, whatever its status. `seats_named` is how many of its seats have a guest."""

    id: uuid.UUID
    purchased_at: datetime
    donor: Donor
    quantity: int
    seats: int
    seats_named: int
    unit_price: Money
    list_price: Money
    discount: Money
    total: Money
    promo_code: str | None
    payment_status: str
    channel: str
    external_sale_id: str | None
    notes: str | None


class PackageSalesAnswer(PackageSales, Page[PurchaseListed]):
    """The package's line of the summary, and a page of its purchases; `total` counts the purchases of all pages."""


def _build_purchase_item(line: PurchaseRow, time_zone: str) -> PurchaseListed:
    return PurchaseListed.model_validate(
        build_purchase_fields(line.purchase, PurchaseListed, line.promo_code, time_zone)
    )


@router.get("/packages/{package_id}/sales", responses=document_responses(404, 422))
def package_sales(
    caller: Caller, event_id: uuid.UUID, package_id: uuid.UUID, page: PageNumber = 1
) -> PackageSalesAnswer:
    """One package's figures and its purchases, the newest first, all of one moment.

    The list has failed, refunded and voided purchases too; they are in no figure.
    """
    with db.read_session() as session:
        figures = sales.get_package_sales(session, caller, event_id, package_id)
        lines, total = purchase_list.list_purchases(
            session, caller, event_id, PurchaseFilter(package_ids=(package_id,)), page=page, per_page=PER_PAGE
        )
        zone = events.get(session, caller, event_id).time_zone
    figured = PackageSales.model_validate(figures).model_dump()
    return PackageSalesAnswer(
        **figured, items=[_build_purchase_item(line, zone) for line in lines], total=total, page=page
    )


@router.get("/sales/summary", responses=document_responses(404, 422))
def sales_summary(caller: Caller, event_id: uuid.UUID, sponsorships_only: SponsorshipsOnly = False) -> SummaryAnswer:
    """The event's figures, all of one moment."""
    figures = replica.read(lambda s: sales.get_summary(s, caller, event_id, sponsorships_only=sponsorships_only))
    return SummaryAnswer.model_validate(figures)


@router.get(
    "/sales/export",
    response_class=StreamingResponse,
    responses=document_responses(404, 422)
    | {200: {"description": "One row for each purchase.", "content": {"text/csv": {"schema": {"type": "string"}}}}},
    openapi_extra={"parameters": FILTER_PARAMETERS},
)
def sales_export(caller: Caller, event_id: uuid.UUID, request: Request) -> StreamingResponse:
    """The selected purchases as CSV (UTF-8 with a byte order mark), streamed; all of them without a filter.

    Several filters mean purchases to which all of them apply. A filter that is not understood is refused.
    """
    return downloads.csv_response(caller, event_id, downloads.parse_filter(request.query_params))

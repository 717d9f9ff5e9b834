"""/v1/admin/events/{event_id}/tickets/sales: the figures, and every purchase as CSV."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import StreamingResponse

from api import downloads
from api.problems import responses
from api.wire import Answer, Caller, Money
from ticketing import db, sales
from ticketing.selection import PARAMETERS

router = APIRouter(prefix="/admin/events/{event_id}/tickets/sales", tags=["Sales"])
OnlySponsorships = Annotated[bool, Query(description="Leaves out what is no sponsorship.")]
FILTERS = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "schema": {"type": "string"},
        "description": f"{parameter.means} Takes {parameter.takes}.",
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


@router.get("/summary", responses=responses(404, 422))
def sales_summary(caller: Caller, event_id: uuid.UUID, sponsorships_only: OnlySponsorships = False) -> SummaryAnswer:
    """The event's figures, all of one moment."""
    with db.reading() as session:
        return SummaryAnswer.model_validate(
            sales.summary(session, caller, event_id, sponsorships_only=sponsorships_only)
        )


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses=responses(404, 422)
    | {200: {"description": "One row for each purchase.", "content": {"text/csv": {"schema": {"type": "string"}}}}},
    openapi_extra={"parameters": FILTERS},
)
def sales_export(caller: Caller, event_id: uuid.UUID, request: Request) -> StreamingResponse:
    """The selected purchases as CSV (UTF-8 with a byte order mark), streamed; all of them without a filter.

    Several filters mean purchases to which all of them apply. A filter that is not understood is refused.
    """
    return downloads.csv_of(caller, event_id, downloads.selected(request.query_params))

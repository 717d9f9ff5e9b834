"""/v1/admin/events/{event_id}/tickets: sales figures of an event and of one package, and the CSV export."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, EventId, Money, PackageId, Page, PageNumber
from api.site import downloads
from api.v1.purchases import Donor, build_purchase_fields
from ticketing import db
from ticketing.catalog import events
from ticketing.db import replica
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting import figures, purchase_list
from ticketing.reporting.file_columns import ExportQuery
from ticketing.reporting.purchase_list import PurchaseRow
from ticketing.sales_filter import SalesQuery

router = APIRouter(prefix="/admin/events/{event_id}/tickets", tags=["Sales"])


class StatusTotals(Answer):
    """Purchases of one payment status."""

    orders: int = Field(description="Orders with such a purchase.", examples=[38])
    purchases: int = Field(description="Purchases, the lines of these orders.", examples=[40])
    packages: int = Field(description="Quantities of these purchases.", examples=[41])
    seats: int = Field(description="Seats of these packages.", examples=[410])
    list_price: Money = Field(description="Price before discounts, in USD.", examples=["102500.00"])
    discount: Money = Field(
        description="Taken off by promo codes, comp sales and imports, in USD.", examples=["500.00"]
    )
    total: Money = Field(description="Price after discounts, in USD.", examples=["102000.00"])


class PackageSales(Answer):
    """Sales of one package.

    `sold_count`, `quantity_limit`, `available` and `is_sold_out` are those of the package now, whatever the filter;
    they and `seats_sold` include pending purchases. Revenue is of completed ones.
    """

    package_id: uuid.UUID = Field(description="Id of the package.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"])
    name: str = Field(description="Name of the package.", examples=["Table of Ten"])
    sold_count: int = Field(description="Packages sold, paid and pending.", examples=[42])
    quantity_limit: int | None = Field(description="Most packages that can be sold; null is unlimited.", examples=[60])
    available: int | None = Field(description="Packages left; null is unlimited.", examples=[18])
    seats_sold: int = Field(
        description="Seats of the paid and pending purchases: packages times the seats each had when it was sold.",
        examples=[420],
    )
    revenue: Money = Field(description="Paid for the package after discounts, in USD.", examples=["102000.00"])
    paid: StatusTotals = Field(description="Completed purchases.")
    pending: StatusTotals = Field(description="Pending purchases.")
    is_sponsorship: bool = Field(description="Whether the package is a sponsorship.", examples=[False])
    is_sold_out: bool = Field(description="Whether no package is left.", examples=[False])


class SummaryAnswer(Answer):
    """Revenue and discount are of completed purchases; packages and seats count pending ones too.

    `paid` and `pending` have each apart.
    """

    revenue: Money = Field(description="Paid after discounts, in USD.", examples=["128450.00"])
    discount: Money = Field(description="Discounts of these purchases, in USD.", examples=["1454.50"])
    orders: int = Field(description="Orders with a completed or pending purchase.", examples=[171])
    purchases: int = Field(description="Completed and pending purchases, the lines of these orders.", examples=[187])
    packages_sold: int = Field(description="Quantities of these purchases.", examples=[204])
    seats_sold: int = Field(description="Packages sold times the seats in each.", examples=[936])
    seats_named: int = Field(description="Seats sold that have a guest.", examples=[228])
    paid: StatusTotals = Field(description="Completed purchases.")
    pending: StatusTotals = Field(description="Pending purchases.")
    sold_out_count: int = Field(description="Packages with nothing left.", examples=[1])
    revenue_goal: Money | None = Field(description="Goal of the whole event, in USD.", examples=["310000.00"])
    by_package: list[PackageSales] = Field(description="Every package of the event, in display order.")


class PurchaseListed(BaseModel):
    """A purchase of whatever status."""

    id: uuid.UUID = Field(description="Id of the purchase.", examples=["01a207b4-91f3-7a06-b1d2-0c4f5e6a7b88"])
    order_id: uuid.UUID = Field(
        description="Id of the order that it is a line of.", examples=["01a207b4-91f2-7f11-a0c3-5d6e7f8091a2"]
    )
    purchased_at: datetime = Field(
        description="When it was bought, in the event's time zone.", examples=["2026-10-03T09:42:00-04:00"]
    )
    donor: Donor = Field(description="Who bought it.")
    quantity: int = Field(description="Packages bought.", examples=[2])
    seats: int = Field(description="Seats of these packages.", examples=[20])
    seats_named: int = Field(description="Seats that have a guest.", examples=[7])
    unit_price: Money = Field(description="Price of one package when it was bought, in USD.", examples=["2500.00"])
    list_price: Money = Field(description="Quantity times unit price, in USD.", examples=["5000.00"])
    discount: Money = Field(description="Taken off the list price, in USD.", examples=["500.00"])
    total: Money = Field(description="Price after the discount, in USD.", examples=["4500.00"])
    promo_code: str | None = Field(description="Promo code that was used.", examples=["EARLY10"])
    payment_status: str = Field(
        description="`completed`, `pending`, `failed`, `refunded` or `voided`.", examples=["completed"]
    )
    channel: str = Field(
        description="`cash`, `cheque`, `card_terminal`, `comp`, `online` or `import`.", examples=["online"]
    )
    external_sale_id: str | None = Field(description="Id in the imported file.", examples=["EB-20931"])
    notes: str | None = Field(description="Notes of the donor or the box office.", examples=["Near the stage, please."])


class PackageSalesAnswer(PackageSales, Page[PurchaseListed]):
    """The package's line of the summary, and a page of its purchases; `total` counts the purchases of all pages."""


@router.get("/packages/{package_id}/sales", responses=document_responses(404, 422))
def package_sales(caller: Caller, event_id: EventId, package_id: PackageId, page: PageNumber = 1) -> PackageSalesAnswer:
    """Return one package's figures and its purchases, newest first, all of one moment.

    The list includes failed, refunded and voided purchases; the figures do not.
    """
    with db.read_session() as session:
        sales = figures.get_package_sales(session, caller, event_id, package_id)
        rows, total = purchase_list.list_purchases(
            session, caller, event_id, PurchaseFilter(package_ids=(package_id,)), page=page, per_page=PER_PAGE
        )
        time_zone = events.get(session, caller, event_id).time_zone
    return PackageSalesAnswer(
        **PackageSales.model_validate(sales).model_dump(),
        items=[_build_purchase_item(row, time_zone) for row in rows],
        total=total,
        page=page,
    )


def _build_purchase_item(row: PurchaseRow, time_zone: str) -> PurchaseListed:
    return PurchaseListed.model_validate(build_purchase_fields(row.purchase, PurchaseListed, row.promo_code, time_zone))


@router.get("/sales/summary", responses=document_responses(404, 422))
def sales_summary(
    caller: Caller,
    event_id: EventId,
    _: Annotated[None, Depends(downloads.reject_repeated_parameters)],
    query: Annotated[SalesQuery, Query()],
) -> SummaryAnswer:
    """Return the figures of the sales that match all filters, all of one moment; without a filter, of the whole event.

    `by_package` has the packages that the filters select, those without sales too. An unknown filter or value is
    refused.
    """
    summary = replica.read(lambda session: figures.get_figures(session, caller, event_id, query.to_filter()))
    return SummaryAnswer.model_validate(summary)


@router.get(
    "/sales/export",
    response_class=StreamingResponse,
    responses=document_responses(404, 422)
    | {200: {"description": "One row per purchase.", "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def sales_export(
    caller: Caller,
    event_id: EventId,
    _: Annotated[None, Depends(downloads.reject_repeated_parameters)],
    query: Annotated[ExportQuery, Query()],
) -> StreamingResponse:
    """Stream the purchases that match all filters as CSV (UTF-8 with a byte order mark).

    Without a filter, every purchase is exported. An unknown filter or value is refused; so are a third export of yours
    at the same time (429) and a ninth of the server (503 `too_busy`). A file that was not sent to its end has no last
    chunk, so that HTTP clients report an error.
    """
    return downloads.csv_response(caller, event_id, query)

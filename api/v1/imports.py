"""Endpoints for the imports of an event: list them, and undo one as a whole."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, EventId, Money, Page, PageNumber, to_time_zone
from ticketing import db
from ticketing.catalog import events
from ticketing.imports import batches
from ticketing.imports.batches import UndoPreview
from ticketing.models import ImportBatch
from ticketing.validation import Draft

router = APIRouter(prefix="/admin/events/{event_id}/tickets/imports", tags=["Imports"])
BatchId = Annotated[uuid.UUID, Path(description="Id of the import.", examples=["01a207b6-9a41-7d2c-8f30-4b1e6c7d8a90"])]


class ImportAnswer(Answer):
    """An import: one file whose sales were stored together."""

    id: uuid.UUID = Field(description="Id of the import.", examples=["01a207b6-9a41-7d2c-8f30-4b1e6c7d8a90"])
    file_name: str = Field(description="Name of the file.", examples=["orders-2026.csv"])
    imported_by: str = Field(description="The person or program that imported it.", examples=["Ana Ruiz"])
    created_at: datetime = Field(
        description="When it was imported, with the offset of the event's time zone.",
        examples=["2026-10-03T09:42:00-04:00"],
    )
    rows_imported: int = Field(description="Number of sales that were stored.", examples=[412])
    rows_skipped: int = Field(
        description="Number of sales of the file that were left out, since they were here already or voided.",
        examples=[3],
    )
    orders: int = Field(description="Number of orders that were stored.", examples=[388])
    revenue: Money = Field(description="Total of the paid sales in USD when they were imported.", examples=["51250.00"])
    statuses_changed: int = Field(
        description="Number of sales that were here already and whose payment the import moved on.", examples=[2]
    )
    id_prefix: str = Field(
        description="The seller's prefix, with which the external ids of its sales begin; empty for none.",
        examples=["shop2"],
    )
    undone_at: datetime | None = Field(
        description="When the import was undone, with the offset of the event's time zone; null if it was not.",
        examples=["2026-10-04T11:05:00-04:00"],
    )
    undone_by: str | None = Field(description="The person or program that undid it.", examples=["Ben Okafor"])
    undo_reason: str | None = Field(description="Why it was undone.", examples=["The dates are of another year"])


class ChangedPurchaseAnswer(Answer):
    """A purchase that was changed since it was imported."""

    id: uuid.UUID = Field(description="Id of the purchase.", examples=["01a207b5-2f6b-7c18-9e41-d3a85b0c7f24"])
    order_number: str = Field(description="Number of its order.", examples=["K7M2QX"])
    package: str = Field(description="Name of the package.", examples=["Gold table"])
    quantity: int = Field(description="Number of packages.", examples=[1])
    purchaser_name: str = Field(description="Who bought it.", examples=["Ana Ruiz"])
    payment_status: str = Field(description="completed, pending, failed or refunded.", examples=["refunded"])
    changed_by: str | None = Field(description="Who made the last change.", examples=["Ben Okafor"])
    changed_at: datetime | None = Field(
        description="When the last change was made, with the offset of the event's time zone.",
        examples=["2026-10-03T15:20:00-04:00"],
    )


class UndoAnswer(BaseModel):
    """What an undo does. All numbers are those of purchases that are not voided yet."""

    purchases: int = Field(description="Number of purchases that become voided.", examples=[412])
    orders: int = Field(description="Number of their orders.", examples=[388])
    packages: int = Field(description="Number of packages that go back on sale.", examples=[420])
    promo_uses: int = Field(description="Number of promo code uses that are returned.", examples=[17])
    revenue: Money = Field(description="Revenue in USD that is taken out.", examples=["51250.00"])
    changed_count: int = Field(description="Number of purchases that were changed since the import.", examples=[1])
    changed: list[ChangedPurchaseAnswer] = Field(description="The first 100 of these purchases.", examples=[[]])
    changes_token: str = Field(
        description="Stands for these changes. Send it back to void changed purchases as well.",
        examples=["5d41402abc4b2a76b9719d911017c592"],
    )


class UndoRequest(Draft):
    """Why an import is undone, and the changes since that are confirmed."""

    reason: str = Field(description="Why, 1 to 500 characters.", examples=["The dates are of another year"])
    changes_token: str = Field(
        "",
        max_length=100,
        description="The token of the preview; needed when purchases were changed since the import.",
        examples=["5d41402abc4b2a76b9719d911017c592"],
    )


@router.get("", responses=document_responses(404, 422))
def list_imports(caller: Caller, event_id: EventId, page: PageNumber = 1) -> Page[ImportAnswer]:
    """List the imports into an event, the latest first."""
    with db.read_session() as session:
        rows, total = batches.list_batches(session, caller, event_id, page=page, per_page=PER_PAGE)
        time_zone = events.get(session, caller, event_id).time_zone
        items = [_build_import(row, time_zone) for row in rows]
    return Page[ImportAnswer](items=items, total=total, page=page)


@router.get("/{batch_id}/undo", responses=document_responses(403, 404, 409, 422))
def preview_undo(caller: Caller, event_id: EventId, batch_id: BatchId) -> UndoAnswer:
    """Show what an undo of this import would do now; nothing is changed. 409 when it is undone already."""
    with db.read_session() as session:
        preview = batches.preview_undo(session, caller, event_id, batch_id)
        return _build_undo(preview, events.get(session, caller, event_id).time_zone)


@router.post("/{batch_id}/undo", responses=document_responses(403, 404, 409, 422))
def undo_import(caller: Caller, event_id: EventId, batch_id: BatchId, body: UndoRequest) -> UndoAnswer:
    """Void all purchases of an import. Capacity and promo uses return, and the external ids can be imported again.

    409 with code `changed_since_import` when purchases were changed since the import and `changes_token` is not that of
    these changes. An undo cannot be taken back; import the file again.
    """

    def work(session: Session) -> UndoAnswer:
        undone = batches.undo(session, caller, event_id, batch_id, body.reason, confirmed=body.changes_token)
        return _build_undo(undone, events.get(session, caller, event_id).time_zone)

    return db.write(work)


def _build_import(row: ImportBatch, time_zone: str) -> ImportAnswer:
    times = {"created_at": to_time_zone(row.created_at, time_zone)}
    if row.undone_at is not None:
        times["undone_at"] = to_time_zone(row.undone_at, time_zone)
    return ImportAnswer.model_validate(row).model_copy(update=times)


def _build_undo(undo: UndoPreview, time_zone: str) -> UndoAnswer:
    changed = [
        ChangedPurchaseAnswer.model_validate(each).model_copy(
            update={"changed_at": each.changed_at and to_time_zone(each.changed_at, time_zone)}
        )
        for each in undo.changed
    ]
    values = {name: getattr(undo, name) for name in UndoAnswer.model_fields}
    return UndoAnswer.model_validate(values | {"changed": changed})

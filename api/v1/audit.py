"""/v1/admin/events/{event_id}/tickets/packages/{package_id}/audit: changes of one package and its options."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, EventId, PackageId, Page, PageNumber, to_time_zone
from ticketing import db
from ticketing.catalog import events
from ticketing.reporting import audit_log
from ticketing.reporting.audit_log import Change

router = APIRouter(tags=["Packages"])


class FieldAnswer(Answer):
    """One field before and after the change, as the API writes its values; null means no value."""

    entry: int = Field(description="Number of the audit entry; it increases with every entry.", examples=[4711])
    field: str = Field(description="Name of the field.", examples=["price"])
    before: Any = Field(description="Value before the change.", examples=["2500.00"])
    after: Any = Field(description="Value after the change.", examples=["2600.00"])
    restores: int | None = Field(description="The entry whose `before` was restored by this change.", examples=[4700])


class ChangeAnswer(Answer):
    """What one person changed at once in a package or in one of its options."""

    change_id: uuid.UUID = Field(description="Id of the change.", examples=["01a207b5-0d4e-7c11-a3f2-1b2c3d4e5f60"])
    at: datetime = Field(description="When, in the event's time zone.", examples=["2026-10-03T09:42:00-04:00"])
    actor: str = Field(description="Name of the person or the operator at that time.", examples=["Ana Ruiz"])
    staff_id: uuid.UUID | None = Field(
        description="Id of the staff member; null for the operator at the command line.",
        examples=["01a207b0-77aa-7b3c-9d1e-2f3a4b5c6d7e"],
    )
    via: str = Field(description="`app`, `api` or `command_line`.", examples=["app"])
    action: str = Field(
        description="Kind of change, such as `package.changed` or `option.retired`; more may be added.",
        examples=["package.changed"],
    )
    record_id: uuid.UUID = Field(
        description="Id of the package or option.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"]
    )
    record: str = Field(description="Name of the record at that time.", examples=["Table of Ten"])
    version: int | None = Field(description="Version of the record after the change.", examples=[3])
    fields: list[FieldAnswer] = Field(description="The changed fields.")


@router.get("/admin/events/{event_id}/tickets/packages/{package_id}/audit", responses=document_responses(404, 422))
def list_changes(caller: Caller, event_id: EventId, package_id: PackageId, page: PageNumber = 1) -> Page[ChangeAnswer]:
    """List the changes of a package and its options, newest first. Deleted packages keep their changes."""
    with db.read_session() as session:
        changes, total = audit_log.list_package_changes(session, caller, event_id, package_id, page=page)
        time_zone = events.get(session, caller, event_id).time_zone
    return Page(
        items=[_build_change_answer(change, time_zone) for change in changes], total=total, page=page, per_page=PER_PAGE
    )


def _build_change_answer(change: Change, time_zone: str) -> ChangeAnswer:
    first = change.first
    return ChangeAnswer(
        change_id=first.change_id,
        at=to_time_zone(first.occurred_at, time_zone),
        actor=first.actor,
        staff_id=first.staff_id,
        via=first.via,
        action=first.action,
        record_id=first.subject_id,
        record=first.subject_name,
        version=first.subject_version,
        fields=[
            FieldAnswer(
                entry=entry.id,
                field=entry.field,
                before=entry.old_value,
                after=entry.new_value,
                restores=entry.restores,
            )
            for entry in change.entries
            if entry.field is not None
        ],
    )

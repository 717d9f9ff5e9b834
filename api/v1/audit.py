"""/v1/admin/events/{event_id}/tickets/packages/{package_id}/audit"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, Page, PageNumber, to_time_zone
from ticketing import db
from ticketing.catalog import events
from ticketing.reporting import audit_log
from ticketing.reporting.audit_log import Change

router = APIRouter(tags=["Packages"])


class FieldAnswer(Answer):
    """One field before and after, as the HTTP interface writes its values; null is nothing."""

    entry: Annotated[int, Field(description="Rises with every entry; a later `restores` names it.")]
    field: str
    before: Any
    after: Any
    restores: Annotated[int | None, Field(description="The entry whose `before` came back by this one.")]


class ChangeAnswer(Answer):
    """What one person did at once to a package or to one of its options."""

    change_id: uuid.UUID
    at: datetime
    actor: str
    staff_id: Annotated[uuid.UUID | None, Field(description="Null for the operator at the command line.")]
    via: Annotated[str, Field(description="`app`, `api` or `command_line`.")]
    action: Annotated[str, Field(description="Such as `package.changed` or `option.retired`; more may follow.")]
    record_id: uuid.UUID
    record: Annotated[str, Field(description="What it was called then.")]
    version: Annotated[int | None, Field(description="The version that the change led to.")]
    fields: list[FieldAnswer]


@router.get("/admin/events/{event_id}/tickets/packages/{package_id}/audit", responses=document_responses(404, 422))
def list_changes(
    caller: Caller, event_id: uuid.UUID, package_id: uuid.UUID, page: PageNumber = 1
) -> Page[ChangeAnswer]:
    """Every change of a package and its options, the newest first; also of a package that was deleted since."""
    with db.read_session() as session:
        changes, total = audit_log.list_package_changes(session, caller, event_id, package_id, page=page)
        zone = events.get(session, caller, event_id).time_zone
    return Page(
        items=[_build_change_answer(change, zone) for change in changes], total=total, page=page, per_page=PER_PAGE
    )


def _build_change_answer(change: Change, zone: str) -> ChangeAnswer:
    first = change.first
    return ChangeAnswer(
        change_id=first.change_id,
        at=to_time_zone(first.occurred_at, zone),
        actor=first.actor,
        staff_id=first.staff_id,
        via=first.via,
        action=first.action,
        record_id=first.subject_id,
        record=first.subject_name,
        version=first.subject_version,
        fields=[
            FieldAnswer(
                entry=each.id, field=each.field, before=each.old_value, after=each.new_value, restores=each.restores
            )
            for each in change.entries
            if each.field is not None
        ],
    )

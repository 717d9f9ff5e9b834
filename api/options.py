"""/v1/admin/packages/{package_id}/options: the questions asked when a package is bought."""

from __future__ import annotations

import uuid
from typing import Literal

from fastapi import APIRouter

from api.problems import responses
from api.wire import Answer, Caller, Page
from ticketing import db, options
from ticketing.options import OptionDraft

router = APIRouter(prefix="/admin/packages/{package_id}/options", tags=["Options"])


class OptionAnswer(Answer):
    """A question. `choices` is null unless it is a pick from a list."""

    id: uuid.UUID
    package_id: uuid.UUID
    label: str
    option_type: Literal["boolean", "multi_select", "text_input"]
    choices: list[str] | None
    is_required: bool
    display_order: int
    version: int


@router.get("", responses=responses(404, 422))
def list_options(caller: Caller, package_id: uuid.UUID) -> Page[OptionAnswer]:
    """The active options, at most 4, in the order they are asked."""
    with db.reading() as session:
        rows = options.list_for(session, caller, package_id)
    return Page(items=[OptionAnswer.model_validate(row) for row in rows], total=len(rows), page=1)


@router.post("", status_code=201, responses=responses(403, 404, 409, 422))
def create_option(caller: Caller, package_id: uuid.UUID, draft: OptionDraft) -> OptionAnswer:
    """Adds a question at the end. 409 when the package asks 4 already."""
    return OptionAnswer.model_validate(db.write(lambda session: options.create(session, caller, package_id, draft)))

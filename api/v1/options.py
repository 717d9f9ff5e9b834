"""Endpoints for the options of a package: the questions asked when it is bought."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from api.errors import document_responses
from api.schemas import PER_PAGE, Answer, Caller, PackageId, Page, SeenVersion, create_change_model
from ticketing import db
from ticketing.catalog import options
from ticketing.catalog.options import OptionDraft
from ticketing.models import Option

OptionId = Annotated[
    uuid.UUID, Path(description="Id of the option.", examples=["01a207b4-0a31-7c52-b1d7-93e0a6c58f10"])
]
router = APIRouter(prefix="/admin/packages/{package_id}/options", tags=["Options"])


class OptionAnswer(Answer):
    """A question asked with a package."""

    id: Annotated[uuid.UUID, Field(description="Id of the option.", examples=["01a207b4-0a31-7c52-b1d7-93e0a6c58f10"])]
    package_id: Annotated[
        uuid.UUID, Field(description="Id of the package.", examples=["01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"])
    ]
    label: Annotated[str, Field(description="The question.", examples=["Dietary restriction?"])]
    option_type: Annotated[
        Literal["boolean", "single_select", "multi_select", "text_input"],
        Field(
            description="Yes or no, one of `choices`, one or more of `choices`, or free text.",
            examples=["single_select"],
        ),
    ]
    choices: Annotated[
        list[str] | None,
        Field(
            description="The choices of a `single_select` or `multi_select` in display order, else null.",
            examples=[["Beef", "Chicken", "Vegan"]],
        ),
    ]
    is_required: Annotated[bool, Field(description="Whether a purchase must answer the question.", examples=[True])]
    is_retired: Annotated[
        bool, Field(description="Whether new purchases no longer ask the question.", examples=[False])
    ] = False
    display_order: Annotated[int, Field(description="Position among the package's options, from 1.", examples=[1])]
    version: Annotated[int, Field(description="Version to send with a change of the option.", examples=[1])]


class OptionChange(create_change_model(OptionDraft)):  # type: ignore[misc]
    """The fields of an option to change, and the version that they were read at."""

    version: SeenVersion = None


class OptionOrder(BaseModel):
    """The new order of the active options."""

    option_ids: Annotated[
        list[uuid.UUID],
        Field(
            description="Every active option of the package exactly once, in the new order.",
            examples=[["01a207b4-0a31-7c52-b1d7-93e0a6c58f10", "01a207b4-0a32-7d90-8e1a-5c2b7f4d3e21"]],
        ),
    ]


def _to_response(row: Option) -> OptionAnswer:
    return OptionAnswer.model_validate(row).model_copy(update={"is_retired": row.retired_at is not None})


def to_page(rows: list[Option]) -> Page[OptionAnswer]:
    """Return all of several options as the only page."""
    items = [_to_response(row) for row in rows]
    return Page(items=items, total=len(rows), page=1, per_page=max(PER_PAGE, len(rows)))


@router.get("", responses=document_responses(404, 422))
def list_options(caller: Caller, package_id: PackageId) -> Page[OptionAnswer]:
    """List the active options, at most 4, in display order."""
    with db.read_session() as session:
        return to_page(options.list_active(session, caller, package_id))


@router.post("", status_code=201, responses=document_responses(403, 404, 409, 422))
def create_option(caller: Caller, package_id: PackageId, draft: OptionDraft) -> OptionAnswer:
    """Add an option at the end. 409 when the package has 4 active options already."""
    return _to_response(db.write(lambda session: options.create(session, caller, package_id, draft)))


@router.post("/reorder", responses=document_responses(403, 404, 409, 422))
def reorder_options(caller: Caller, package_id: PackageId, order: OptionOrder) -> Page[OptionAnswer]:
    """Put the active options in this order. 409 unless the list names each of them exactly once."""
    return to_page(db.write(lambda session: options.reorder(session, caller, package_id, order.option_ids)))


@router.patch("/{option_id}", responses=document_responses(403, 404, 409, 422))
def change_option(caller: Caller, package_id: PackageId, option_id: OptionId, change: OptionChange) -> OptionAnswer:
    """Change the fields that are sent. Stored answers stay as they are.

    409 `stale_version`, or `has_answers` when the type of an answered option would change.
    """
    return _to_response(
        db.write(
            lambda session: options.update(
                session, caller, package_id, option_id, change.sent_fields, seen_version=change.version
            )
        )
    )


@router.delete("/{option_id}", status_code=204, responses=document_responses(403, 404, 409, 422))
def delete_option(caller: Caller, package_id: PackageId, option_id: OptionId) -> None:
    """Delete an option without answers. 409 `has_answers` when it has answers: retire it instead."""
    db.write(lambda session: options.delete(session, caller, package_id, option_id))


@router.post("/{option_id}/retire", responses=document_responses(403, 404, 422))
def retire_option(caller: Caller, package_id: PackageId, option_id: OptionId) -> OptionAnswer:
    """Retire the option: new purchases no longer ask it, its answers stay. Retiring it again changes nothing."""
    return _to_response(db.write(lambda session: options.retire(session, caller, package_id, option_id)))


@router.post("/{option_id}/ask-again", responses=document_responses(403, 404, 409, 422))
def ask_option_again(caller: Caller, package_id: PackageId, option_id: OptionId) -> OptionAnswer:
    """Ask a retired option again, where it was if that place is free, else last. An active one stays as it is.

    409 when the package has 4 active options already.
    """
    return _to_response(db.write(lambda session: options.ask_again(session, caller, package_id, option_id)))

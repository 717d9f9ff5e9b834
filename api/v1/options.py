"""/v1/admin/packages/{package_id}/options: the questions asked when a package is bought."""

from __future__ import annotations

import uuid
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.errors import document_responses
from api.schemas import Answer, Caller, Page, SeenVersion, create_change_model
from ticketing import db
from ticketing.catalog import options
from ticketing.catalog.options import OptionDraft
from ticketing.models import Option

router = APIRouter(prefix="/admin/packages/{package_id}/options", tags=["Options"])


class OptionAnswer(Answer):
    """A question. `choices` is null unless it is a pick from a list; a retired one is no longer asked."""

    id: uuid.UUID
    package_id: uuid.UUID
    label: str
    option_type: Literal["boolean", "multi_select", "text_input"]
    choices: list[str] | None
    is_required: bool
    is_retired: bool = False
    display_order: int
    version: int


class OptionChange(create_change_model(OptionDraft)):  # type: ignore[misc]
    """The fields to change, and the version that was seen."""

    version: SeenVersion = None


class Order(BaseModel):
    """Every active option of the package once, in the order to ask them."""

    option_ids: list[uuid.UUID]


def _to_response(row: Option) -> OptionAnswer:
    return OptionAnswer.model_validate(row).model_copy(update={"is_retired": row.retired_at is not None})


def _to_page(rows: list[Option]) -> Page[OptionAnswer]:
    return Page(items=[_to_response(row) for row in rows], total=len(rows), page=1)


@router.get("", responses=document_responses(404, 422))
def list_options(caller: Caller, package_id: uuid.UUID) -> Page[OptionAnswer]:
    """The active options, at most 4, in the order they are asked."""
    with db.read_session() as session:
        return _to_page(options.list_active(session, caller, package_id))


@router.post("", status_code=201, responses=document_responses(403, 404, 409, 422))
def create_option(caller: Caller, package_id: uuid.UUID, draft: OptionDraft) -> OptionAnswer:
    """Adds a question at the end. 409 when the package asks 4 already."""
    return _to_response(db.write(lambda session: options.create(session, caller, package_id, draft)))


@router.post("/reorder", responses=document_responses(403, 404, 409, 422))
def reorder_options(caller: Caller, package_id: uuid.UUID, order: Order) -> Page[OptionAnswer]:
    """Puts the active options in this order. 409 unless it names exactly those, each once."""
    return _to_page(db.write(lambda session: options.reorder(session, caller, package_id, order.option_ids)))


@router.patch("/{option_id}", responses=document_responses(403, 404, 409, 422))
def change_option(caller: Caller, package_id: uuid.UUID, option_id: uuid.UUID, change: OptionChange) -> OptionAnswer:
    """Changes the fields that are sent; answers given so far stay as they are.

    409 `stale_version`, or `has_answers` for another type when it was answered.
    """
    return _to_response(
        db.write(
            lambda session: options.update(
                session, caller, package_id, option_id, change.sent_fields, seen_version=change.version
            )
        )
    )


@router.delete("/{option_id}", status_code=204, responses=document_responses(403, 404, 409, 422))
def delete_option(caller: Caller, package_id: uuid.UUID, option_id: uuid.UUID) -> None:
    """Removes a question that nobody answered. 409 `has_answers` when somebody did: retire it instead."""
    db.write(lambda session: options.delete(session, caller, package_id, option_id))


@router.post("/{option_id}/retire", responses=document_responses(403, 404, 422))
def retire_option(caller: Caller, package_id: uuid.UUID, option_id: uuid.UUID) -> OptionAnswer:
    """New purchases no longer ask it, the answers stay; twice is once."""
    return _to_response(db.write(lambda session: options.retire(session, caller, package_id, option_id)))

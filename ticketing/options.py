"""Options: the questions asked when a package is bought. Source of every rule: PRODUCT "Options"."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import accounts, audit
from ticketing.actors import Actor
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.fields import Draft, Line, at_most
from ticketing.models import Option, Package

MOST_ACTIVE = 4
LONGEST_ANSWER = 500


class OptionDraft(Draft):
    """A question; `choices` only for multi_select, 2-10 distinct ones."""

    label: Annotated[Line, at_most(200)]
    option_type: Literal["boolean", "multi_select", "text_input"]
    is_required: bool = True
    choices: Annotated[list[Annotated[Line, at_most(50)]] | None, Field(validate_default=True)] = None

    @field_validator("choices")
    @classmethod
    def _choices_fit_the_type(cls, choices: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if info.data.get("option_type") != "multi_select":
            if choices:
                raise ValueError("Only a pick from a list has choices. Leave this empty.")
            return None
        if choices is None or not 2 <= len(choices) <= 10:
            raise ValueError("Give 2 to 10 choices.")
        if len({choice.lower() for choice in choices}) < len(choices):
            raise ValueError("Each choice may stand in the list once.")
        return choices


def create(session: Session, actor: Actor, package_id: uuid.UUID, draft: OptionDraft) -> Option:
    """Adds a question at the end of a package's list. Raises Conflict when it asks 4 already."""
    event_id = _event_of(session, package_id)
    accounts.require(session, actor, "change", event_id)
    package = session.scalars(select(Package).where(Package.id == package_id).with_for_update(key_share=True)).one()
    active = active_for(session, event_id, package_id)
    if len(active) >= MOST_ACTIVE:
        raise Conflict(f"{package.name} asks {MOST_ACTIVE} questions already. Retire one first.")
    free = next(place for place in range(1, MOST_ACTIVE + 1) if place not in {o.display_order for o in active})
    option = Option(event_id=event_id, package_id=package_id, display_order=free, **draft.model_dump())
    session.add(option)
    session.flush()
    audit.record(
        session,
        actor,
        event_id,
        "option.created",
        option,
        [audit.Change(field, None, value) for field, value in draft.model_dump().items()],
    )
    return option


def list_for(session: Session, actor: Actor, package_id: uuid.UUID) -> list[Option]:
    """The active options of a package in the order they are asked. Raises NotFound."""
    event_id = _event_of(session, package_id)
    accounts.require(session, actor, "read", event_id)
    return active_for(session, event_id, package_id)


def active_for(session: Session, event_id: uuid.UUID, package_id: uuid.UUID) -> list[Option]:
    """The options a purchase is asked now; the caller has judged who may see them."""
    return list(
        session.scalars(
            select(Option)
            .where(Option.event_id == event_id, Option.package_id == package_id, Option.retired_at.is_(None))
            .order_by(Option.display_order)
        )
    )


def accepted_answers(asked: Sequence[Option], given: Mapping[uuid.UUID, Any]) -> dict[uuid.UUID, Any]:
    """The answers to store: {option id: true/false, list of choices, or text}; skipped ones are left out.

    Raises InvalidInput with a sentence for each option, under the field `answers.<option id>`.
    """
    problems: dict[str, str] = {}
    accepted: dict[uuid.UUID, Any] = {}
    for option in asked:
        try:
            value = _accepted(option, given.get(option.id))
        except ValueError as wrong:
            problems[f"answers.{option.id}"] = str(wrong)
        else:
            if value is not None:
                accepted[option.id] = value
            elif option.is_required:
                problems[f"answers.{option.id}"] = f"Answer “{option.label}”."
    for unknown in given.keys() - {option.id for option in asked}:
        problems[f"answers.{unknown}"] = "This package does not ask that question."
    if problems:
        raise InvalidInput(problems)
    return accepted


def _accepted(option: Option, value: Any) -> Any:
    """The value as stored, or None when the question was skipped."""
    if value is None or value == "" or value == []:
        return None
    if option.option_type == "boolean":
        if not isinstance(value, bool):
            raise ValueError("Answer yes or no.")
        return value
    if option.option_type == "multi_select":
        picked = [value] if isinstance(value, str) else value
        if not isinstance(picked, list) or set(map(str, picked)) - set(option.choices or []):
            raise ValueError(f"Pick from: {', '.join(option.choices or [])}.")
        return [choice for choice in option.choices or [] if choice in picked]
    if not isinstance(value, str):
        raise ValueError("Answer with text.")
    text = value.replace("\x00", "").strip()
    if len(text) > LONGEST_ANSWER:
        raise ValueError(f"Use at most {LONGEST_ANSWER} characters; this has {len(text)}.")
    return text or None


def _event_of(session: Session, package_id: uuid.UUID) -> uuid.UUID:
    event_id = session.scalar(select(Package.event_id).where(Package.id == package_id))
    if event_id is None:
        raise NotFound("package")
    return event_id

"""Options: the questions asked when a package is bought (docs/product.md, "Options")."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from sqlalchemy import delete as sql_delete
from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from ticketing import audit, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import Conflict, HasAnswers, InvalidInput, NotFound
from ticketing.models import Answer, Package
from ticketing.models import Option as Option
from ticketing.validation import Draft, MaxLength, SingleLineText, clean_multi_line

MAX_ACTIVE = 4
MAX_ANSWER_LENGTH = 500


class OptionDraft(Draft):
    """The fields of an option. `choices` is for multi_select only: 2 to 10 distinct ones."""

    label: Annotated[
        SingleLineText, MaxLength(200), Field(description="The question.", examples=["Dietary restriction?"])
    ]
    option_type: Annotated[
        Literal["boolean", "multi_select", "text_input"],
        Field(description="Yes or no, one or more of `choices`, or free text.", examples=["multi_select"]),
    ]
    is_required: Annotated[bool, Field(description="Whether a purchase must answer the question.", examples=[True])] = (
        True
    )
    choices: Annotated[
        list[Annotated[SingleLineText, MaxLength(50)]] | None,
        Field(
            validate_default=True,
            description="2 to 10 distinct choices in display order for `multi_select`, else null.",
            examples=[["Beef", "Chicken", "Vegan"]],
        ),
    ] = None

    @field_validator("choices")
    @classmethod
    def _validate_choices(cls, choices: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if info.data.get("option_type") != "multi_select":
            if choices:
                raise ValueError("Only a multiple choice question has choices. Leave this empty.")
            return None
        if choices is None or not 2 <= len(choices) <= 10:
            raise ValueError("Enter 2 to 10 choices.")
        if len({choice.lower() for choice in choices}) < len(choices):
            raise ValueError("List each choice once.")
        return choices


def create(session: Session, actor: Actor, package_id: uuid.UUID, draft: OptionDraft) -> Option:
    """Add an option at the end of a package's list.

    Raises NotFound, and Conflict when the package has 4 active options already.
    """
    event_id = _lock_package(session, actor, package_id)
    active = list_active_unchecked(session, event_id, package_id)
    if len(active) >= MAX_ACTIVE:
        raise Conflict(f"This package has {MAX_ACTIVE} options already. Stop asking one first.")
    for position, other in enumerate(active, start=1):  # closes the gaps of retired options and keeps the order
        other.display_order = position
    option = Option(event_id=event_id, package_id=package_id, display_order=len(active) + 1, **draft.model_dump())
    session.add(option)
    session.flush()
    audit.record(session, actor, event_id, "option.created", option, audit.creation_changes(draft.model_dump()))
    return option


def update(
    session: Session,
    actor: Actor,
    package_id: uuid.UUID,
    option_id: uuid.UUID,
    values: Mapping[str, Any],
    *,
    seen_version: int | None,
    restores: int | None = None,
) -> Option:
    """Change the given fields of an option that the actor saw at `seen_version`; stored answers stay as they are.

    Without a version the current one is changed. Raises HasAnswers when an answered option would change its type,
    StaleVersion, InvalidInput and NotFound.
    """
    event_id, option = _get_for_update(session, actor, package_id, option_id)
    optimistic_locking.check_version(session, event_id, option, seen_version)
    new_values = dict(values)
    if new_values.get("option_type", option.option_type) != "multi_select" and "choices" not in new_values:
        new_values["choices"] = None
    changes = audit.changes_between(option, optimistic_locking.merge(OptionDraft, option, new_values).model_dump())
    if "option_type" in {each.field for each in changes} and _has_answers(session, option_id):
        raise HasAnswers(
            f"“{option.label}” has answers, so its type cannot change. Stop asking it and add a new option."
        )
    optimistic_locking.apply(session, actor, event_id, "option.changed", option, changes, restores=restores)
    return option


def retire(session: Session, actor: Actor, package_id: uuid.UUID, option_id: uuid.UUID) -> Option:
    """Retire an option: new purchases no longer ask it, its answers stay. Retiring it again changes nothing."""
    event_id, option = _get_for_update(session, actor, package_id, option_id)
    if option.retired_at is None:
        optimistic_locking.apply(
            session, actor, event_id, "option.retired", option, [audit.Change("retired_at", None, datetime.now(UTC))]
        )
    return option


def delete(session: Session, actor: Actor, package_id: uuid.UUID, option_id: uuid.UUID) -> None:
    """Delete an option that has no answers. Raises HasAnswers and NotFound."""
    event_id, option = _get_for_update(session, actor, package_id, option_id)
    if _has_answers(session, option_id):
        raise HasAnswers(f"“{option.label}” has answers, so it stays in the records. Stop asking it instead.")
    changes = audit.deletion_changes(option, OptionDraft.model_fields)
    audit.record(session, actor, event_id, "option.deleted", option, changes)
    session.execute(sql_delete(Option).where(Option.id == option_id))


def reorder(session: Session, actor: Actor, package_id: uuid.UUID, option_ids: Sequence[uuid.UUID]) -> list[Option]:
    """Put a package's active options in this order. Raises Conflict unless the list names each of them once."""
    event_id = _lock_package(session, actor, package_id)
    active = {option.id: option for option in list_active_unchecked(session, event_id, package_id)}
    if len(option_ids) != len(active) or set(option_ids) != active.keys():
        raise Conflict("The options changed in the meantime. Check them, then arrange them again.")
    for position, option_id in enumerate(option_ids, start=1):
        changes = audit.changes_between(active[option_id], {"display_order": position})
        optimistic_locking.apply(session, actor, event_id, "option.arranged", active[option_id], changes)
    return [active[option_id] for option_id in option_ids]


@dataclass(frozen=True)
class Tally:
    """The answers to an option in completed and pending purchases: how many, and how often each was given.

    `by_answer` has "yes" and "no" for a boolean, each choice (also removed ones) for a multi_select, nothing for text.
    """

    option: Option
    answered: int
    by_answer: dict[str, int]


_COUNT_ANSWERS = text("""
    SELECT answer.option_id, given.value, count(*) AS times
    FROM answers AS answer
    JOIN purchases AS purchase ON purchase.id = answer.purchase_id
        AND purchase.payment_status IN ('completed', 'pending')
    CROSS JOIN LATERAL (
        SELECT CASE WHEN answer.value = 'true' THEN 'yes' ELSE 'no' END AS value
        WHERE jsonb_typeof(answer.value) = 'boolean'
        UNION ALL
        SELECT jsonb_array_elements_text(answer.value) WHERE jsonb_typeof(answer.value) = 'array'
        UNION ALL
        SELECT NULL
    ) AS given
    WHERE answer.option_id = ANY(:option_ids)
    GROUP BY answer.option_id, given.value
""")


def list_tallies(session: Session, actor: Actor, package_id: uuid.UUID) -> list[Tally]:
    """Return every option of a package with its answers, retired ones last. Raises NotFound."""
    event_id = _get_event_id(session, actor, "read", package_id)
    rows = session.scalars(
        select(Option)
        .where(Option.event_id == event_id, Option.package_id == package_id)
        .order_by(Option.retired_at.is_not(None), Option.display_order, Option.id)
    ).all()
    counted: dict[uuid.UUID, dict[str | None, int]] = {option.id: {} for option in rows}
    for row in session.execute(_COUNT_ANSWERS, {"option_ids": [option.id for option in rows]}):
        counted[row.option_id][row.value] = row.times
    return [_build_tally(option, counted[option.id]) for option in rows]


def _build_tally(option: Option, counted: dict[str | None, int]) -> Tally:
    known = ["yes", "no"] if option.option_type == "boolean" else option.choices or []
    by_answer = {answer: counted.get(answer, 0) for answer in known}
    by_answer |= {answer: times for answer, times in counted.items() if answer is not None}
    return Tally(option, counted.get(None, 0), by_answer)


def list_active(session: Session, actor: Actor, package_id: uuid.UUID) -> list[Option]:
    """Return the active options of a package in display order. Raises NotFound."""
    event_id = _get_event_id(session, actor, "read", package_id)
    return list_active_unchecked(session, event_id, package_id)


def list_active_unchecked(session: Session, event_id: uuid.UUID, package_id: uuid.UUID) -> list[Option]:
    """Return the active options of a package; the caller has checked the permission."""
    return list_active_by_package(session, event_id, [package_id]).get(package_id, [])


def list_active_by_package(
    session: Session, event_id: uuid.UUID, package_ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, list[Option]]:
    """Return the active options by package id, in one query and without packages that have none."""
    by_package: dict[uuid.UUID, list[Option]] = {}
    for option in session.scalars(
        select(Option)
        .where(Option.event_id == event_id, Option.package_id.in_(package_ids), Option.retired_at.is_(None))
        .order_by(Option.display_order)
    ):
        by_package.setdefault(option.package_id, []).append(option)
    return by_package


def validate_answers(active_options: Sequence[Option], values: Mapping[uuid.UUID, Any]) -> dict[uuid.UUID, Any]:
    """Return the answers to store by option id: a bool, a list of choices or text; skipped options are left out.

    Raises InvalidInput with one sentence per option, for the field `answers.<option id>`.
    """
    problems: dict[str, str] = {}
    accepted: dict[uuid.UUID, Any] = {}
    for option in active_options:
        try:
            value = _validate_answer(option, values.get(option.id))
        except ValueError as wrong:
            problems[f"answers.{option.id}"] = str(wrong)
        else:
            if value is not None:
                accepted[option.id] = value
            elif option.is_required:
                problems[f"answers.{option.id}"] = f"Answer “{option.label}”."
    for unknown in values.keys() - {option.id for option in active_options}:
        problems[f"answers.{unknown}"] = "This package does not have that option."
    if problems:
        raise InvalidInput(problems)
    return accepted


def _validate_answer(option: Option, value: Any) -> Any:
    """Return the value to store, or None when the question was skipped. Raises ValueError."""
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
    answer = clean_multi_line(value)
    if len(answer) > MAX_ANSWER_LENGTH:
        raise ValueError(f"Use at most {MAX_ANSWER_LENGTH} characters; this has {len(answer)}.")
    return answer or None


def _get_event_id(session: Session, actor: Actor, action: permissions.Action, package_id: uuid.UUID) -> uuid.UUID:
    """Return the package's event. Raises NotFound, also for a package of an event that the actor may not see."""
    event_id = session.scalar(select(Package.event_id).where(Package.id == package_id))
    if event_id is None:
        permissions.require(session, actor, "read")
        raise NotFound("package")
    try:
        permissions.require(session, actor, action, event_id)
    except NotFound:
        raise NotFound("package") from None
    return event_id


_LOCK_PACKAGE = text("UPDATE packages SET options_version = options_version + 1 WHERE id = :package_id")


def _lock_package(session: Session, actor: Actor, package_id: uuid.UUID) -> uuid.UUID:
    """Let one transaction at a time change a package's options and return the package's event.

    The higher options_version makes a purchase that read the options before read them again. Raises NotFound and
    NotAllowed.
    """
    event_id = _get_event_id(session, actor, "change", package_id)
    session.execute(_LOCK_PACKAGE, {"package_id": package_id})
    return event_id


def _get_for_update(
    session: Session, actor: Actor, package_id: uuid.UUID, option_id: uuid.UUID
) -> tuple[uuid.UUID, Option]:
    event_id = _lock_package(session, actor, package_id)
    option = session.scalar(
        select(Option)
        .where(Option.id == option_id, Option.package_id == package_id)
        .execution_options(populate_existing=True)
    )
    if option is None:
        raise NotFound("option")
    return event_id, option


def _has_answers(session: Session, option_id: uuid.UUID) -> bool:
    return session.scalars(select(exists().where(Answer.option_id == option_id))).one()

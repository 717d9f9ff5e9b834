"""Options: the questions asked when a package is bought (docs/product.md, "Options")."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from sqlalchemy import delete as sql_delete
from sqlalchemy import exists, func, select, text
from sqlalchemy.orm import Session

from ticketing import audit, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import archive
from ticketing.errors import Conflict, HasAnswers, InvalidInput, NotFound
from ticketing.formatting import format_count
from ticketing.models import LIST_OPTION_TYPES as LIST_OPTION_TYPES
from ticketing.models import OPTION_TYPES as OPTION_TYPES
from ticketing.models import Answer, Package
from ticketing.models import Option as Option
from ticketing.validation import Draft, MaxLength, SingleLineText, clean_multi_line

MAX_ACTIVE = 4
MAX_ANSWER_LENGTH = 500


class TooManyOptions(Conflict):
    """The package asks as many questions as it may."""

    def __init__(self) -> None:
        super().__init__(f"This package has {MAX_ACTIVE} options already. Stop asking one first.")


class OptionDraft(Draft):
    """The fields of an option. `choices` is for single_select and multi_select only: 2 to 10 distinct ones."""

    label: Annotated[
        SingleLineText, MaxLength(200), Field(description="The question.", examples=["Dietary restriction?"])
    ]
    option_type: Annotated[
        Literal["boolean", "single_select", "multi_select", "text_input"],
        Field(
            description="Yes or no, one of `choices`, one or more of `choices`, or free text.",
            examples=["single_select"],
        ),
    ]
    is_required: Annotated[bool, Field(description="Whether a purchase must answer the question.", examples=[True])] = (
        True
    )
    choices: Annotated[
        list[Annotated[SingleLineText, MaxLength(50)]] | None,
        Field(
            validate_default=True,
            description="2 to 10 distinct choices in display order for `single_select` and `multi_select`, else null.",
            examples=[["Beef", "Chicken", "Vegan"]],
        ),
    ] = None

    @field_validator("choices")
    @classmethod
    def _validate_choices(cls, choices: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if info.data.get("option_type") not in LIST_OPTION_TYPES:
            if choices:
                raise ValueError("Only a question to choose from a list has choices. Leave this empty.")
            return None
        if choices is None or not 2 <= len(choices) <= 10:
            raise ValueError("Enter 2 to 10 choices.")
        if len({choice.lower() for choice in choices}) < len(choices):
            raise ValueError("List each choice once.")
        return choices


def create(
    session: Session,
    actor: Actor,
    package_id: uuid.UUID,
    draft: OptionDraft,
    *,
    change_id: uuid.UUID | None = None,
) -> Option:
    """Add an option at the end of a package's list.

    `change_id` groups the audit entries of options that change together, here and below. Raises NotFound, and
    TooManyOptions when the package has 4 active options already.
    """
    event_id = _lock_package(session, actor, package_id)
    active = list_active_unchecked(session, event_id, package_id)
    if len(active) >= MAX_ACTIVE:
        raise TooManyOptions
    position = _close_gaps(active) + 1
    option = Option(event_id=event_id, package_id=package_id, display_order=position, **draft.model_dump())
    session.add(option)
    session.flush()
    changes = audit.creation_changes(draft.model_dump())
    audit.record(session, actor, event_id, "option.created", option, changes, change_id)
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
    change_id: uuid.UUID | None = None,
) -> Option:
    """Change the given fields of an option that the actor saw at `seen_version`; stored answers keep their meaning.

    Without a version the current one is changed. An answered option changes its type only between the two list types,
    and to single_select only while each answer has one choice; else HasAnswers is raised. Also raises StaleVersion,
    InvalidInput and NotFound.
    """
    event_id, option = _get_for_update(session, actor, package_id, option_id)
    optimistic_locking.check_version(session, event_id, option, seen_version)
    new_values = dict(values)
    if new_values.get("option_type", option.option_type) not in LIST_OPTION_TYPES and "choices" not in new_values:
        new_values["choices"] = None
    changes = audit.changes_between(option, optimistic_locking.merge(OptionDraft, option, new_values).model_dump())
    new_type = next((each.new for each in changes if each.field == "option_type"), None)
    if new_type is not None and _has_answers(session, option_id):
        _convert_answers(session, option, str(new_type))
    optimistic_locking.apply(
        session, actor, event_id, "option.changed", option, changes, change_id=change_id, restores=restores
    )
    return option


def retire(
    session: Session,
    actor: Actor,
    package_id: uuid.UUID,
    option_id: uuid.UUID,
    *,
    seen_version: int | None = None,
    change_id: uuid.UUID | None = None,
) -> Option:
    """Retire an option: new purchases no longer ask it, its answers stay. Retiring it again changes nothing.

    Raises StaleVersion, only with a `seen_version`, and NotFound.
    """
    event_id, option = _get_for_update(session, actor, package_id, option_id)
    optimistic_locking.check_version(session, event_id, option, seen_version)
    if option.retired_at is None:
        changes = [audit.Change("retired_at", None, datetime.now(UTC))]
        optimistic_locking.apply(session, actor, event_id, "option.retired", option, changes, change_id=change_id)
    return option


def ask_again(
    session: Session,
    actor: Actor,
    package_id: uuid.UUID,
    option_id: uuid.UUID,
    *,
    seen_version: int | None = None,
    change_id: uuid.UUID | None = None,
) -> Option:
    """Ask a retired option again, where it was if that place is free, else last. An active one stays as it is.

    Raises TooManyOptions when the package has 4 active ones already, StaleVersion (only with a `seen_version`) and
    NotFound.
    """
    event_id, option = _get_for_update(session, actor, package_id, option_id)
    optimistic_locking.check_version(session, event_id, option, seen_version)
    if option.retired_at is None:
        return option
    active = list_active_unchecked(session, event_id, package_id)
    if len(active) >= MAX_ACTIVE:
        raise TooManyOptions
    if option.display_order in {other.display_order for other in active}:
        option.display_order = _close_gaps(active) + 1
    changes = [audit.Change("retired_at", option.retired_at, None)]
    optimistic_locking.apply(session, actor, event_id, "option.asked_again", option, changes, change_id=change_id)
    return option


def _close_gaps(active: Sequence[Option]) -> int:
    """Number the active options without the gaps of retired ones, in the order they have; return how many there are."""
    for position, option in enumerate(active, start=1):
        option.display_order = position
    return len(active)


def delete(
    session: Session,
    actor: Actor,
    package_id: uuid.UUID,
    option_id: uuid.UUID,
    *,
    change_id: uuid.UUID | None = None,
) -> None:
    """Delete an option that has no answers. Raises HasAnswers and NotFound."""
    event_id, option = _get_for_update(session, actor, package_id, option_id)
    if _has_answers(session, option_id):
        raise HasAnswers(f"“{option.label}” has answers, so it stays in the records. Stop asking it instead.")
    changes = audit.deletion_changes(option, OptionDraft.model_fields)
    audit.record(session, actor, event_id, "option.deleted", option, changes, change_id)
    session.execute(sql_delete(Option).where(Option.id == option_id))


def reorder(
    session: Session,
    actor: Actor,
    package_id: uuid.UUID,
    option_ids: Sequence[uuid.UUID],
    *,
    seen_order: Sequence[uuid.UUID] | None = None,
) -> list[Option]:
    """Put a package's active options in this order.

    Raises Conflict unless the list names each of them once, and when their order is not `seen_order`, if that is given.
    """
    event_id = _lock_package(session, actor, package_id)
    active = {option.id: option for option in list_active_unchecked(session, event_id, package_id)}
    if seen_order is not None and list(seen_order) != list(active):
        latest = audit.list_latest_changes(session, event_id, active, ["option.arranged"], 1)
        by = latest[-1].by if latest and set(seen_order) == active.keys() else "Somebody"
        raise Conflict(f"{by} changed the options in the meantime.")
    if len(option_ids) != len(active) or set(option_ids) != active.keys():
        raise Conflict("The options changed in the meantime. Check them, then arrange them again.")
    for position, option_id in enumerate(option_ids, start=1):
        changes = audit.changes_between(active[option_id], {"display_order": position})
        optimistic_locking.apply(session, actor, event_id, "option.arranged", active[option_id], changes)
    return [active[option_id] for option_id in option_ids]


def list_active(session: Session, actor: Actor, package_id: uuid.UUID) -> list[Option]:
    """Return the active options of a package in display order. Raises NotFound."""
    event_id = _get_event_id(session, actor, "read", package_id)
    return list_active_unchecked(session, event_id, package_id)


def count_active(session: Session, actor: Actor, event_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """Return how many active options the packages of an event have, by package id; those without are left out."""
    permissions.require(session, actor, "read", event_id)
    rows = session.execute(
        select(Option.package_id, func.count().label("active"))
        .where(Option.event_id == event_id, Option.retired_at.is_(None))
        .group_by(Option.package_id)
    )
    return {row.package_id: row.active for row in rows}


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
    """Return the answers to store by option id: a bool, a choice, a list of choices or text; skipped are left out.

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
    if option.option_type == "single_select":
        if value not in (option.choices or []):
            raise ValueError(f"Pick one of: {', '.join(option.choices or [])}.")
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


_LOCK_PACKAGE = text("""
    UPDATE packages SET options_version = options_version + 1 WHERE id = :package_id RETURNING is_archived
""")


def _lock_package(session: Session, actor: Actor, package_id: uuid.UUID) -> uuid.UUID:
    """Let one transaction at a time change a package's options and return the package's event.

    The higher options_version makes a purchase that read the options before read them again. Raises NotFound,
    NotAllowed and EventArchived.
    """
    event_id = _get_event_id(session, actor, "change", package_id)
    archive.refuse_archived(session.execute(_LOCK_PACKAGE, {"package_id": package_id}).one())
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


_SINGLE_TO_LIST = text("UPDATE answers SET value = jsonb_build_array(value) WHERE option_id = :option_id")
_LIST_TO_SINGLE = text("UPDATE answers SET value = value -> 0 WHERE option_id = :option_id")
_COUNT_LONG_LISTS = text("SELECT count(*) FROM answers WHERE option_id = :option_id AND jsonb_array_length(value) > 1")


def _convert_answers(session: Session, option: Option, new_type: str) -> None:
    """Store the answers to an option of which the package is locked as `new_type` does. Raises HasAnswers."""
    given = {"option_id": option.id}
    if not {option.option_type, new_type} <= set(LIST_OPTION_TYPES):
        raise HasAnswers(
            f"“{option.label}” has answers, so its type cannot change. Stop asking it and add a new option."
        )
    if new_type == "multi_select":
        session.execute(_SINGLE_TO_LIST, given)
        return
    if several := session.scalars(_COUNT_LONG_LISTS, given).one():
        raise HasAnswers(
            f"“{option.label}” has {format_count(several, 'answer')} with several choices, so it cannot become "
            "“choose one”. Stop asking it and add a new option."
        )
    session.execute(_LIST_TO_SINGLE, given)


def _has_answers(session: Session, option_id: uuid.UUID) -> bool:
    return session.scalars(select(exists().where(Answer.option_id == option_id))).one()

"""Questions: what the options of an event ask, over all its packages (docs/product.md, "Options").

Options ask the same question when the key of their label, their type and their choices are equal. They are created,
changed, retired, asked again and deleted together: in one transaction, for all packages or for none, and under one
change id of the audit log.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import archive, options
from ticketing.catalog.options import OptionDraft, TooManyOptions
from ticketing.errors import Conflict, NotFound
from ticketing.formatting import join_names
from ticketing.models import Answer, Option, Package
from ticketing.validation import name_key

PER_PAGE = 20
T = TypeVar("T")
QuestionKey = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Tally:
    """One package's option and its answers in completed and pending purchases: how many, how often each was given.

    `by_answer` has "yes" and "no" for a boolean, each choice (also removed ones) for a list, nothing for text.
    `is_answered` counts every purchase, also voided ones: such an option cannot be deleted.
    """

    option: Option
    package_name: str
    answered: int
    by_answer: Mapping[str, int]
    is_answered: bool

    @property
    def is_active(self) -> bool:
        return self.option.retired_at is None


@dataclass(frozen=True)
class Question:
    """Options that ask the same, at least one, in the display order of their packages."""

    tallies: tuple[Tally, ...]

    @cached_property
    def active(self) -> tuple[Tally, ...]:
        """The packages that ask it now."""
        return tuple(tally for tally in self.tallies if tally.is_active)

    @property
    def first(self) -> Option:
        """The option by which the question is worded: that of the first package that asks it now, if any does."""
        return (self.active or self.tallies)[0].option

    @property
    def answered(self) -> int:
        return sum(tally.answered for tally in self.tallies)

    @property
    def by_answer(self) -> dict[str, int]:
        """How often each answer was given in all packages, in the order of the choices, removed ones last."""
        total: Counter[str] = Counter()
        for tally in self.tallies:
            total.update(dict(tally.by_answer))
        known = _list_known_answers(self.first)
        return {answer: total[answer] for answer in (*known, *(each for each in total if each not in known))}

    @property
    def is_answered(self) -> bool:
        return any(tally.is_answered for tally in self.tallies)


@dataclass(frozen=True)
class OptionEdit:
    """New values for some fields of one option; `seen_version` is that which the actor saw, None for any."""

    option_id: uuid.UUID
    seen_version: int | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class RefusedPackage:
    """A package whose option stands in the way of a change to those of several packages; None is a new option."""

    package_id: uuid.UUID
    name: str
    option_id: uuid.UUID | None
    error: Conflict


class OptionsRefused(Conflict):
    """The options of several packages were to change together, and none did; `packages` stand in the way."""

    code = "several_refused"

    def __init__(self, packages: Sequence[RefusedPackage]) -> None:
        self.packages = tuple(packages)
        super().__init__(f"Nothing was saved. {format_reasons(packages)}")


def format_reasons(packages: Sequence[RefusedPackage], explain: Callable[[Conflict], str] | None = None) -> str:
    """Return "Gold and Silver: 4 questions already. …", with the names of packages that have the same reason.

    `explain` words the reasons otherwise.
    """
    names_by_reason: dict[str, list[str]] = {}
    for package in packages:
        names_by_reason.setdefault((explain or _explain)(package.error), []).append(package.name)
    return " ".join(f"{join_names(names)}: {reason}" for reason, names in names_by_reason.items())


def _explain(error: Conflict) -> str:
    if isinstance(error, TooManyOptions):
        return f"{options.MAX_ACTIVE} questions already. Stop asking one there first, or leave it out."
    return str(error)


def get_key(option: Option | OptionDraft) -> QuestionKey:
    """Return what is equal for options that ask the same. The label is compared as package names are."""
    return name_key(option.label), option.option_type, tuple(option.choices or ())


def list_page(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    *,
    package_id: uuid.UUID | None = None,
    page: int = 1,
    per_page: int = PER_PAGE,
) -> tuple[list[Question], int]:
    """Return one page of an event's questions with their answers, and the number of all of them.

    They are in the order of the packages and of their options; those that no package asks any more come last. With
    `package_id` only those of that package, in its order, and those that it no longer asks last.
    """
    permissions.require(session, actor, "read", event_id)
    groups = _list_groups(session, event_id)
    places: dict[QuestionKey, tuple[bool, int]] = {}  # retired ones last
    for key, group in groups.items():
        own = [asked for asked in group if package_id in (None, asked.option.package_id)]
        if own:
            places[key] = min((asked.option.retired_at is not None, asked.place) for asked in own)
    ordered = sorted(places, key=places.__getitem__)
    shown = [groups[key] for key in ordered[(page - 1) * per_page : page * per_page]]
    return _count_answers(session, shown), len(ordered)


def find(session: Session, actor: Actor, event_id: uuid.UUID, option_id: uuid.UUID) -> Question | None:
    """Return the question that an option asks now, with its answers; None when the option was deleted."""
    permissions.require(session, actor, "read", event_id)
    for group in _list_groups(session, event_id).values():
        if any(asked.option.id == option_id for asked in group):
            return _count_answers(session, [group])[0]
    return None


@dataclass(frozen=True)
class _AskedOption:
    """An option with the name of its package, and its place among all options of the event."""

    place: int
    option: Option
    package_name: str


def _list_groups(session: Session, event_id: uuid.UUID) -> dict[QuestionKey, list[_AskedOption]]:
    """Return the options of an event by what they ask, in the order of the packages and of their options."""
    rows = session.execute(
        select(Option, Package.name)
        .join(Package, Package.id == Option.package_id)
        .where(Option.event_id == event_id)
        .order_by(Package.display_order, Option.retired_at.is_not(None), Option.display_order, Option.id)
    )
    groups: dict[QuestionKey, list[_AskedOption]] = {}
    for place, (option, package_name) in enumerate(rows):
        groups.setdefault(get_key(option), []).append(_AskedOption(place, option, package_name))
    return groups


_COUNT_ANSWERS = text("""
    SELECT answer.option_id, given.value, count(*) AS times
    FROM answers AS answer
    JOIN options AS asked ON asked.id = answer.option_id
    JOIN purchases AS purchase ON purchase.id = answer.purchase_id
        AND purchase.payment_status IN ('completed', 'pending')
    CROSS JOIN LATERAL (
        SELECT CASE WHEN answer.value = 'true' THEN 'yes' ELSE 'no' END AS value
        WHERE jsonb_typeof(answer.value) = 'boolean'
        UNION ALL
        SELECT jsonb_array_elements_text(answer.value) WHERE jsonb_typeof(answer.value) = 'array'
        UNION ALL
        SELECT answer.value #>> '{}' WHERE asked.option_type = 'single_select'
        UNION ALL
        SELECT NULL
    ) AS given
    WHERE answer.option_id = ANY(:option_ids)
    GROUP BY answer.option_id, given.value
""")


def _count_answers(session: Session, groups: Sequence[Sequence[_AskedOption]]) -> list[Question]:
    counted: dict[uuid.UUID, dict[str | None, int]] = {asked.option.id: {} for group in groups for asked in group}
    for row in session.execute(_COUNT_ANSWERS, {"option_ids": list(counted)}):
        counted[row.option_id][row.value] = row.times
    has_answers = exists().where(Answer.option_id == Option.id)
    answered = set(session.scalars(select(Option.id).where(Option.id.in_(counted), has_answers)))
    return [
        Question(tuple(_build_tally(asked, counted[asked.option.id], asked.option.id in answered) for asked in group))
        for group in groups
    ]


def _build_tally(asked: _AskedOption, counted: Mapping[str | None, int], is_answered: bool) -> Tally:
    by_answer = {answer: counted.get(answer, 0) for answer in _list_known_answers(asked.option)}
    by_answer |= {answer: times for answer, times in counted.items() if answer is not None}
    return Tally(asked.option, asked.package_name, counted.get(None, 0), by_answer, is_answered)


def _list_known_answers(option: Option) -> Sequence[str]:
    return ("yes", "no") if option.option_type == "boolean" else option.choices or ()


def create(
    session: Session, actor: Actor, event_id: uuid.UUID, package_ids: Iterable[uuid.UUID], draft: OptionDraft
) -> list[Option]:
    """Add the same option to several packages, at the end of each one's list, and return them in display order.

    Raises NotFound, and OptionsRefused with every package that has 4 active options already or asks the same.
    """
    permissions.require(session, actor, "change", event_id)
    packages = _lock_packages(session, event_id, set(package_ids))
    active = options.list_active_by_package(session, event_id, [package.id for package in packages])
    change_id = uuid7()

    def add(package: Package) -> Option:
        if any(get_key(option) == get_key(draft) for option in active.get(package.id, ())):
            raise Conflict("It is asked already.")
        return options.create(session, actor, package.id, draft, change_id=change_id)

    return _do_for_all((package, None, partial(add, package)) for package in packages)


def update(session: Session, actor: Actor, event_id: uuid.UUID, edits: Sequence[OptionEdit]) -> list[Option]:
    """Save the edits of options that ask the same, each as `options.update` does, and return them in display order.

    Raises InvalidInput and NotFound, and OptionsRefused with every package whose option was changed since, does not
    ask the same as that of the first edit, or has answers that forbid it.
    """
    values = {edit.option_id: edit.values for edit in edits}

    def change(option: Option, change_id: uuid.UUID) -> Option:
        return options.update(
            session,
            actor,
            option.package_id,
            option.id,
            values[option.id],
            seen_version=None,  # _change_all has checked it
            change_id=change_id,
        )

    return _change_all(session, actor, event_id, {edit.option_id: edit.seen_version for edit in edits}, change)


def retire(
    session: Session, actor: Actor, event_id: uuid.UUID, seen_versions: Mapping[uuid.UUID, int | None]
) -> list[Option]:
    """Retire options that ask the same, by id and seen version (None for any); retired ones stay so.

    Raises NotFound, and OptionsRefused with every package whose option was changed since or asks something else.
    """

    def change(option: Option, change_id: uuid.UUID) -> Option:
        return options.retire(session, actor, option.package_id, option.id, change_id=change_id)

    return _change_all(session, actor, event_id, seen_versions, change)


def ask_again(
    session: Session, actor: Actor, event_id: uuid.UUID, seen_versions: Mapping[uuid.UUID, int | None]
) -> list[Option]:
    """Ask retired options again that ask the same, by id and seen version (None for any); active ones stay so.

    Raises NotFound, and OptionsRefused as `retire` does and with every package that has 4 active options already.
    """

    def change(option: Option, change_id: uuid.UUID) -> Option:
        return options.ask_again(session, actor, option.package_id, option.id, change_id=change_id)

    return _change_all(session, actor, event_id, seen_versions, change)


def delete(session: Session, actor: Actor, event_id: uuid.UUID, seen_versions: Mapping[uuid.UUID, int | None]) -> None:
    """Delete options that ask the same and have no answers, by id and seen version (None for any).

    Raises NotFound, and OptionsRefused as `retire` does and with every package whose option has answers.
    """

    def change(option: Option, change_id: uuid.UUID) -> None:
        options.delete(session, actor, option.package_id, option.id, change_id=change_id)

    _change_all(session, actor, event_id, seen_versions, change)


def _change_all(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    seen_versions: Mapping[uuid.UUID, int | None],
    change: Callable[[Option, uuid.UUID], T],
) -> list[T]:
    """Lock the packages of options, check that the options are as they were seen and ask the same, and change each.

    `change` gets an option and the change id of all of them.
    """
    permissions.require(session, actor, "change", event_id)
    named = select(Option).where(Option.event_id == event_id, Option.id.in_(seen_versions))
    packages = _lock_packages(session, event_id, {option.package_id for option in session.scalars(named)})
    rows = {option.id: option for option in session.scalars(named.execution_options(populate_existing=True))}
    if not rows or seen_versions.keys() - rows.keys():
        raise NotFound("option")
    key, change_id = get_key(rows[next(iter(seen_versions))]), uuid7()

    def check_and_change(option: Option) -> T:
        optimistic_locking.check_version(session, event_id, option, seen_versions[option.id])
        if get_key(option) != key:
            raise Conflict(f"It asks “{option.label}”, which is not the same.")
        return change(option, change_id)

    return _do_for_all(
        (package, option.id, partial(check_and_change, option))
        for package in packages
        for option in rows.values()
        if option.package_id == package.id
    )


def _lock_packages(session: Session, event_id: uuid.UUID, package_ids: set[uuid.UUID]) -> list[Package]:
    """Return packages in display order, locked in order of id as sales lock them, to avoid deadlocks.

    Raises NotFound and EventArchived.
    """
    query = select(Package).where(Package.event_id == event_id, Package.id.in_(package_ids)).order_by(Package.id)
    rows = session.scalars(query.with_for_update(key_share=True).execution_options(populate_existing=True)).all()
    if len(rows) < len(package_ids):
        raise NotFound("package")
    for package in rows:
        archive.refuse_archived(package)
    return sorted(rows, key=lambda package: package.display_order)


def _do_for_all(steps: Iterable[tuple[Package, uuid.UUID | None, Callable[[], T]]]) -> list[T]:
    """Return what each step returns; OptionsRefused with the package and the option of each that is refused."""
    done, refused = [], []
    for package, option_id, step in steps:
        try:
            done.append(step())
        except Conflict as error:
            refused.append(RefusedPackage(package.id, package.name, option_id, error))
    if refused:
        raise OptionsRefused(refused)
    return done

"""The lines of an order against the packages as they are now: stock, prices, seats and answers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Row
from sqlalchemy.orm import Session

from ticketing import audit, money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import archive, options
from ticketing.errors import InvalidInput, NotForSale, NotFound, PriceChanged, Shortage, SoldOut, TicketingError
from ticketing.formatting import format_count
from ticketing.models import Option, build_untracked
from ticketing.sales import order_sql
from ticketing.sales.order_draft import OrderDraft, OrderLineDraft

MAX_SEATS = 2000
R = TypeVar("R", bound=TicketingError)
Packages = Mapping[uuid.UUID, Row[Any]]  # by id, as order_sql.SELECT_PACKAGES returns them


@dataclass(frozen=True)
class ValidatedLine:
    """A line of a draft with its package as it was read, and the answers to store by option id."""

    draft: OrderLineDraft
    package: Row[Any]
    answers: dict[uuid.UUID, Any]


def read_packages(session: Session, actor: Actor, event_id: uuid.UUID, draft: OrderDraft) -> Packages:
    """Return the packages of a draft by id, as they are now.

    The same statement reads what the actor may do, for `permissions.require`, which the caller calls afterwards.
    """
    values = permissions.get_status_parameters(actor, event_id)
    values["package_ids"] = [line.package_id for line in draft.lines]
    rows = session.execute(order_sql.SELECT_PACKAGES, values).all()
    permissions.remember_status(session, actor, event_id, rows[0])
    return {row.id: row for row in rows if row.id is not None}


def validate_lines(session: Session, event_id: uuid.UUID, draft: OrderDraft, packages: Packages) -> list[ValidatedLine]:
    """Check everything that reading can tell; return the lines with their packages.

    Raises what `orders.record` raises but PromoRefused and IdempotencyMismatch.
    """
    package_ids = [line.package_id for line in draft.lines]
    if missing := set(package_ids) - packages.keys():
        raise _at_line(package_ids.index(next(iter(missing))), NotFound("package"))
    lines = [ValidatedLine(line, packages[line.package_id], {}) for line in draft.lines]
    archive.refuse_archived(lines[0].package)
    for index, line in enumerate(lines):
        if not line.package.is_enabled:
            raise _at_line(index, NotForSale(line.package.name))
    if shortages := list(_find_shortages(lines)):
        raise _at_line(shortages[0].line, SoldOut(shortages))
    for line in lines:
        _check_quoted_version(session, event_id, line)
    _check_seats(lines)
    answers = _validate_answers(lines)
    return [replace(line, answers=accepted) for line, accepted in zip(lines, answers, strict=True)]


def lock_packages(session: Session, lines: Sequence[ValidatedLine]) -> bool:
    """Lock the packages until the transaction ends; return whether they are as they were read, with enough left."""
    lines_by_id = {line.package.id: line for line in lines}
    locked = session.execute(order_sql.LOCK_PACKAGES, {"package_ids": list(lines_by_id)}).all()
    return len(locked) == len(lines) and all(_is_unchanged(row, lines_by_id[row.id]) for row in locked)


def _is_unchanged(locked: Row[Any], line: ValidatedLine) -> bool:
    package = line.package
    if locked.is_archived or (locked.version, locked.options_version) != (package.version, package.options_version):
        return False
    return package.quantity_limit is None or locked.sold_count + line.draft.quantity <= package.quantity_limit


def _at_line(index: int, refusal: R) -> R:
    """Return the refusal with its field as one of a line; an unknown package has none of its own."""
    refusal.field = f"lines.{index}.{refusal.field or 'package_id'}"
    return refusal


def _find_shortages(lines: Sequence[ValidatedLine]) -> Iterator[Shortage]:
    for index, line in enumerate(lines):
        limit = line.package.quantity_limit
        if limit is not None and line.package.sold_count + line.draft.quantity > limit:
            yield Shortage(index, line.package.id, line.package.name, line.package.sold_count, limit)


def _check_quoted_version(session: Session, event_id: uuid.UUID, line: ValidatedLine) -> None:
    """Raise PriceChanged when price or seats were edited after the quoted version; other edits do not matter."""
    quoted, package = line.draft.package_version, line.package
    if quoted is None or quoted == package.version:
        return
    edited = {change.field for change in audit.changes_since(session, event_id, package.id, quoted)}
    if quoted > package.version or {"price", "seats_per_package"} & edited:
        seats = format_count(package.seats_per_package, "seat")
        raise PriceChanged(package.name, f"{money.format_dollars(package.price)} for {seats}")


def _check_seats(lines: Sequence[ValidatedLine]) -> None:
    problems = {}
    total = 0
    for index, line in enumerate(lines):
        seats = line.package.seats_per_package * line.draft.quantity
        total += seats
        if len(line.draft.guests) > seats:
            problems[f"lines.{index}.guests"] = (
                f"{len(line.draft.guests):,} guests are named for {format_count(seats, 'seat')}. Remove some."
            )
        if total > MAX_SEATS:
            problems[f"lines.{index}.quantity"] = (
                f"An order has at most {MAX_SEATS:,} seats, and this makes {total:,}. Record it in parts."
            )
    if problems:
        raise InvalidInput(problems)


def _validate_answers(lines: Sequence[ValidatedLine]) -> list[dict[uuid.UUID, Any]]:
    problems: dict[str, str] = {}
    accepted = []
    for index, line in enumerate(lines):
        asked = [
            build_untracked(Option, **option | {"id": uuid.UUID(option["id"])}) for option in line.package.asked or ()
        ]
        given = {answer.option_id: answer.value for answer in line.draft.answers}
        try:
            accepted.append(options.validate_answers(asked, given))
        except InvalidInput as exc:
            problems |= {f"lines.{index}.{field}": sentence for field, sentence in exc.fields.items()}
    if problems:
        raise InvalidInput(problems)
    return accepted

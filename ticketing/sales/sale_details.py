"""Correct the details of a sale: its donor, its note, and the answers to its packages' options.

Rules: docs/product.md, "Corrections". What was sold, when, for how much and how it was paid is never corrected: such a
sale is voided (ticketing.sales.corrections) and sold again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import audit
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import options
from ticketing.errors import InvalidInput, NotFound
from ticketing.models import Answer, Option, Order, Purchase
from ticketing.sales import corrections, order_donor, order_sql
from ticketing.sales.order_draft import DonorDraft, StaffNote
from ticketing.validation import Draft, validate

# What an order says once, and the column of its lines that says it.
COLUMNS = {
    "donor.name": "purchaser_name",
    "donor.email": "purchaser_email",
    "donor.phone": "purchaser_phone",
    "notes": "notes",
}
# The field of an answer in the audit log is this word and the question as it was then.
ANSWER_FIELD = "answer"


class DetailsDraft(Draft):
    """What an order says once and may be corrected."""

    donor: DonorDraft
    notes: StaffNote = None


@dataclass(frozen=True)
class SaleDetails:
    """What can be corrected of a purchase; `questions` are pairs of option and stored answer, None without one.

    `line_count` is how many lines the order has, which all say the same about donor and note.
    """

    order: Order
    purchase: Purchase
    line_count: int
    questions: list[tuple[Option, Any]]


def get(session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID) -> SaleDetails:
    """Return what can be corrected of a purchase, with the version of its order. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    row = session.execute(
        select(Order, Purchase)
        .join(Purchase, Purchase.order_id == Order.id)
        .where(Purchase.id == purchase_id, Purchase.event_id == event_id)
    ).first()
    if row is None:
        raise NotFound("purchase")
    order, purchase = row
    lines = session.scalars(select(Purchase.id).where(Purchase.order_id == order.id)).all()
    stored = _get_answers(session, purchase)
    return SaleDetails(
        order, purchase, len(lines), [(each, stored.get(each.id)) for each in _list_options(session, purchase)]
    )


def correct(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    order_id: uuid.UUID,
    values: Mapping[str, Any],
    answers: Mapping[uuid.UUID, Mapping[uuid.UUID, Any]],
    *,
    seen_version: int | None,
    confirmed_donor_id: uuid.UUID | None = None,
) -> Order:
    """Correct donor and note of an order, on all its lines, and answers of its purchases.

    `values` are by the keys of COLUMNS; `answers` by purchase id and option id, None to remove one. What is left out
    stays. A new e-mail address moves the order and its promo use to that donor of the event. Values that are stored
    already are no change and raise no version. `seen_version` is that of the order; None skips its check.

    Raises (and then nothing is changed), with the fields `donor.email` and `lines.0.answers.<option id>`:
        NotFound: the event has no such order, or the order no such purchase.
        StaleVersion: the order was changed since `seen_version`.
        InvalidInput: sentences by field.
        AnotherDonor: the address belongs to another donor than `confirmed_donor_id`.
        PromoRefused: that donor would have used the order's promo code too often.
    """
    permissions.require(session, actor, "change", event_id)
    order, lines = corrections.lock_order(session, event_id, order_id)
    corrections.check_order_version(session, order, lines, seen_version)
    if answers.keys() - {line.id for line in lines}:
        raise NotFound("purchase")
    _lock_packages(session, lines)
    old, new = _validate_details(lines[0], values)
    accepted = _validate_answers(session, lines, answers)
    order_changes = _list_changes(lines, new, values)
    line_changes = {line: changes for line in lines if (changes := accepted.get(line, []))}
    columns = [COLUMNS[change.field] for change in order_changes]
    changed = [
        line
        for line in lines
        if line in line_changes or any(getattr(line, name) != _get_value(new, name) for name in columns)
    ]
    if not changed:
        return order
    with corrections.updating_totals(session, changed):
        if any(name.startswith("purchaser_") for name in columns):
            order_donor.change(session, order, old.donor, new.donor, confirmed_donor_id=confirmed_donor_id)
        for line in changed:
            for name in columns:
                setattr(line, name, _get_value(new, name))
            _store_answers(session, line, line_changes.get(line, []))
            line.version += 1
        order.version += 1
    _record(session, actor, order, order_changes, line_changes)
    return order


@dataclass(frozen=True)
class _AnswerChange:
    option: Option
    old: Any
    new: Any


def _lock_packages(session: Session, lines: Sequence[Purchase]) -> None:
    """Lock the packages until the transaction ends, so that their options stay as they are read from here on."""
    session.execute(order_sql.LOCK_PACKAGES, {"package_ids": [line.package_id for line in lines]})


def _get_value(draft: DetailsDraft, column: str) -> str | None:
    value: str | None = draft.notes if column == "notes" else getattr(draft.donor, column.removeprefix("purchaser_"))
    return value


def _validate_details(line: Purchase, values: Mapping[str, Any]) -> tuple[DetailsDraft, DetailsDraft]:
    """Return donor and note as a line has them, and with `values`. Raises InvalidInput."""
    stored = {field: getattr(line, column) for field, column in COLUMNS.items()}
    donor, notes = _nest(stored)
    old = DetailsDraft.model_construct(donor=DonorDraft.model_construct(**donor), notes=notes)
    donor, notes = _nest({field: values.get(field, stored[field]) for field in COLUMNS})
    return old, validate(DetailsDraft, {"donor": donor, "notes": notes})


def _nest(values: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    donor = {field.removeprefix("donor."): value for field, value in values.items() if field != "notes"}
    return donor, values["notes"]


def _list_changes(lines: Sequence[Purchase], new: DetailsDraft, values: Mapping[str, Any]) -> list[audit.Change]:
    """Return what the given values change; the old one is that of the first line that differs."""
    changes = []
    for field, column in COLUMNS.items():
        value = _get_value(new, column)
        differing = [old for line in lines if (old := getattr(line, column)) != value]
        if field in values and differing:
            changes.append(audit.Change(field, differing[0], value))
    return changes


def _list_options(session: Session, purchase: Purchase) -> list[Option]:
    """Return the options that a purchase may answer: the active ones of its package, and those it has answered."""
    answered = select(Answer.option_id).where(Answer.purchase_id == purchase.id)
    return list(
        session.scalars(
            select(Option)
            .where(Option.package_id == purchase.package_id, or_(Option.retired_at.is_(None), Option.id.in_(answered)))
            .order_by(Option.retired_at.is_not(None), Option.display_order, Option.id)
            .execution_options(populate_existing=True)
        )
    )


def _get_answers(session: Session, purchase: Purchase) -> dict[uuid.UUID, Any]:
    rows = session.execute(select(Answer.option_id, Answer.value).where(Answer.purchase_id == purchase.id))
    return {row.option_id: row.value for row in rows}


def _validate_answers(
    session: Session, lines: Sequence[Purchase], answers: Mapping[uuid.UUID, Mapping[uuid.UUID, Any]]
) -> dict[Purchase, list[_AnswerChange]]:
    """Return the changed answers by line. Only the given answers are checked: those left out stay as they are."""
    problems: dict[str, str] = {}
    changes: dict[Purchase, list[_AnswerChange]] = {}
    lines_by_id = {line.id: line for line in lines}
    for index, (purchase_id, given) in enumerate(answers.items()):
        line = lines_by_id[purchase_id]
        given_options = [option for option in _list_options(session, line) if option.id in given]
        try:
            accepted = options.validate_answers(given_options, given)
        except InvalidInput as exc:
            problems |= {f"lines.{index}.{field}": sentence for field, sentence in exc.fields.items()}
            continue
        stored = _get_answers(session, line)
        pairs = [(option, stored.get(option.id), accepted.get(option.id)) for option in given_options]
        changes[line] = [_AnswerChange(*pair) for pair in pairs if pair[1] != pair[2]]
    if problems:
        raise InvalidInput(problems)
    return changes


def _store_answers(session: Session, purchase: Purchase, changes: Sequence[_AnswerChange]) -> None:
    for change in changes:
        session.execute(delete(Answer).where(Answer.purchase_id == purchase.id, Answer.option_id == change.option.id))
        if change.new is not None:
            session.execute(
                insert(Answer).values(
                    purchase_id=purchase.id, event_id=purchase.event_id, option_id=change.option.id, value=change.new
                )
            )


def _record(
    session: Session,
    actor: Actor,
    order: Order,
    order_changes: Sequence[audit.Change],
    line_changes: Mapping[Purchase, Sequence[_AnswerChange]],
) -> None:
    """Write one audit entry per field; together they are one change."""
    change_id = uuid7()
    if order_changes:
        audit.record(session, actor, order.event_id, "order.corrected", order, order_changes, change_id)
    for line, changed in line_changes.items():
        entries = [audit.Change(f"{ANSWER_FIELD} {each.option.label}", each.old, each.new) for each in changed]
        audit.record(session, actor, order.event_id, "purchase.corrected", line, entries, change_id)

"""Promo codes: discounts on orders and how often they may be used (docs/product.md, "Promo codes")."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from sqlalchemy import ScalarSelect, exists, func, select, text
from sqlalchemy import delete as sql_delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ticketing import audit, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import archive
from ticketing.db import constraint_name
from ticketing.errors import PROMO_REFUSALS, CodeUsed, DuplicateCode, LimitBelowUses, NotFound, PromoRefused
from ticketing.formatting import format_count, remove_invisible_characters
from ticketing.models import DailySales, Event, PromoUse, Purchase
from ticketing.models import PromoCode as PromoCode
from ticketing.pricing import Discount
from ticketing.validation import BLANK_AS_NONE, Amount, Draft, Timestamp

EXPIRES_SOON_WINDOW = timedelta(days=7)
_CODE_PATTERN = re.compile(r"[A-Z0-9]{4,20}")
MAX_RESERVE_ATTEMPTS = 5


def normalize_code(code: str) -> str:
    """Return a code as it is stored and compared; one outside ASCII stays, since a long s is no S (U+017F, U+0131)."""
    visible = remove_invisible_characters(code).strip()
    return visible.upper() if visible.isascii() else visible


def _validate_code(code: str) -> str:
    if not _CODE_PATTERN.fullmatch(normalize_code(code)):
        raise ValueError("Use 4 to 20 letters A-Z and digits, without spaces.")
    return normalize_code(code)


class PromoCodeDraft(Draft):
    """The fields of a promo code. `discount_value` is percent or USD; uses are orders, not seats.

    An `expires_at` without offset is local time in the event's time zone.
    """

    code: Annotated[
        str,
        AfterValidator(_validate_code),
        Field(
            json_schema_extra={"pattern": r"^\s*[A-Za-z0-9]{4,20}\s*$"},
            description="4 to 20 letters and digits, unique within the event without regard to case.",
            examples=["EARLY25"],
        ),
    ]
    discount_type: Annotated[
        Literal["percentage", "fixed_amount"],
        Field(description="A percentage of the order, or an amount off it.", examples=["percentage"]),
    ]
    discount_value: Annotated[
        Amount, Field(description="Percent from 1 to 100, or USD from 1.00 to 10,000.00.", examples=["25.00"])
    ]
    expires_at: Annotated[
        Timestamp | None,
        BLANK_AS_NONE,
        Field(
            description="First moment at which the code no longer applies; null for never. Without an offset it is "
            "local time in the event's time zone.",
            examples=["2026-11-01T00:00:00-04:00"],
        ),
    ] = None
    max_total_uses: Annotated[
        Annotated[int, Field(ge=1, le=10_000)] | None,
        BLANK_AS_NONE,
        Field(description="Orders that may use the code in all; null is unlimited.", examples=[100]),
    ] = None
    max_uses_per_donor: Annotated[
        Annotated[int, Field(ge=1, le=100)] | None,
        BLANK_AS_NONE,
        Field(description="Orders of one donor that may use the code; null is unlimited.", examples=[1]),
    ] = None
    is_active: Annotated[bool, Field(description="Whether the code can be used at all.", examples=[True])] = True

    @field_validator("discount_value")
    @classmethod
    def _validate_discount_value(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        if info.data.get("discount_type") == "percentage" and not 1 <= value <= 100:
            raise ValueError("Enter a percentage from 1 to 100.")
        if info.data.get("discount_type") == "fixed_amount" and not 1 <= value <= 10_000:
            raise ValueError("Enter an amount from 1.00 to 10,000.00.")
        return value


def create(session: Session, actor: Actor, event_id: uuid.UUID, draft: PromoCodeDraft) -> PromoCode:
    """Add a promo code. Raises DuplicateCode."""
    permissions.require(session, actor, "change", event_id)
    archive.lock_unarchived(session, event_id)
    values = _localize_expiry(session, event_id, draft)
    promo_code = PromoCode(event_id=event_id, **values)
    session.add(promo_code)
    _flush(session, draft.code)
    audit.record(session, actor, event_id, "promo_code.created", promo_code, audit.creation_changes(values))
    return promo_code


def update(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    promo_code_id: uuid.UUID,
    values: Mapping[str, Any],
    *,
    seen_version: int | None,
    restores: int | None = None,
) -> PromoCode:
    """Change the given fields of a code that the actor saw at `seen_version`; without one the current code is changed.

    Raises CodeUsed when the code, type or value of a used code would change, LimitBelowUses when a limit is below the
    uses so far, StaleVersion, InvalidInput, DuplicateCode and NotFound.
    """
    permissions.require(session, actor, "change", event_id)
    archive.lock_unarchived(session, event_id)
    row = optimistic_locking.get_for_update(session, PromoCode, event_id, promo_code_id, "promo code")
    optimistic_locking.check_version(session, event_id, row, seen_version)
    new = _localize_expiry(session, event_id, optimistic_locking.merge(PromoCodeDraft, row, values))
    changes = audit.changes_between(row, new)
    if {"code", "discount_type", "discount_value"} & {each.field for each in changes} and was_used(session, row):
        raise CodeUsed(row.code, "its code, type and value cannot change. Create another code instead")
    _check_limits(session, row, new)
    flush = partial(_flush, session, new["code"])
    optimistic_locking.apply(session, actor, event_id, "promo_code.changed", row, changes, flush, restores=restores)
    return row


def delete(session: Session, actor: Actor, event_id: uuid.UUID, promo_code_id: uuid.UUID) -> None:
    """Delete a code that no purchase ever used. Raises CodeUsed and NotFound."""
    permissions.require(session, actor, "change", event_id)
    archive.lock_unarchived(session, event_id)
    row = optimistic_locking.get_for_update(session, PromoCode, event_id, promo_code_id, "promo code")
    if was_used(session, row):
        raise CodeUsed(row.code, "it stays in the records. Switch it off instead")
    changes = audit.deletion_changes(row, PromoCodeDraft.model_fields)
    audit.record(session, actor, event_id, "promo_code.deleted", row, changes)
    session.execute(sql_delete(PromoCode).where(PromoCode.id == promo_code_id))


def get(session: Session, actor: Actor, event_id: uuid.UUID, promo_code_id: uuid.UUID) -> tuple[PromoCode, Decimal]:
    """Return a code and its discount of completed purchases (USD). Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    row = session.execute(
        select(PromoCode, _select_total_discount()).where(PromoCode.event_id == event_id, PromoCode.id == promo_code_id)
    ).first()
    if row is None:
        raise NotFound("promo code")
    return row[0], row[1]


def list_page(
    session: Session, actor: Actor, event_id: uuid.UUID, *, page: int = 1, per_page: int = 20
) -> tuple[list[tuple[PromoCode, Decimal]], int]:
    """Return one page of an event's codes by name, each with its discount as in `get`, and their number."""
    permissions.require(session, actor, "read", event_id)
    total = session.scalar(select(func.count()).where(PromoCode.event_id == event_id)) or 0
    rows = session.execute(
        select(PromoCode, _select_total_discount())
        .where(PromoCode.event_id == event_id)
        .order_by(PromoCode.code)
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return [(row[0], row[1]) for row in rows], total


def list_codes(session: Session, actor: Actor, event_id: uuid.UUID) -> tuple[str, ...]:
    """Return every code of an event in alphabetical order."""
    return tuple(list_names(session, actor, event_id).values())


def list_names(session: Session, actor: Actor, event_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """Return every code of an event by id, in alphabetical order."""
    permissions.require(session, actor, "read", event_id)
    query = select(PromoCode.id, PromoCode.code).where(PromoCode.event_id == event_id).order_by(PromoCode.code)
    return {row.id: row.code for row in session.execute(query)}


def get_state(row: PromoCode, moment: datetime) -> str:
    """Return the state at `moment`: off, expired, used_up, expires_soon (within a week), never_used or active."""
    if not row.is_active:
        return "off"
    if _is_expired(row, moment):
        return "expired"
    if row.max_total_uses is not None and row.current_uses >= row.max_total_uses:
        return "used_up"
    if row.expires_at is not None and row.expires_at <= moment + EXPIRES_SOON_WINDOW:
        return "expires_soon"
    return "active" if row.current_uses else "never_used"


@dataclass(frozen=True)
class RuleResult:
    """One rule that a purchase passes or fails; `reason` is the code of the refusal, `sentence` says how it stands."""

    reason: str
    passed: bool
    sentence: str


def evaluate_rules(
    session: Session, event_id: uuid.UUID, code: str, *, donor_email_key: str, moment: datetime
) -> tuple[PromoCode | None, list[RuleResult]]:
    """Return the code and the result of every rule, in the order in which a purchase checks them. Changes nothing.

    An unknown code has a single failed rule. Without a donor the last rule says what the limit is.
    """
    row = None
    if _CODE_PATTERN.fullmatch(normalize_code(code)):
        query = select(PromoCode).where(PromoCode.event_id == event_id, PromoCode.code == normalize_code(code))
        row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        return None, [RuleResult("unknown", False, PROMO_REFUSALS["unknown"].format(code=normalize_code(code)))]
    zone = ZoneInfo(session.scalars(select(Event.time_zone).where(Event.id == event_id)).one())
    by_donor = _count_donor_uses(session, event_id, row.id, donor_email_key)
    return row, [
        RuleResult("unknown", True, f"This event has the promo code {row.code}."),
        RuleResult("inactive", row.is_active, f"It is {'active' if row.is_active else 'not active'}."),
        RuleResult("expired", not _is_expired(row, moment), _format_expiry(row, moment, zone)),
        RuleResult(
            "used_up",
            row.max_total_uses is None or row.current_uses < row.max_total_uses,
            _format_uses(row.current_uses, row.max_total_uses, "in all"),
        ),
        RuleResult(
            "used_up_by_donor",
            row.max_uses_per_donor is None or by_donor < row.max_uses_per_donor,
            _format_uses(by_donor, row.max_uses_per_donor, "by this donor")
            if donor_email_key
            else _format_donor_limit(row.max_uses_per_donor),
        ),
    ]


def _is_expired(row: PromoCode, moment: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= moment


def _format_expiry(row: PromoCode, moment: datetime, zone: ZoneInfo) -> str:
    if row.expires_at is None:
        return "It never expires."
    verb = "expired" if _is_expired(row, moment) else "expires"
    return f"It {verb} on {row.expires_at.astimezone(zone):%Y-%m-%d at %H:%M} ({zone.key})."


def _format_uses(uses: int, limit: int | None, scope: str) -> str:
    limit_text = "without a limit" if limit is None else f"of at most {limit:,}"
    return f"Used {format_count(uses, 'time')} {scope}, {limit_text}."


def _format_donor_limit(limit: int | None) -> str:
    frequency = "any number of times" if limit is None else f"at most {format_count(limit, 'time')}"
    return f"Each donor may use it {frequency}."


def get_applicable(
    session: Session, event_id: uuid.UUID, code: str, *, donor_email_key: str, moment: datetime
) -> PromoCode:
    """Return the code if a purchase by this donor at `moment` may use it. Changes nothing. Raises PromoRefused."""
    row, rules = evaluate_rules(session, event_id, code, donor_email_key=donor_email_key, moment=moment)
    for rule in rules:
        if not rule.passed:
            raise PromoRefused(rule.reason, normalize_code(code))
    assert row is not None
    return row


_RESERVE_USE = text("""
    UPDATE promo_codes SET current_uses = current_uses + 1
    WHERE event_id = :event_id AND code = :code AND is_active
      AND (expires_at IS NULL OR expires_at > :moment)
      AND (max_total_uses IS NULL OR current_uses < max_total_uses)
    RETURNING id, discount_type, discount_value, max_uses_per_donor
""")


def reserve_use(
    session: Session, event_id: uuid.UUID, code: str, *, donor_email_key: str, moment: datetime
) -> tuple[uuid.UUID, Discount]:
    """Reserve one use, lock the code until the transaction ends, and return the code's id and discount.

    The UPDATE carries the conditions, so simultaneous buyers cannot exceed the limit. The donor's uses are counted
    under the lock, when no other order with this code can be between counting and using. Raises PromoRefused.
    """
    values = {"event_id": event_id, "code": normalize_code(code), "moment": moment}
    for _ in range(MAX_RESERVE_ATTEMPTS):
        row = session.execute(_RESERVE_USE, values).first()
        if row is not None:
            break
        # Raises the reason, unless the code became usable since the UPDATE: a use was released or a limit raised.
        get_applicable(session, event_id, code, donor_email_key=donor_email_key, moment=moment)
    else:
        raise PromoRefused("used_up", normalize_code(code))
    limit = row.max_uses_per_donor
    if limit is not None and _count_donor_uses(session, event_id, row.id, donor_email_key) >= limit:
        raise PromoRefused("used_up_by_donor", normalize_code(code))
    return row.id, build_discount(row)


def build_discount(row: Any) -> Discount:
    """Return the discount of a PromoCode, or of a row with its `discount_type` and `discount_value`."""
    return Discount(row.discount_type, row.discount_value)


# By donor_id, which is part of the index of a code's uses, so that a sale does not scan all uses of a popular code.
_COUNT_DONOR_USES = text("""
    SELECT count(*) FROM promo_uses
    WHERE promo_code_id = :promo_code_id AND given_back_at IS NULL
      AND donor_id = (SELECT id FROM donors WHERE event_id = :event_id AND email_key = :email_key)
""")


def _count_donor_uses(session: Session, event_id: uuid.UUID, promo_code_id: uuid.UUID, donor_email_key: str) -> int:
    values = {"event_id": event_id, "promo_code_id": promo_code_id, "email_key": donor_email_key}
    uses: int = session.scalars(_COUNT_DONOR_USES, values).one()
    return uses


def _select_total_discount() -> ScalarSelect[Decimal]:
    return (
        select(func.coalesce(func.sum(DailySales.discount), 0))
        .where(
            DailySales.event_id == PromoCode.event_id,
            DailySales.promo_code_id == PromoCode.id,
            DailySales.payment_status == "completed",
        )
        .scalar_subquery()
    )


def list_used(session: Session, rows: Iterable[PromoCode]) -> set[uuid.UUID]:
    """Return the ids of the codes that any order used, also one that was voided since: they cannot be deleted."""
    has_uses = exists().where(PromoUse.promo_code_id == PromoCode.id)
    return set(session.scalars(select(PromoCode.id).where(PromoCode.id.in_([row.id for row in rows]), has_uses)))


def was_used(session: Session, row: PromoCode) -> bool:
    """Return whether any purchase used the code, also one that was voided since, whose discount stays on record."""
    return session.scalars(select(exists().where(Purchase.promo_code_id == row.id))).one()


def _check_limits(session: Session, row: PromoCode, new: dict[str, Any]) -> None:
    if new["max_total_uses"] is not None and new["max_total_uses"] < row.current_uses:
        raise LimitBelowUses(
            "max_total_uses", f"used {format_count(row.current_uses, 'time')} already", row.current_uses
        )
    if new["max_uses_per_donor"] is not None:
        by_donor = (
            select(func.count().label("uses"))
            .where(PromoUse.promo_code_id == row.id, PromoUse.given_back_at.is_(None))
            .group_by(PromoUse.donor_id)
            .subquery()
        )
        max_uses = session.scalar(select(func.max(by_donor.c.uses))) or 0
        if new["max_uses_per_donor"] < max_uses:
            sentence = f"used {format_count(max_uses, 'time')} by one donor already"
            raise LimitBelowUses("max_uses_per_donor", sentence, max_uses)


def _localize_expiry(session: Session, event_id: uuid.UUID, draft: PromoCodeDraft) -> dict[str, Any]:
    """Return the draft's values, with an expiry without offset in the event's time zone."""
    values = draft.model_dump()
    if draft.expires_at is not None and draft.expires_at.tzinfo is None:
        zone = session.scalars(select(Event.time_zone).where(Event.id == event_id)).one()
        values["expires_at"] = draft.expires_at.replace(tzinfo=ZoneInfo(zone))
    return values


def _flush(session: Session, code: str) -> None:
    try:
        session.flush()
    except IntegrityError as broken:
        if constraint_name(broken) == "uq_promo_codes_event_id_code":
            raise DuplicateCode(code) from broken
        raise

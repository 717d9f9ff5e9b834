"""Promo codes: what takes something off a purchase, and how often. Source of every rule: PRODUCT "Promo codes"."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
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
from ticketing.db import constraint_name
from ticketing.errors import (
    PROMO_REFUSALS,
    CodeUsed,
    DuplicateCode,
    LimitBelowUses,
    NotFound,
    PromoRefused,
)
from ticketing.models import Event, PromoCode, PromoUse, Purchase
from ticketing.pricing import Discount
from ticketing.validation import BLANK_AS_NONE, Amount, Draft, Timestamp

EXPIRES_SOON_WINDOW = timedelta(days=7)
_CODE_PATTERN = re.compile(r"[A-Z0-9]{4,20}")


def normalize_code(code: str) -> str:
    """The form in which codes are kept, shown and compared: capitals, no surrounding space."""
    return code.strip().upper()


def _validate_code(code: str) -> str:
    if not _CODE_PATTERN.fullmatch(normalize_code(code)):
        raise ValueError("Use 4 to 20 letters A-Z and digits, without spaces.")
    return normalize_code(code)


class PromoCodeDraft(Draft):
    """`discount_value` is percent (1-100) or USD (1.00-10,000.00); uses are purchases, not seats.

    `expires_at` without an offset is a moment in the event's time zone; None never expires.
    """

    code: Annotated[
        str, AfterValidator(_validate_code), Field(json_schema_extra={"pattern": r"^\s*[A-Za-z0-9]{4,20}\s*$"})
    ]
    discount_type: Literal["percentage", "fixed_amount"]
    discount_value: Amount
    expires_at: Annotated[Timestamp | None, BLANK_AS_NONE] = None
    max_total_uses: Annotated[Annotated[int, Field(ge=1, le=10_000)] | None, BLANK_AS_NONE] = None
    max_uses_per_donor: Annotated[Annotated[int, Field(ge=1, le=100)] | None, BLANK_AS_NONE] = None
    is_active: bool = True

    @field_validator("discount_value")
    @classmethod
    def _validate_discount_value(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        if info.data.get("discount_type") == "percentage" and not 1 <= value <= 100:
            raise ValueError("Enter a percentage from 1 to 100.")
        if info.data.get("discount_type") == "fixed_amount" and not 1 <= value <= 10_000:
            raise ValueError("Enter an amount from 1.00 to 10,000.00.")
        return value


def create(session: Session, actor: Actor, event_id: uuid.UUID, draft: PromoCodeDraft) -> PromoCode:
    """Adds a promo code. Raises DuplicateCode."""
    permissions.require(session, actor, "change", event_id)
    values = _localize_expiry(session, event_id, draft)
    promo_code = PromoCode(event_id=event_id, **values)
    session.add(promo_code)
    _flush(session, draft.code)
    audit.record(
        session,
        actor,
        event_id,
        "promo_code.created",
        promo_code,
        audit.creation_changes(values),
    )
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
    """Changes the given fields of a code the actor saw at `seen_version`; None takes it as it stands now.

    Once a purchase used it, its code, type and value stay as they are (CodeUsed); its limits cannot go below the uses
    so far (LimitBelowUses). Raises StaleVersion, InvalidInput, DuplicateCode.
    """
    permissions.require(session, actor, "change", event_id)
    row = optimistic_locking.get_for_update(session, PromoCode, event_id, promo_code_id, "promo code")
    optimistic_locking.check_version(session, event_id, row, seen_version)
    new = _localize_expiry(session, event_id, optimistic_locking.merge(PromoCodeDraft, row, values))
    changes = audit.changes_between(row, new)
    if {"code", "discount_type", "discount_value"} & {each.field for each in changes} and was_used(session, row):
        raise CodeUsed(row.code, "its code, type and value cannot change. Make another code instead")
    _check_limits(session, row, new)
    flush = partial(_flush, session, new["code"])
    optimistic_locking.apply(session, actor, event_id, "promo_code.changed", row, changes, flush, restores=restores)
    return row


def delete(session: Session, actor: Actor, event_id: uuid.UUID, promo_code_id: uuid.UUID) -> None:
    """Removes a code that no purchase ever used. Raises CodeUsed."""
    permissions.require(session, actor, "change", event_id)
    row = optimistic_locking.get_for_update(session, PromoCode, event_id, promo_code_id, "promo code")
    if was_used(session, row):
        raise CodeUsed(row.code, "it stays in the records. Switch it off instead")
    gone = audit.deletion_changes(row, PromoCodeDraft.model_fields)
    audit.record(session, actor, event_id, "promo_code.deleted", row, gone)
    session.execute(sql_delete(PromoCode).where(PromoCode.id == promo_code_id))


def get(session: Session, actor: Actor, event_id: uuid.UUID, promo_code_id: uuid.UUID) -> tuple[PromoCode, Decimal]:
    """One code and the discount it gave in all (USD). Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    found = session.execute(
        select(PromoCode, _select_total_discount()).where(PromoCode.event_id == event_id, PromoCode.id == promo_code_id)
    ).first()
    if found is None:
        raise NotFound("promo code")
    return found[0], found[1]


def list_page(
    session: Session, actor: Actor, event_id: uuid.UUID, *, page: int = 1, per_page: int = 20
) -> tuple[list[tuple[PromoCode, Decimal]], int]:
    """One page of an event's codes by name, each with the discount it gave in all (USD), and how many there are."""
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
    """Every code of an event in alphabetical order, to choose from."""
    return tuple(list_names(session, actor, event_id).values())


def list_names(session: Session, actor: Actor, event_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """The same by their ids."""
    permissions.require(session, actor, "read", event_id)
    query = select(PromoCode.id, PromoCode.code).where(PromoCode.event_id == event_id).order_by(PromoCode.code)
    return {row.id: row.code for row in session.execute(query)}


def get_state(row: PromoCode, moment: datetime) -> str:
    """How a code stands at `moment`: off, expired, used_up, expires_soon (within a week), never_used or active."""
    if not row.is_active:
        return "off"
    if row.expires_at is not None and row.expires_at <= moment:
        return "expired"
    if row.max_total_uses is not None and row.current_uses >= row.max_total_uses:
        return "used_up"
    if row.expires_at is not None and row.expires_at <= moment + EXPIRES_SOON_WINDOW:
        return "expires_soon"
    return "active" if row.current_uses else "never_used"


@dataclass(frozen=True)
class RuleResult:
    """One rule that a code passes or fails for a donor at a moment; `reason` is the refusal it leads to."""

    reason: str
    passed: bool
    sentence: str


def evaluate_rules(
    session: Session, event_id: uuid.UUID, code: str, *, donor_email_key: str, moment: datetime
) -> tuple[PromoCode | None, list[RuleResult]]:
    """The code and every rule in the order in which a purchase meets them. Changes nothing.

    An unknown code has one rule, which fails. Without a donor the last rule says what the limit is.
    """
    row = None
    if _CODE_PATTERN.fullmatch(normalize_code(code)):
        row = session.scalar(
            select(PromoCode)
            .where(PromoCode.event_id == event_id, PromoCode.code == normalize_code(code))
            .execution_options(populate_existing=True)
        )
    if row is None:
        return None, [RuleResult("unknown", False, PROMO_REFUSALS["unknown"].format(code=normalize_code(code)))]
    zone = ZoneInfo(session.scalars(select(Event.time_zone).where(Event.id == event_id)).one())
    expires = "It never expires."
    if row.expires_at is not None:
        verb = "expires" if row.expires_at > moment else "expired"
        expires = f"It {verb} on {row.expires_at.astimezone(zone):%Y-%m-%d at %H:%M} ({zone.key})."
    by_donor = _count_donor_uses(session, event_id, row.id, donor_email_key)
    return row, [
        RuleResult("unknown", True, f"This event has the promo code {row.code}."),
        RuleResult("inactive", row.is_active, f"It is switched {'on' if row.is_active else 'off'}."),
        RuleResult("expired", row.expires_at is None or row.expires_at > moment, expires),
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


def _format_times(uses: int) -> str:
    return "1 time" if uses == 1 else f"{uses:,} times"


def _format_uses(uses: int, limit: int | None, scope: str) -> str:
    return f"Used {_format_times(uses)} {scope}, " + ("without a limit." if limit is None else f"of at most {limit:,}.")


def _format_donor_limit(limit: int | None) -> str:
    often = "as often as they like" if limit is None else f"at most {_format_times(limit)}"
    return f"Each donor may use it {often}."


def get_applicable(
    session: Session, event_id: uuid.UUID, code: str, *, donor_email_key: str, moment: datetime
) -> PromoCode:
    """The code, if a purchase by this donor at `moment` could use it. Changes nothing. Raises PromoRefused."""
    row, judged = evaluate_rules(session, event_id, code, donor_email_key=donor_email_key, moment=moment)
    for rule in judged:
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
    """Takes one use and holds the row until the transaction ends; answers with the code's id and its discount.

    The conditions travel with the UPDATE, so no number of buyers passes the limit; the donor's uses are counted
    after the row is held, when no other purchase with this code can be between counting and using. Raises PromoRefused.
    """
    taken = session.execute(
        _RESERVE_USE, {"event_id": event_id, "code": normalize_code(code), "moment": moment}
    ).first()
    if taken is None:
        get_applicable(session, event_id, code, donor_email_key=donor_email_key, moment=moment)
        # It became usable between the two statements: a use came back or a limit was raised.
        return reserve_use(session, event_id, code, donor_email_key=donor_email_key, moment=moment)
    most = taken.max_uses_per_donor
    if most is not None and _count_donor_uses(session, event_id, taken.id, donor_email_key) >= most:
        raise PromoRefused("used_up_by_donor", normalize_code(code))
    return taken.id, build_discount(taken)


def build_discount(row: Any) -> Discount:
    """What a code takes off, of a PromoCode or a row with its `discount_type` and `discount_value`."""
    return Discount(row.discount_type, row.discount_value)


_RELEASE_USE = text("""
    WITH back AS (
        UPDATE promo_uses SET given_back_at = :moment WHERE purchase_id = :purchase_id AND given_back_at IS NULL
        RETURNING promo_code_id
    )
    UPDATE promo_codes SET current_uses = current_uses - 1 FROM back WHERE promo_codes.id = back.promo_code_id
""")


def release_use(session: Session, purchase_id: uuid.UUID, moment: datetime) -> None:
    """Returns the use that a purchase took, once; its row stays as history."""
    session.execute(_RELEASE_USE, {"purchase_id": purchase_id, "moment": moment})


# By the donor's id, which the index of a code's uses carries: a popular code is not read through at each sale.
_COUNT_DONOR_USES = text("""
    SELECT count(*) FROM promo_uses
    WHERE promo_code_id = :promo_code_id AND given_back_at IS NULL
      AND donor_id = (SELECT id FROM donors WHERE event_id = :event_id AND email_key = :email_key)
""")


def _count_donor_uses(session: Session, event_id: uuid.UUID, promo_code_id: uuid.UUID, donor_email_key: str) -> int:
    sought = {"event_id": event_id, "promo_code_id": promo_code_id, "email_key": donor_email_key}
    uses: int = session.scalars(_COUNT_DONOR_USES, sought).one()
    return uses


def _select_total_discount() -> ScalarSelect[Decimal]:
    return (
        select(func.coalesce(func.sum(PromoUse.discount), 0))
        .where(PromoUse.promo_code_id == PromoCode.id, PromoUse.given_back_at.is_(None))
        .scalar_subquery()
    )


def was_used(session: Session, row: PromoCode) -> bool:
    """Whether its code, type and value stay as they are. Also when the only purchase was voided since: its discount
    stays on record."""
    return session.scalars(select(exists().where(Purchase.promo_code_id == row.id))).one()


def _check_limits(session: Session, row: PromoCode, new: dict[str, Any]) -> None:
    if new["max_total_uses"] is not None and new["max_total_uses"] < row.current_uses:
        raise LimitBelowUses("max_total_uses", f"used {_format_times(row.current_uses)} already", row.current_uses)
    if new["max_uses_per_donor"] is not None:
        by_donor = (
            select(func.count().label("uses"))
            .where(PromoUse.promo_code_id == row.id, PromoUse.given_back_at.is_(None))
            .group_by(PromoUse.donor_id)
            .subquery()
        )
        most = session.scalar(select(func.max(by_donor.c.uses))) or 0
        if new["max_uses_per_donor"] < most:
            raise LimitBelowUses("max_uses_per_donor", f"used {_format_times(most)} by one donor already", most)


def _localize_expiry(session: Session, event_id: uuid.UUID, draft: PromoCodeDraft) -> dict[str, Any]:
    """The draft's values; an expiry without an offset is a moment in the event's time zone."""
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

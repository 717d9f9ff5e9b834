"""Promo codes: what takes something off a purchase, and how often. Source of every rule: PRODUCT "Promo codes"."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ticketing import accounts, audit
from ticketing.actors import Actor
from ticketing.db import constraint_name
from ticketing.errors import DuplicateCode, PromoRefused
from ticketing.fields import Amount, Draft, Moment, Optionally
from ticketing.models import Donor, Event, PromoCode, PromoUse
from ticketing.pricing import Discount

_CODE = re.compile(r"[A-Z0-9]{4,20}")


def normalised(code: str) -> str:
    """The form in which codes are kept, shown and compared: capitals, no surrounding space."""
    return code.strip().upper()


def _code(code: str) -> str:
    if not _CODE.fullmatch(normalised(code)):
        raise ValueError("Use 4 to 20 letters A-Z and digits, without spaces.")
    return normalised(code)


class PromoCodeDraft(Draft):
    """`discount_value` is percent (1-100) or USD (1.00-10,000.00); uses are purchases, not seats.

    `expires_at` without an offset is a moment in the event's time zone; None never expires.
    """

    code: Annotated[str, AfterValidator(_code)]
    discount_type: Literal["percentage", "fixed_amount"]
    discount_value: Amount
    expires_at: Annotated[Moment | None, Optionally] = None
    max_total_uses: Annotated[Annotated[int, Field(ge=1, le=10_000)] | None, Optionally] = None
    max_uses_per_donor: Annotated[Annotated[int, Field(ge=1, le=100)] | None, Optionally] = None
    is_active: bool = True

    @field_validator("discount_value")
    @classmethod
    def _within_the_range_of_its_type(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        if info.data.get("discount_type") == "percentage" and not 1 <= value <= 100:
            raise ValueError("Enter a percentage from 1 to 100.")
        if info.data.get("discount_type") == "fixed_amount" and not 1 <= value <= 10_000:
            raise ValueError("Enter an amount from 1.00 to 10,000.00.")
        return value


def create(session: Session, actor: Actor, event_id: uuid.UUID, draft: PromoCodeDraft) -> PromoCode:
    """Adds a promo code. Raises DuplicateCode."""
    accounts.require(session, actor, "change", event_id)
    values = draft.model_dump()
    if draft.expires_at is not None and draft.expires_at.tzinfo is None:
        zone = session.scalars(select(Event.time_zone).where(Event.id == event_id)).one()
        values["expires_at"] = draft.expires_at.replace(tzinfo=ZoneInfo(zone))
    promo_code = PromoCode(event_id=event_id, **values)
    session.add(promo_code)
    try:
        session.flush()
    except IntegrityError as broken:
        if constraint_name(broken) == "uq_promo_codes_event_id_code":
            raise DuplicateCode(draft.code) from broken
        raise
    audit.record(
        session,
        actor,
        event_id,
        "promo_code.created",
        promo_code,
        [audit.Change(field, None, value) for field, value in values.items()],
    )
    return promo_code


def list_page(
    session: Session, actor: Actor, event_id: uuid.UUID, *, page: int = 1, per_page: int = 20
) -> tuple[list[tuple[PromoCode, Decimal]], int]:
    """One page of an event's codes by name, each with the discount it gave in all (USD), and how many there are."""
    accounts.require(session, actor, "read", event_id)
    given = (
        select(func.coalesce(func.sum(PromoUse.discount), 0))
        .where(PromoUse.promo_code_id == PromoCode.id, PromoUse.given_back_at.is_(None))
        .scalar_subquery()
    )
    total = session.scalar(select(func.count()).where(PromoCode.event_id == event_id)) or 0
    rows = session.execute(
        select(PromoCode, given)
        .where(PromoCode.event_id == event_id)
        .order_by(PromoCode.code)
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return [(row[0], row[1]) for row in rows], total


def judge(session: Session, event_id: uuid.UUID, code: str, *, donor_email_key: str, moment: datetime) -> PromoCode:
    """The code, if a purchase by this donor at `moment` could use it. Changes nothing. Raises PromoRefused."""
    row = session.scalar(
        select(PromoCode)
        .where(PromoCode.event_id == event_id, PromoCode.code == normalised(code))
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise PromoRefused("unknown", normalised(code))
    if not row.is_active:
        raise PromoRefused("inactive", row.code)
    if row.expires_at is not None and row.expires_at <= moment:
        raise PromoRefused("expired", row.code)
    if row.max_total_uses is not None and row.current_uses >= row.max_total_uses:
        raise PromoRefused("used_up", row.code)
    _judge_donor(session, row.id, row.code, row.max_uses_per_donor, donor_email_key)
    return row


def take(
    session: Session, event_id: uuid.UUID, code: str, *, donor_email_key: str, moment: datetime
) -> tuple[uuid.UUID, Discount]:
    """Takes one use and holds the row until the transaction ends; answers with the code's id and its discount.

    The conditions travel with the UPDATE, so no number of buyers passes the limit; the donor's uses are counted
    after the row is held, when no other purchase with this code can be between counting and using. Raises PromoRefused.
    """
    taken = session.execute(
        update(PromoCode)
        .where(
            PromoCode.event_id == event_id,
            PromoCode.code == normalised(code),
            PromoCode.is_active,
            or_(PromoCode.expires_at.is_(None), PromoCode.expires_at > moment),
            or_(PromoCode.max_total_uses.is_(None), PromoCode.current_uses < PromoCode.max_total_uses),
        )
        .values(current_uses=PromoCode.current_uses + 1)
        .returning(PromoCode.id, PromoCode.discount_type, PromoCode.discount_value, PromoCode.max_uses_per_donor)
        .execution_options(synchronize_session=False)
    ).first()
    if taken is None:
        judge(session, event_id, code, donor_email_key=donor_email_key, moment=moment)
        # It became usable between the two statements: a use came back or a limit was raised.
        return take(session, event_id, code, donor_email_key=donor_email_key, moment=moment)
    _judge_donor(session, taken.id, normalised(code), taken.max_uses_per_donor, donor_email_key)
    return taken.id, Discount(taken.discount_type, taken.discount_value)


def _judge_donor(session: Session, promo_code_id: uuid.UUID, code: str, most: int | None, donor_email_key: str) -> None:
    if most is None:
        return
    used = session.scalar(
        select(func.count())
        .select_from(PromoUse)
        .join(Donor, Donor.id == PromoUse.donor_id)
        .where(
            PromoUse.promo_code_id == promo_code_id,
            PromoUse.given_back_at.is_(None),
            Donor.email_key == donor_email_key,
        )
    )
    if (used or 0) >= most:
        raise PromoRefused("used_up_by_donor", code)

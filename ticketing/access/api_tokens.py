"""API tokens: what a program shows to act for the person who made it."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.access import permissions
from ticketing.access.permissions import hash_secret
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.models import ApiToken, Staff
from ticketing.validation import Draft, Name, Timestamp, email_key


def _validate_future(moment: datetime | None) -> datetime | None:
    if moment is not None and moment <= datetime.now(UTC):
        raise ValueError("Choose a moment that is still to come, or none.")
    return moment


class TokenDraft(Draft):
    """`name` says what the token is for; `expires_at` is a moment with an offset, or None for never."""

    name: Name
    expires_at: Annotated[Timestamp | None, AfterValidator(_validate_future)] = None


def create(session: Session, actor: Actor, draft: TokenDraft, *, email: str) -> str:
    """A new API token of the person with this address: "td_" and a secret, told once, stored hashed.

    It carries its owner's role. People make their own; admins make anybody's. Raises NotFound, NotAllowed.
    """
    permissions.require(session, actor, "read")
    owner = session.scalar(select(Staff).where(Staff.email_key == email_key(email), Staff.is_active))
    permissions.require_own_or_admin(session, actor, owner.id if owner else None)
    if owner is None:
        raise NotFound("account")
    secret = "td_" + secrets.token_urlsafe(32)
    row = ApiToken(staff_id=owner.id, name=draft.name, secret_hash=hash_secret(secret), expires_at=draft.expires_at)
    session.add(row)
    session.flush()
    changes = [audit.Change("owner", None, owner.email), audit.Change("expires_at", None, draft.expires_at)]
    audit.record(session, actor, None, "token.created", row, [change for change in changes if change.new is not None])
    return secret


def list_page(
    session: Session, actor: Actor, *, page: int = 1, per_page: int = 20
) -> tuple[Sequence[tuple[ApiToken, Staff]], int]:
    """One page of tokens with their owners, those that still work first, and how many there are.

    One's own; admins see everybody's.
    """
    permissions.require(session, actor, "read")
    asks = select(Staff.role == "admin").where(Staff.id == actor.staff_id).scalar_subquery()
    mine = select(ApiToken, Staff).join(Staff, Staff.id == ApiToken.staff_id)
    mine = mine.where((ApiToken.staff_id == actor.staff_id) | asks)
    is_over = ApiToken.revoked_at.is_not(None) | func.coalesce(ApiToken.expires_at <= func.now(), False)
    total = session.scalar(select(func.count()).select_from(mine.subquery())) or 0
    rows = session.execute(
        mine.order_by(is_over, ApiToken.id.desc()).limit(per_page).offset((page - 1) * per_page)
    ).all()
    return [(row[0], row[1]) for row in rows], total


def revoke(session: Session, actor: Actor, token_id: uuid.UUID) -> ApiToken:
    """Ends a token for good: its next request is refused. One's own; admins revoke anybody's. Twice is once."""
    row = session.get(ApiToken, token_id)
    permissions.require_own_or_admin(session, actor, row.staff_id if row else None)
    if row is None:
        raise NotFound("token")
    revoked = session.execute(
        update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(ApiToken.revoked_at)
    ).first()
    if revoked is not None:
        audit.record(session, actor, None, "token.revoked", row)
    return row


def revoke_all_unchecked(session: Session, staff_id: uuid.UUID) -> None:
    """For `staff`, which asked who may and writes the trail: no token of the person works any more."""
    session.execute(
        update(ApiToken)
        .where(ApiToken.staff_id == staff_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )

"""API tokens, with which programs act for the person who created them."""

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
from ticketing.models import ApiToken as ApiToken
from ticketing.models import Staff
from ticketing.validation import Draft, Name, Timestamp, email_key


def _validate_future(timestamp: datetime | None) -> datetime | None:
    if timestamp is not None and timestamp.tzinfo is None:
        raise ValueError("Add the offset from UTC, such as -05:00.")
    if timestamp is not None and timestamp <= datetime.now(UTC):
        raise ValueError("Choose a time in the future, or none.")
    return timestamp


class TokenDraft(Draft):
    """A new token. `name` says what it is for; `expires_at` has an offset, or is None for never."""

    name: Name
    expires_at: Annotated[Timestamp | None, AfterValidator(_validate_future)] = None


def create(session: Session, actor: Actor, draft: TokenDraft, *, email: str) -> str:
    """Create a token for the person with this e-mail address, and return it: "td_" and a secret, stored only hashed.

    The token has its owner's role. Users create their own tokens, admins also those of others.
    Raises NotFound when an admin names no active account, NotAllowed when others do.
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
) -> tuple[list[tuple[ApiToken, Staff]], int]:
    """Return one page of tokens with their owners, active ones first, and the total. Admins see those of everyone."""
    permissions.require(session, actor, "read")
    is_admin = select(Staff.role == "admin").where(Staff.id == actor.staff_id).scalar_subquery()
    tokens = select(ApiToken, Staff).join(Staff, Staff.id == ApiToken.staff_id)
    tokens = tokens.where((ApiToken.staff_id == actor.staff_id) | is_admin)
    is_inactive = ApiToken.revoked_at.is_not(None) | func.coalesce(ApiToken.expires_at <= func.now(), False)
    total = session.scalar(select(func.count()).select_from(tokens.subquery())) or 0
    rows = session.execute(
        tokens.order_by(is_inactive, ApiToken.id.desc()).limit(per_page).offset((page - 1) * per_page)
    ).all()
    return [(row[0], row[1]) for row in rows], total


def revoke(session: Session, actor: Actor, token_id: uuid.UUID) -> ApiToken:
    """Revoke a token for good, from its next request on. Revoking it again changes nothing.

    Users revoke their own tokens, admins also those of others. Raises NotFound, NotAllowed.
    """
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


def revoke_all(session: Session, actor: Actor, staff_id: uuid.UUID) -> int:
    """Revoke all tokens of a person with an audit entry each, and return how many. Raises NotAllowed.

    Users revoke their own tokens, admins also those of others.
    """
    permissions.require_own_or_admin(session, actor, staff_id)
    revoked = revoke_all_unchecked(session, staff_id)
    for row in revoked:
        audit.record(session, actor, None, "token.revoked", row)
    return len(revoked)


def revoke_all_unchecked(session: Session, staff_id: uuid.UUID) -> Sequence[ApiToken]:
    """Revoke and return all tokens of a person. Permission check and audit entry are up to the caller."""
    return session.scalars(
        update(ApiToken)
        .where(ApiToken.staff_id == staff_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(ApiToken)
    ).all()

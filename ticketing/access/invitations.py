"""Invitations: a link with which its holder chooses the password of an account, once, within 7 days.

No e-mail is sent: an admin shares the link. It also serves people who forgot their password.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.access import api_tokens, passwords, sessions, sign_in
from ticketing.access.passwords import Password
from ticketing.access.permissions import hash_secret
from ticketing.access.sign_in import SignIn
from ticketing.actors import Actor
from ticketing.errors import LinkRefused
from ticketing.models import Invitation, Staff
from ticketing.validation import Draft

LINK_LIFETIME = timedelta(days=7)


class AcceptDraft(Draft):
    password: Password


def create(session: Session, person: Staff) -> str:
    """Create a link and return its secret; older links are revoked. The caller checks the permission."""
    revoke(session, person.id)
    secret = secrets.token_urlsafe(32)
    session.add(
        Invitation(staff_id=person.id, secret_hash=hash_secret(secret), expires_at=datetime.now(UTC) + LINK_LIFETIME)
    )
    session.flush()
    return secret


def revoke(session: Session, staff_id: uuid.UUID) -> None:
    """Revoke all links of a person."""
    session.execute(
        update(Invitation)
        .where(Invitation.staff_id == staff_id, Invitation.used_at.is_(None), Invitation.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )


def get_account(session: Session, secret: str) -> Staff:
    """Return the account of a link.

    Raises LinkRefused, with the reason, when the link is not valid, and Conflict where passwords are switched off.
    """
    return _get_valid_invitation(session, secret)[1]


def accept(
    session: Session, secret: str, draft: AcceptDraft, *, user_agent: str, previous_secret: str | None = None
) -> SignIn:
    """Set the password, end the account's sessions and open a new one. Raises LinkRefused.

    Where it replaces a password, whoever knew that may have created tokens, so these are revoked too.

    A link works once: a second concurrent use waits for the first and is refused. `previous_secret` is the secret of
    the session that the browser had until now, which is ended.
    """
    invitation, invited = _get_valid_invitation(session, secret)
    password_hash = passwords.hash_password(
        draft.password, email=invited.email
    )  # slow on purpose, so before any row is locked
    person = session.scalars(
        select(Staff)
        .where(Staff.id == invitation.staff_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    session.refresh(invitation)
    _validate_invitation(invitation, person)
    invitation.used_at = datetime.now(UTC)
    is_reset = person.password_hash is not None
    person.password_hash = password_hash
    sessions.end_all_unchecked(session, person.id)
    sign_in.reset_attempts(session, person)
    signed_in = sign_in.open_session(
        session, person, user_agent=user_agent, method="invitation", previous_secret=previous_secret
    )
    new_actor = Actor(person.id, person.name, person.email, person.role, session_id=signed_in.session_id)
    audit.record(session, new_actor, None, "staff.invitation_accepted", person)
    if is_reset:
        api_tokens.revoke_all(session, new_actor, person.id)
    return signed_in


def _get_valid_invitation(session: Session, secret: str) -> tuple[Invitation, Staff]:
    passwords.require_enabled()
    row = session.execute(
        select(Invitation, Staff)
        .join(Staff, Staff.id == Invitation.staff_id)
        .where(Invitation.secret_hash == hash_secret(secret))
    ).first()
    if row is None:
        raise LinkRefused("unknown")
    _validate_invitation(row[0], row[1])
    return row[0], row[1]


def _validate_invitation(invitation: Invitation, person: Staff) -> None:
    if invitation.used_at is not None:
        raise LinkRefused("used")
    if not person.is_active:
        raise LinkRefused("deactivated")
    if invitation.revoked_at is not None:
        raise LinkRefused("revoked")
    if invitation.expires_at <= datetime.now(UTC):
        raise LinkRefused("expired")

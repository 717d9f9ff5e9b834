"""Invitations: a link that lets its holder choose the account's password, once, within 7 days.

No e-mail is sent: an admin hands the link over. It is also the way back in for who forgot the password.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.access import passwords, rate_limits, sessions, sign_in
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
    """A new link's secret, told once; it takes the place of any older one. For `staff`, which asked who may."""
    revoke(session, person.id)
    secret = secrets.token_urlsafe(32)
    session.add(
        Invitation(staff_id=person.id, secret_hash=hash_secret(secret), expires_at=datetime.now(UTC) + LINK_LIFETIME)
    )
    session.flush()
    return secret


def revoke(session: Session, staff_id: uuid.UUID) -> None:
    """No link of this person opens any more."""
    session.execute(
        update(Invitation)
        .where(Invitation.staff_id == staff_id, Invitation.used_at.is_(None), Invitation.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )


def get_account(session: Session, secret: str) -> Staff:
    """Whose password the link chooses. Raises LinkRefused, with the reason."""
    return _get_valid_invitation(session, secret)[1]


def accept(
    session: Session, secret: str, draft: AcceptDraft, *, user_agent: str, previous_secret: str | None = None
) -> SignIn:
    """Gives the account the chosen password, ends its sessions and opens a new one. Raises LinkRefused.

    Once: whoever comes second with the same link waits for the first and is refused.
    """
    invitation, _ = _get_valid_invitation(session, secret)
    password_hash = passwords.hash_password(draft.password)  # slow on purpose, so before anything is held
    person = session.scalars(
        select(Staff)
        .where(Staff.id == invitation.staff_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    session.refresh(invitation)
    _validate_invitation(invitation, person)
    invitation.used_at = datetime.now(UTC)
    person.password_hash = password_hash
    sessions.end_all_unchecked(session, person.id)
    rate_limits.reset(session, rate_limits.SIGN_IN_ATTEMPTS, person.email_key)
    signed_in = sign_in.open_session(
        session, person, user_agent=user_agent, method="invitation", previous_secret=previous_secret
    )
    themselves = Actor(person.id, person.name, person.email, person.role, session_id=signed_in.session_id)
    audit.record(session, themselves, None, "staff.invitation_accepted", person)
    return signed_in


def _get_valid_invitation(session: Session, secret: str) -> tuple[Invitation, Staff]:
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

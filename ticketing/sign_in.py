"""Signing in and out: a browser that proved who is behind it has a session row, and a secret in its cookie."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ticketing import passwords
from ticketing.accounts import hashed
from ticketing.errors import InvalidInput
from ticketing.fields import email_key
from ticketing.models import SignInSession, Staff

SESSION_DAYS = 14


@dataclass(frozen=True)
class SignIn:
    """A browser's signed-in state: the row's id, the person, and the secret that only the cookie carries."""

    session_id: uuid.UUID
    staff_id: uuid.UUID
    secret: str


def sign_in(session: Session, email: str, password: str, *, user_agent: str) -> SignIn:
    """Opens a session of 14 days. Raises InvalidInput, the same for a wrong address and a wrong password."""
    person = session.scalar(select(Staff).where(Staff.email_key == email_key(email)))
    is_right = passwords.is_right(password, person.password_hash if person else None)
    if person is None or not is_right or not person.is_active:
        raise InvalidInput({"password": "This e-mail address and password do not match an account. Check both."})
    return open_session(session, person, user_agent=user_agent)


def open_session(session: Session, person: Staff, *, user_agent: str, method: str = "password") -> SignIn:
    """A new session row for someone whose identity has been proven."""
    secret = secrets.token_urlsafe(32)
    row = SignInSession(
        staff_id=person.id,
        secret_hash=hashed(secret),
        user_agent=user_agent[:200],
        method=method,
        expires_at=datetime.now(UTC) + timedelta(days=SESSION_DAYS),
    )
    session.add(row)
    session.flush()
    return SignIn(row.id, person.id, secret)


def sign_out(session: Session, secret: str) -> None:
    """Ends the session that the secret opened; signing out twice is once."""
    session.execute(
        update(SignInSession)
        .where(SignInSession.secret_hash == hashed(secret), SignInSession.ended_at.is_(None))
        .values(ended_at=func.now())
    )

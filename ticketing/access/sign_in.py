"""Signing in and out, and one's own password: a browser that proved who is behind it has a session row, and a secret
in its cookie."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.access import passwords, permissions, rate_limits, sessions
from ticketing.access.passwords import Password
from ticketing.access.permissions import hash_secret
from ticketing.actors import Actor
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.models import SignInSession, Staff
from ticketing.validation import Draft, email_key

SESSION_DAYS = 14
MAX_EMAIL_KEY_LENGTH = 254


@dataclass(frozen=True)
class SignIn:
    """A browser's signed-in state: the row's id, the person, and the secret that only the cookie carries."""

    session_id: uuid.UUID
    staff_id: uuid.UUID
    secret: str


@dataclass(frozen=True)
class Attempt:
    """One of the tries that an address has, already counted; `count_attempt` gives it out."""

    email_key: str


class PasswordDraft(Draft):
    """A new password of one's own, and the present one as proof."""

    current: Annotated[str, StringConstraints(strip_whitespace=False)]
    password: Password


def count_attempt(session: Session, email: str) -> Attempt:
    """Takes one of the 5 tries that an address has in 15 minutes, whether somebody has it or not. Raises RateLimited.

    In a transaction of its own, committed before the password is looked at: so it stays counted whatever becomes of
    the sign-in, and no number of attempts at once has a sixth password looked at. The right one gives all back.
    """
    attempt = Attempt(email_key(email)[:MAX_EMAIL_KEY_LENGTH])
    rate_limits.consume(session, rate_limits.SIGN_IN_ATTEMPTS, attempt.email_key)
    return attempt


def sign_in(
    session: Session, attempt: Attempt, password: str, *, user_agent: str, previous_secret: str | None = None
) -> SignIn:
    """Opens a session of 14 days. Raises InvalidInput, the same for a wrong address and a wrong password."""
    person = session.scalar(select(Staff).where(Staff.email_key == attempt.email_key))
    is_right = passwords.verify_password(password, person.password_hash if person else None)
    if person is None or not is_right or not person.is_active:
        raise InvalidInput({"password": "This e-mail address and password do not match an account. Check both."})
    rate_limits.reset(session, rate_limits.SIGN_IN_ATTEMPTS, attempt.email_key)
    return open_session(session, person, user_agent=user_agent, previous_secret=previous_secret)


def open_session(
    session: Session, person: Staff, *, user_agent: str, method: str = "password", previous_secret: str | None = None
) -> SignIn:
    """A new session row for someone whose identity has been proven, with a secret that nobody knew before.

    `replaced` is the secret that the same browser had until now: its session ends.
    """
    if previous_secret is not None:
        sessions.end_by_secret(session, previous_secret)
    secret = secrets.token_urlsafe(32)
    row = SignInSession(
        staff_id=person.id,
        secret_hash=hash_secret(secret),
        user_agent=user_agent[:200],
        method=method,
        expires_at=datetime.now(UTC) + timedelta(days=SESSION_DAYS),
    )
    session.add(row)
    session.flush()
    return SignIn(row.id, person.id, secret)


def sign_out(session: Session, secret: str) -> None:
    """Ends the session that the secret opened; signing out twice is once."""
    sessions.end_by_secret(session, secret)


def has_password(session: Session, actor: Actor) -> bool:
    """Whether the person signs in with a password, so that there is one to change."""
    permissions.require(session, actor, "read")
    return session.scalar(select(Staff.password_hash.is_not(None)).where(Staff.id == actor.staff_id)) or False


def count_password_check(session: Session, actor: Actor) -> None:
    """Takes one of the 5 tries that an open page has at the present password, committed first as `count_attempt` is."""
    permissions.require(session, actor, "read")
    rate_limits.consume(session, rate_limits.PASSWORD_CHECKS, str(actor.staff_id))


def change_password(session: Session, actor: Actor, draft: PasswordDraft) -> int:
    """Gives the actor a new password and ends their other sessions; answers how many those were.

    Raises InvalidInput when `current` is not the present one, Conflict when there is none.
    """
    permissions.require(session, actor, "read")
    person = session.get(Staff, actor.staff_id)
    if person is None:
        raise NotFound("account")
    present = person.password_hash
    if present is None:
        raise Conflict("You sign in without a password, so there is none to change.")
    if not passwords.verify_password(draft.current, present):
        raise InvalidInput({"current": "This is not your present password."})
    changed = session.execute(
        update(Staff)
        .where(Staff.id == person.id, Staff.password_hash == present)
        .values(password_hash=passwords.hash_password(draft.password))
        .returning(Staff.id)
    ).first()
    if changed is None:
        raise Conflict("Your password was changed elsewhere meanwhile. Sign in again with the new one.")
    rate_limits.reset(session, rate_limits.PASSWORD_CHECKS, str(person.id))
    audit.record(session, actor, None, "staff.password_changed", person)
    return sessions.end_all_unchecked(session, person.id, except_session_id=actor.session_id)

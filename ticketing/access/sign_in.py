"""Sign-in, sign-out and changing one's password. A signed-in browser has a session row and its secret in a cookie."""

from __future__ import annotations

import ipaddress
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ticketing import audit, settings
from ticketing.access import api_tokens, passwords, permissions, rate_limits, sessions, sign_in_log
from ticketing.access.passwords import Password
from ticketing.access.permissions import hash_secret
from ticketing.access.rate_limits import Limit
from ticketing.actors import Actor
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.models import SignInSession, Staff
from ticketing.validation import Draft, email_key

SESSION_DAYS = 14
MAX_EMAIL_KEY_LENGTH = 254


@dataclass(frozen=True)
class SignIn:
    """A new session: the id of its row, the person, and the secret, which only the cookie contains."""

    session_id: uuid.UUID
    staff_id: uuid.UUID
    secret: str


@dataclass(frozen=True)
class Browser:
    """Where a sign-in attempt comes from: the client's address, and what the signed cookie of earlier sign-ins says.

    `id` is that of the cookie, `accounts` those that were signed in with it; without a cookie both are empty.
    """

    address: str
    id: str = ""
    accounts: frozenset[uuid.UUID] = frozenset()

    @property
    def network(self) -> str:
        """The /24 of an IPv4 address or the /64 of an IPv6 address, which usually belong to one household or office."""
        try:
            address = ipaddress.ip_address(self.address.partition("%")[0])
        except ValueError:
            return "unknown"
        address = getattr(address, "ipv4_mapped", None) or address
        return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False))


@dataclass(frozen=True)
class Attempt:
    """A sign-in attempt that count_attempt() has counted for `caller`."""

    email_key: str
    limit: Limit
    caller: str


class PasswordDraft(Draft):
    """The new password of the actor, and the current one as proof; `revoke_tokens` also revokes their API tokens."""

    current: Annotated[str, StringConstraints(strip_whitespace=False)]
    password: Password
    revoke_tokens: bool = False


@dataclass(frozen=True)
class PasswordChange:
    """How many other sessions were ended, and how many tokens revoked."""

    sessions_ended: int
    tokens_revoked: int


def count_attempt(session: Session, email: str, browser: Browser) -> Attempt:
    """Count one of the sign-in attempts per 15 minutes at an e-mail address, known or not.

    Raises RateLimited, and Conflict where passwords are switched off.

    A browser that signed in to this account before has 10 of its own, all others of a network have 5 together. So
    wrong passwords of strangers never keep the owner out. Commit it before the password is checked: then it stays
    counted when the sign-in fails, and concurrent attempts cannot check more passwords. The right one resets the count.
    """
    passwords.require_enabled()
    key = email_key(email)[:MAX_EMAIL_KEY_LENGTH]
    account_id = session.scalar(select(Staff.id).where(Staff.email_key == key))
    if account_id in browser.accounts:
        attempt = Attempt(key, rate_limits.KNOWN_BROWSER_SIGN_INS, f"{key} {browser.id}")
    else:
        attempt = Attempt(key, rate_limits.STRANGER_SIGN_INS, f"{key} {browser.network}")
    with sign_in_log.log_lock_out("password", account_id):
        rate_limits.consume(session, attempt.limit, attempt.caller)
    return attempt


def reset_attempts(session: Session, person: Staff) -> None:
    """Forget all wrong passwords for an account, as after a new link."""
    for limit in (rate_limits.STRANGER_SIGN_INS, rate_limits.KNOWN_BROWSER_SIGN_INS):
        rate_limits.reset_by_prefix(session, limit, f"{person.email_key} ")


def sign_in(
    session: Session, attempt: Attempt, password: str, *, user_agent: str, previous_secret: str | None = None
) -> SignIn:
    """Open a session of SESSION_DAYS. Raises InvalidInput, the same for an unknown address and a wrong password."""
    person = session.scalar(select(Staff).where(Staff.email_key == attempt.email_key))
    is_right = passwords.verify_password(password, person.password_hash if person else None)
    if person is None or not is_right or not person.is_active:
        reason = "unknown_account" if person is None else "wrong_password" if not is_right else "deactivated"
        sign_in_log.log_failure("password", person.id if person else None, reason=reason)
        raise InvalidInput({"password": "This e-mail address and password do not match an account. Check both."})
    rate_limits.reset(session, attempt.limit, attempt.caller)
    return open_session(session, person, user_agent=user_agent, previous_secret=previous_secret)


def open_session(
    session: Session, person: Staff, *, user_agent: str, method: str = "password", previous_secret: str | None = None
) -> SignIn:
    """Create a session with a new secret for a person whose identity has been proven.

    `previous_secret` is the secret of the session that the browser had until now, which is ended (session fixation).
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
    sign_in_log.log_success(session, person.id, method)
    return SignIn(row.id, person.id, secret)


def sign_out(session: Session, secret: str) -> None:
    """End the session of a cookie's secret; signing out again changes nothing."""
    if (staff_id := sessions.end_by_secret(session, secret)) is not None:
        sign_in_log.log_sign_out(session, staff_id)


def has_password(session: Session, actor: Actor) -> bool:
    """Return whether the actor has a password to change; nobody has where passwords are switched off."""
    permissions.require(session, actor, "read")
    if settings.load().only_provider:
        return False
    return session.scalar(select(Staff.password_hash.is_not(None)).where(Staff.id == actor.staff_id)) or False


def count_password_check(session: Session, actor: Actor) -> None:
    """Count one of the 5 attempts per 15 minutes at the current password. Commit it first, as for count_attempt()."""
    permissions.require(session, actor, "read")
    with sign_in_log.log_lock_out("own_password", actor.staff_id):
        rate_limits.consume(session, rate_limits.PASSWORD_CHECKS, str(actor.staff_id))


def change_password(session: Session, actor: Actor, draft: PasswordDraft) -> PasswordChange:
    """Change the actor's password, end their other sessions and, if asked to, revoke their tokens.

    Raises InvalidInput when `current` is wrong, Conflict when there is no password or it was changed meanwhile.
    """
    permissions.require(session, actor, "read")
    passwords.require_enabled()
    person = session.get(Staff, actor.staff_id)
    if person is None:
        raise NotFound("account")
    current_hash = person.password_hash
    if current_hash is None:
        raise Conflict("You sign in without a password, so there is none to change.")
    if not passwords.verify_password(draft.current, current_hash):
        sign_in_log.log_failure("own_password", person.id, reason="wrong_password")
        raise InvalidInput({"current": "This is not your current password."})
    changed = session.execute(
        update(Staff)
        .where(Staff.id == person.id, Staff.password_hash == current_hash)
        .values(password_hash=passwords.hash_password(draft.password, email=person.email))
        .returning(Staff.id)
    ).first()
    if changed is None:
        raise Conflict("Your password was changed somewhere else. Sign in again with the new one.")
    rate_limits.reset(session, rate_limits.PASSWORD_CHECKS, str(person.id))
    audit.record(session, actor, None, "staff.password_changed", person)
    ended = sessions.end_all_unchecked(session, person.id, except_session_id=actor.session_id)
    return PasswordChange(ended, api_tokens.revoke_all(session, actor, person.id) if draft.revoke_tokens else 0)

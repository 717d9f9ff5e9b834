"""Staff, sign-in, API tokens, and the one answer to "may this person do that here?"."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from pydantic import AfterValidator, StringConstraints
from sqlalchemy import ColumnElement, exists, func, select, text, update
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.actors import Actor
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn
from ticketing.fields import Draft, Email, Name, email_key
from ticketing.models import ApiToken, Event, EventAssignment, SignInSession, Staff

Action = Literal["read", "change", "administer"]

SESSION_DAYS = 14
SAMPLE_VISITOR = "sample.visitor@example.org"
_SEES = {"read": ("admin", "coordinator", "viewer"), "change": ("admin", "coordinator"), "administer": ("admin",)}
_hasher = PasswordHasher()
# Unknown addresses cost as much time as known ones, so nobody can find out who works here.
_NOBODY = _hasher.hash(secrets.token_urlsafe())


def _password(value: str) -> str:
    if len(value) < 10:
        raise ValueError("Use at least 10 characters.")
    return value


Password = Annotated[str, StringConstraints(strip_whitespace=False, max_length=200), AfterValidator(_password)]


class StaffDraft(Draft):
    email: Email
    name: Name
    role: Literal["admin", "coordinator", "viewer"]
    password: Password


@dataclass(frozen=True)
class SignIn:
    """A browser's signed-in state: the row's id, the person, and the secret that only the cookie carries."""

    session_id: uuid.UUID
    staff_id: uuid.UUID
    secret: str


def is_first_run(session: Session) -> bool:
    """Whether nobody but the visitor of the sample gala has an account."""
    return not session.scalar(select(exists().where(Staff.email_key != SAMPLE_VISITOR)))


def add_staff(session: Session, actor: Actor, draft: StaffDraft, *, event_ids: tuple[uuid.UUID, ...] = ()) -> Staff:
    """Makes an account, assigned to `event_ids`. Admins only. Raises Conflict when the address has one already."""
    require(session, actor, "administer")
    return _add(session, actor, draft, event_ids)


def add_first_admin(session: Session, draft: StaffDraft) -> Staff:
    """The first-run screen's account; from then on the sample visitor is out. Raises Conflict when there is one."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("first admin"))))
    if not is_first_run(session):
        raise Conflict("An admin account exists already. Sign in with it.")
    visitor = session.scalar(select(Staff).where(Staff.email_key == SAMPLE_VISITOR))
    if visitor is not None and visitor.is_active:
        visitor.is_active = False
        audit.record(
            session, _first_run(), None, "staff.deactivated", visitor, [audit.Change("is_active", True, False)]
        )
    return _add(session, _first_run(), draft.model_copy(update={"role": "admin"}), ())


def sample_visitor(session: Session) -> Staff:
    """The account without a password under which the sample gala is looked at before anyone has an account."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("first admin"))))
    if not is_first_run(session):
        raise Conflict("An admin account exists already. Sign in with it.")
    visitor = session.scalar(select(Staff).where(Staff.email_key == SAMPLE_VISITOR))
    if visitor is None:
        visitor = Staff(email=SAMPLE_VISITOR, email_key=SAMPLE_VISITOR, name="Sample visitor", role="admin")
        session.add(visitor)
        session.flush()
        audit.record(session, _first_run(), None, "staff.added", visitor, [audit.Change("role", None, "admin")])
    return visitor


def _first_run() -> Actor:
    return Actor(None, "First run", "", "admin", via="app")


def _add(session: Session, actor: Actor, draft: StaffDraft, event_ids: tuple[uuid.UUID, ...]) -> Staff:
    key = email_key(draft.email)
    if session.scalar(select(exists().where(Staff.email_key == key))):
        raise Conflict(f"{draft.email} has an account already.")
    known = set(session.scalars(select(Event.id).where(Event.id.in_(event_ids))))
    if set(event_ids) - known:
        raise NotFound("event")
    person = Staff(
        email=draft.email, email_key=key, name=draft.name, role=draft.role, password_hash=_hasher.hash(draft.password)
    )
    session.add(person)
    session.flush()
    session.add_all(EventAssignment(staff_id=person.id, event_id=event_id) for event_id in event_ids)
    changes = [audit.Change("email", None, draft.email), audit.Change("role", None, draft.role)]
    changes += [audit.Change("event", None, str(event_id)) for event_id in event_ids]
    audit.record(session, actor, None, "staff.added", person, changes)
    return person


def sign_in(session: Session, email: str, password: str, *, user_agent: str) -> SignIn:
    """Opens a session of 14 days. Raises InvalidInput, the same for a wrong address and a wrong password."""
    person = session.scalar(select(Staff).where(Staff.email_key == email_key(email)))
    try:
        _hasher.verify(person.password_hash if person and person.password_hash else _NOBODY, password)
    except Argon2Error:
        person = None
    if person is None or not person.is_active:
        raise InvalidInput({"password": "This e-mail address and password do not match an account. Check both."})
    return open_session(session, person, user_agent=user_agent)


def open_session(session: Session, person: Staff, *, user_agent: str) -> SignIn:
    """A new session row for someone whose identity has been proven."""
    secret = secrets.token_urlsafe(32)
    row = SignInSession(
        staff_id=person.id,
        secret_hash=_hashed(secret),
        user_agent=user_agent[:200],
        expires_at=datetime.now(UTC) + timedelta(days=SESSION_DAYS),
    )
    session.add(row)
    session.flush()
    return SignIn(row.id, person.id, secret)


def sign_out(session: Session, secret: str) -> None:
    """Ends the session that the secret opened; signing out twice is once."""
    session.execute(
        update(SignInSession)
        .where(SignInSession.secret_hash == _hashed(secret), SignInSession.ended_at.is_(None))
        .values(ended_at=func.now())
    )


def find_signed_in(session: Session, secret: str) -> Actor | None:
    """Who the cookie's secret belongs to, or None when that session ended, expired or its person was deactivated."""
    return _signed_in(session, SignInSession.secret_hash == _hashed(secret))


def get_signed_in(session: Session, session_id: uuid.UUID) -> Actor:
    """Who is behind an open page. Raises NotSignedIn."""
    actor = _signed_in(session, SignInSession.id == session_id)
    if actor is None:
        raise NotSignedIn
    return actor


def _signed_in(session: Session, condition: ColumnElement[bool]) -> Actor | None:
    row = session.execute(
        select(Staff, SignInSession.id)
        .join(SignInSession, SignInSession.staff_id == Staff.id)
        .where(condition, Staff.is_active, text(_SESSION_IS_OPEN))
    ).first()
    return None if row is None else Actor(row[0].id, row[0].name, row[0].email, row[0].role, session_id=row[1])


def create_token(session: Session, actor: Actor, *, email: str, name: str) -> str:
    """A new API token of the person with this address: "td_" and a secret, told once, stored hashed.

    It carries its owner's role. People make their own; admins make anybody's. Raises NotFound, NotAllowed.
    """
    owner = session.scalar(select(Staff).where(Staff.email_key == email_key(email), Staff.is_active))
    if owner is None:
        raise NotFound("account")
    if owner.id != actor.staff_id:
        require(session, actor, "administer")
    secret = "td_" + secrets.token_urlsafe(32)
    row = ApiToken(staff_id=owner.id, name=name, secret_hash=_hashed(secret))
    session.add(row)
    session.flush()
    audit.record(session, actor, None, "token.created", row, [audit.Change("owner", None, owner.email)])
    return secret


def find_token(session: Session, secret: str) -> Actor | None:
    """Who a bearer token speaks for, or None when it is unknown, revoked, expired or its owner is deactivated."""
    row = session.execute(
        select(Staff, ApiToken.id)
        .join(ApiToken, ApiToken.staff_id == Staff.id)
        .where(ApiToken.secret_hash == _hashed(secret), Staff.is_active, text(_TOKEN_IS_VALID))
    ).first()
    return None if row is None else Actor(row[0].id, row[0].name, row[0].email, row[0].role, via="api", token_id=row[1])


def may(actor: Actor, action: Action) -> bool:
    """Whether the role allows it, for hiding a button; `require` is what protects."""
    return actor.role in _SEES[action]


_SESSION_IS_OPEN = "sign_in_sessions.ended_at IS NULL AND sign_in_sessions.expires_at > now()"
_TOKEN_IS_VALID = "api_tokens.revoked_at IS NULL AND (api_tokens.expires_at IS NULL OR api_tokens.expires_at > now())"  # noqa: S105
# Text, because every request asks this: building the query anew costs Python more than PostgreSQL needs to answer it.
_STANDING = text(f"""
    SELECT staff.role,
        staff.is_active AND CASE
            WHEN CAST(:token_id AS uuid) IS NOT NULL THEN EXISTS (
                SELECT FROM api_tokens WHERE id = :token_id AND staff_id = staff.id
                    AND {_TOKEN_IS_VALID})
            ELSE EXISTS (
                SELECT FROM sign_in_sessions WHERE id = :session_id AND staff_id = staff.id
                    AND {_SESSION_IS_OPEN})
        END AS is_in,
        EXISTS (SELECT FROM events WHERE id = :event_id) AS event_exists,
        EXISTS (SELECT FROM event_assignments WHERE event_id = :event_id AND staff_id = staff.id) AS is_assigned
    FROM (SELECT) AS always LEFT JOIN staff ON staff.id = :staff_id
""")  # noqa: S608


def require(session: Session, actor: Actor, action: Action, event_id: uuid.UUID | None = None) -> None:
    """Lets `actor` pass, judged by the rows as they are now and not by what a page or token remembered.

    Raises NotSignedIn (session ended, token revoked, deactivated), NotFound (no such event, or not theirs) and
    NotAllowed (the role may not). The operator's command line may do everything. Looked up once a transaction.
    """
    judged = session.info.setdefault("standing", {})
    if (actor, event_id) not in judged:
        judged[actor, event_id] = session.execute(
            _STANDING,
            {
                "staff_id": actor.staff_id,
                "token_id": actor.token_id,
                "session_id": actor.session_id,
                "event_id": event_id,
            },
        ).one()
    seen = judged[actor, event_id]
    if actor.staff_id is not None and not seen.is_in:
        raise NotSignedIn
    role = actor.role if actor.staff_id is None else seen.role
    if event_id is not None and not (seen.event_exists and (role == "admin" or seen.is_assigned)):
        raise NotFound("event")
    if role not in _SEES[action]:
        raise NotAllowed(
            f"You are signed in as {role}. "
            + (
                "Only admins can do this."
                if action == "administer"
                else "Viewers can look at everything and change nothing."
            )
        )


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

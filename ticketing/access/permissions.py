"""Actors of sessions and tokens, and the permission check that every function of the domain starts with."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, func, or_, select, text, update
from sqlalchemy.orm import Session

from ticketing import settings
from ticketing.actors import Actor
from ticketing.errors import NotAllowed, NotFound, NotSignedIn
from ticketing.models import ApiToken, SignInSession, Staff

Action = Literal["read", "change", "administer"]

# The last use is kept this coarse so that most requests write nothing.
SESSION_TOUCH_INTERVAL = timedelta(minutes=5)
TOKEN_TOUCH_INTERVAL = timedelta(minutes=1)

_ROLES_BY_ACTION = {
    "read": ("admin", "coordinator", "viewer"),
    "change": ("admin", "coordinator"),
    "administer": ("admin",),
}


def find_session_actor(session: Session, secret: str) -> Actor | None:
    """Return the actor of a cookie's secret, or None if the session is over or the person is deactivated."""
    return _find_actor_by_session(session, SignInSession.secret_hash == hash_secret(secret))


def get_session_actor(session: Session, session_id: uuid.UUID) -> Actor:
    """Return the actor of an open page's session. Raises NotSignedIn if it ended or the person is deactivated."""
    actor = _find_actor_by_session(session, SignInSession.id == session_id)
    if actor is None:
        raise NotSignedIn
    return actor


def _find_actor_by_session(session: Session, condition: ColumnElement[bool]) -> Actor | None:
    row = session.execute(
        select(Staff, SignInSession.id, _SESSION_TOUCH_IS_DUE)
        .join(SignInSession, SignInSession.staff_id == Staff.id)
        .where(condition, Staff.is_active, text(SESSION_IS_OPEN)),
        get_idle_hours(),
    ).first()
    return None if row is None else _build_actor(row[0], session_id=row[1], needs_last_used_update=row[2])


def get_idle_hours() -> dict[str, int]:
    """Return the parameters of SESSION_IS_OPEN, which needs a row of `staff` beside that of the session."""
    current = settings.load()
    return {"admin_idle_hours": current.admin_idle_hours, "idle_hours": current.idle_hours}


def find_token_actor(session: Session, secret: str) -> Actor | None:
    """Return the actor of a bearer token, or None if it is unknown, revoked, expired or its owner is deactivated."""
    row = session.execute(
        select(Staff, ApiToken.id, _TOKEN_TOUCH_IS_DUE)
        .join(ApiToken, ApiToken.staff_id == Staff.id)
        .where(ApiToken.secret_hash == hash_secret(secret), Staff.is_active, text(_TOKEN_IS_VALID))
    ).first()
    return None if row is None else _build_actor(row[0], via="api", token_id=row[1], needs_last_used_update=row[2])


def _build_actor(person: Staff, **fields: Any) -> Actor:
    return Actor(person.id, person.name, person.email, person.role, **fields)


def touch_last_used(session: Session, actor: Actor) -> None:
    """Update the last use of the actor's session or token, unless another request just did."""
    if actor.session_id is not None:
        session.execute(
            update(SignInSession)
            .where(SignInSession.id == actor.session_id, _SESSION_TOUCH_IS_DUE)
            .values(last_seen_at=func.now())
        )
    if actor.token_id is not None:
        session.execute(
            update(ApiToken).where(ApiToken.id == actor.token_id, _TOKEN_TOUCH_IS_DUE).values(last_used_at=func.now())
        )


def is_allowed(actor: Actor, action: Action) -> bool:
    """Return whether the actor's role allows the action, to hide buttons. Only `require` protects."""
    return actor.role in _ROLES_BY_ACTION[action]


_SESSION_TOUCH_IS_DUE = SignInSession.last_seen_at < func.now() - SESSION_TOUCH_INTERVAL
_TOKEN_TOUCH_IS_DUE = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < func.now() - TOKEN_TOUCH_INTERVAL)
SESSION_IS_OPEN = """
    sign_in_sessions.ended_at IS NULL AND sign_in_sessions.expires_at > now()
    AND sign_in_sessions.last_seen_at > now() - make_interval(
        hours => CASE staff.role WHEN 'admin' THEN :admin_idle_hours ELSE :idle_hours END)
"""
_TOKEN_IS_VALID = "api_tokens.revoked_at IS NULL AND (api_tokens.expires_at IS NULL OR api_tokens.expires_at > now())"  # noqa: S105
# SQL text, because every request runs this: building the query costs Python more than PostgreSQL needs to run it.
#
# A statement that runs once per sale contains this one (ticketing.sales.order_sql) and calls `remember_status`.
ACTOR_STATUS_SQL = f"""
    SELECT staff.role,
        staff.is_active AND CASE
            WHEN CAST(:token_id AS uuid) IS NOT NULL THEN EXISTS (
                SELECT FROM api_tokens WHERE id = :token_id AND staff_id = staff.id
                    AND {_TOKEN_IS_VALID})
            ELSE EXISTS (
                SELECT FROM sign_in_sessions WHERE id = :session_id AND staff_id = staff.id
                    AND {SESSION_IS_OPEN})
        END AS is_in,
        EXISTS (SELECT FROM events WHERE id = :event_id) AS event_exists,
        EXISTS (SELECT FROM event_assignments WHERE event_id = :event_id AND staff_id = staff.id) AS is_assigned
    FROM (SELECT) AS always LEFT JOIN staff ON staff.id = :staff_id
"""  # noqa: S608
_ACTOR_STATUS = text(ACTOR_STATUS_SQL)


def require(session: Session, actor: Actor, action: Action, event_id: uuid.UUID | None = None) -> None:
    """Check that the actor may do this now, by the current rows (docs/product.md, "Access").

    The operator's command line may do everything. The lookup is cached for the transaction.

    Raises:
        NotSignedIn: The session ended, the token was revoked, or the account is deactivated.
        NotFound: There is no such event, or the actor is not assigned to it.
        NotAllowed: The role does not allow the action.
    """
    cache = session.info.setdefault("actor_status", {})
    if (actor, event_id) not in cache:
        status = session.execute(_ACTOR_STATUS, get_status_parameters(actor, event_id)).one()
        remember_status(session, actor, event_id, status)
    status = cache[actor, event_id]
    if actor.staff_id is not None and not status.is_in:
        raise NotSignedIn
    role = actor.role if actor.staff_id is None else status.role
    if event_id is not None and not (status.event_exists and (role == "admin" or status.is_assigned)):
        raise NotFound("event")
    if role not in _ROLES_BY_ACTION[action]:
        raise NotAllowed(
            f"You are signed in as {role}. "
            + (
                "Only admins can do this."
                if action == "administer"
                else "Viewers can see everything and change nothing."
            )
        )


def get_status_parameters(actor: Actor, event_id: uuid.UUID | None) -> dict[str, Any]:
    """Return the parameters of ACTOR_STATUS_SQL."""
    return {
        "staff_id": actor.staff_id,
        "token_id": actor.token_id,
        "session_id": actor.session_id,
        "event_id": event_id,
    } | get_idle_hours()


def remember_status(session: Session, actor: Actor, event_id: uuid.UUID | None, status: Row[Any]) -> None:
    """Let `require` use this row with the columns of ACTOR_STATUS_SQL for the rest of the transaction."""
    session.info.setdefault("actor_status", {})[actor, event_id] = status


def require_still(
    session: Session, actor: Actor, action: Action, event_id: uuid.UUID | None = None, *, until_commit: bool = False
) -> None:
    """Check again in the course of a long transaction. Raises as `require` does.

    With `until_commit` the person's row is locked, so that deactivating the person or changing the role waits for the
    end of the transaction: either it is seen here, or it comes after.
    """
    if until_commit and actor.staff_id is not None:
        session.execute(select(Staff.id).where(Staff.id == actor.staff_id).with_for_update(read=True))
    session.info.get("actor_status", {}).pop((actor, event_id), None)
    require(session, actor, action, event_id)


def require_own_or_admin(session: Session, actor: Actor, staff_id: uuid.UUID | None) -> None:
    """Allow users their own account, admins any account. Raises as `require` does."""
    is_own = actor.staff_id is not None and actor.staff_id == staff_id
    require(session, actor, "read" if is_own else "administer")


def hash_secret(secret: str) -> bytes:
    """Return the hash that is stored instead of a secret. Secrets are random, so SHA-256 needs no salt."""
    return hashlib.sha256(secret.encode()).digest()

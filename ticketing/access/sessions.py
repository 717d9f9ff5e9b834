"""Open sessions: list them and end them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Update, func, select, text, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.access import permissions
from ticketing.access.permissions import hash_secret
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.models import SignInSession, Staff

_IS_OPEN = (SignInSession.ended_at.is_(None), SignInSession.expires_at > func.now())


def list_open(session: Session, actor: Actor, staff_id: uuid.UUID) -> Sequence[SignInSession]:
    """Return a person's open sessions, last used first. Users see their own, admins those of everyone."""
    permissions.require_own_or_admin(session, actor, staff_id)
    latest_first = (SignInSession.last_seen_at.desc(), SignInSession.id.desc())
    return session.scalars(
        select(SignInSession)
        .join(Staff, Staff.id == SignInSession.staff_id)
        .where(SignInSession.staff_id == staff_id, text(permissions.SESSION_IS_OPEN))
        .order_by(*latest_first),
        permissions.get_idle_hours(),
    ).all()


def end(session: Session, actor: Actor, session_id: uuid.UUID) -> None:
    """End a session; ending it again changes nothing. Users end their own, admins any. Raises NotFound, NotAllowed."""
    row = session.get(SignInSession, session_id)
    permissions.require_own_or_admin(session, actor, row.staff_id if row else None)
    if row is None:
        raise NotFound("session")
    if _end_where(session, SignInSession.id == session_id):
        _record(session, actor, row.staff_id, 1)


def end_all(session: Session, actor: Actor, staff_id: uuid.UUID) -> int:
    """End all sessions of a person except the actor's current one, and return how many were ended."""
    permissions.require_own_or_admin(session, actor, staff_id)
    ended = end_all_unchecked(session, staff_id, except_session_id=actor.session_id)
    if ended:
        _record(session, actor, staff_id, ended)
    return ended


def end_all_unchecked(session: Session, staff_id: uuid.UUID, *, except_session_id: uuid.UUID | None = None) -> int:
    """End a person's sessions without permission check or audit entry, which are up to the caller. Return the count."""
    return _end_where(session, SignInSession.staff_id == staff_id, SignInSession.id.is_distinct_from(except_session_id))


def end_by_secret(session: Session, secret: str) -> uuid.UUID | None:
    """End the session of a cookie's secret and return its person; ending it again changes nothing and returns None."""
    is_meant = SignInSession.secret_hash == hash_secret(secret)
    return session.scalar(_end_sessions(is_meant).returning(SignInSession.staff_id))


def _end_where(session: Session, *conditions: Any) -> int:
    ended: CursorResult[Any] = session.execute(_end_sessions(*conditions))  # type: ignore[assignment]
    return ended.rowcount


def _end_sessions(*conditions: Any) -> Update:
    return update(SignInSession).where(*conditions, *_IS_OPEN).values(ended_at=func.now())


def _record(session: Session, actor: Actor, staff_id: uuid.UUID, ended: int) -> None:
    person = session.get_one(Staff, staff_id)
    audit.record(session, actor, None, "staff.sessions_ended", person, [audit.Change("sessions", ended, 0)])

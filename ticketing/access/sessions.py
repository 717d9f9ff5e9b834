"""Open sessions: in which browsers somebody is signed in, and ending them from elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.access import permissions
from ticketing.access.permissions import hashed
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.models import SignInSession, Staff

_IS_OPEN = (SignInSession.ended_at.is_(None), SignInSession.expires_at > func.now())


def list_of(session: Session, actor: Actor, staff_id: uuid.UUID) -> Sequence[SignInSession]:
    """Where a person is signed in, the latest use first. One's own; admins see everybody's."""
    permissions.require_for(session, actor, staff_id)
    latest_first = (SignInSession.last_seen_at.desc(), SignInSession.id.desc())
    return session.scalars(
        select(SignInSession).where(SignInSession.staff_id == staff_id, *_IS_OPEN).order_by(*latest_first)
    ).all()


def end(session: Session, actor: Actor, session_id: uuid.UUID) -> None:
    """Ends one session: it is out at its next click. One's own; admins end anybody's. Ending it twice is once."""
    row = session.get(SignInSession, session_id)
    permissions.require_for(session, actor, row.staff_id if row else None)
    if row is None:
        raise NotFound("session")
    if _close(session, SignInSession.id == session_id):
        _record(session, actor, row.staff_id, 1)


def end_all(session: Session, actor: Actor, staff_id: uuid.UUID) -> int:
    """Ends every session of a person but the one that asks for it, and answers how many those were."""
    permissions.require_for(session, actor, staff_id)
    ended = close_all(session, staff_id, but=actor.session_id)
    if ended:
        _record(session, actor, staff_id, ended)
    return ended


def close_all(session: Session, staff_id: uuid.UUID, *, but: uuid.UUID | None = None) -> int:
    """For functions that asked who may and write the trail: no session of the person is open any more, but this one."""
    return _close(session, SignInSession.staff_id == staff_id, SignInSession.id.is_distinct_from(but))


def close(session: Session, secret: str) -> None:
    """Ends the session that the secret opened; ending it twice is once."""
    _close(session, SignInSession.secret_hash == hashed(secret))


def _close(session: Session, *which: Any) -> int:
    ended: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        update(SignInSession).where(*which, *_IS_OPEN).values(ended_at=func.now())
    )
    return ended.rowcount


def _record(session: Session, actor: Actor, staff_id: uuid.UUID, ended: int) -> None:
    person = session.get_one(Staff, staff_id)
    audit.record(session, actor, None, "staff.sessions_ended", person, [audit.Change("sessions", ended, 0)])

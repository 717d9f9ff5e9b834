"""Look up actors, permissions and rows in transactions of their own."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, select, update

from ticketing import db
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.models import Event


def find_session_actor(secret: str) -> Actor | None:
    """Return the actor of a session cookie's secret, or None."""
    with db.read_session() as session:
        return permissions.find_session_actor(session, secret)


def find_token_actor(secret: str) -> Actor | None:
    """Return the actor of a token, or None."""
    with db.read_session() as session:
        return permissions.find_token_actor(session, secret)


def require(actor: Actor, action: permissions.Action, event: Event | None = None) -> None:
    with db.read_session() as session:
        permissions.require(session, actor, action, event.id if event else None)


def update_row(model: Any, row_id: uuid.UUID, **values: Any) -> None:
    db.write(lambda session: session.execute(update(model).where(model.id == row_id).values(**values)))


def get_row(model: Any, row_id: uuid.UUID) -> Any:
    with db.read_session() as session:
        return session.get(model, row_id)


def count_rows(model: Any, **where: Any) -> int:
    with db.read_session() as session:
        return session.scalar(select(func.count()).select_from(model).filter_by(**where)) or 0

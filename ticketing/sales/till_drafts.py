"""What a person is typing at a till, kept across pages, reloads, sign-outs and restarts until the order is recorded.

Rules: docs/product.md, "Box office". A draft is about one person, event and till, and only that person can read it. It
is no record: it writes no audit entry, and backups leave it out.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import Conflict, NotFound
from ticketing.models import TillDraft

MAX_AGE = timedelta(hours=24)
MAX_CONTENT_BYTES = 150_000  # PostgreSQL writes JSON with blanks, and takes 200,000


class DraftGone(Conflict):
    """The draft was continued on another till, recorded, or deleted."""

    code = "draft_gone"

    def __init__(self) -> None:
        super().__init__("This order was continued or finished on another till.")


@dataclass(frozen=True)
class WaitingDraft:
    """A draft of the same person at another till, that can be continued here."""

    id: uuid.UUID
    begun_at: datetime


def is_storable(content: Mapping[str, Any]) -> bool:
    """Return whether a draft is small enough to be stored."""
    return len(_pack(content).encode()) <= MAX_CONTENT_BYTES


def find(session: Session, actor: Actor, event_id: uuid.UUID, till: str) -> TillDraft | None:
    """Return the actor's draft at this till, unless it is older than MAX_AGE."""
    permissions.require(session, actor, "change", event_id)
    return session.scalar(select(TillDraft).where(*_is_own(actor, event_id), TillDraft.till == till))


def list_waiting(session: Session, actor: Actor, event_id: uuid.UUID, till: str) -> list[WaitingDraft]:
    """Return the actor's drafts at other tills of this event, the one that was changed last first."""
    permissions.require(session, actor, "change", event_id)
    rows = session.execute(
        select(TillDraft.id, TillDraft.begun_at)
        .where(*_is_own(actor, event_id), TillDraft.till != till)
        .order_by(TillDraft.changed_at.desc(), TillDraft.id)
    )
    return [WaitingDraft(row.id, row.begun_at) for row in rows]


def create(
    session: Session, actor: Actor, event_id: uuid.UUID, till: str, draft_id: uuid.UUID, content: Mapping[str, Any]
) -> None:
    """Store a new draft, in place of one that this till had; delete all expired ones. Raises NotFound, NotAllowed."""
    _require_until_commit(session, actor, event_id)
    session.execute(text("DELETE FROM till_drafts WHERE changed_at < now() - :age"), {"age": MAX_AGE})
    session.execute(_REPLACE, _values(actor, event_id, draft_id, content) | {"till": till})


def save(
    session: Session, actor: Actor, event_id: uuid.UUID, till: str, draft_id: uuid.UUID, content: Mapping[str, Any]
) -> None:
    """Store what was typed since. Raises DraftGone when this till no longer has the draft; NotFound, NotAllowed."""
    _require_until_commit(session, actor, event_id)
    values = _values(actor, event_id, draft_id, content) | {"till": till}
    if session.execute(_SAVE, values).first() is None:
        raise DraftGone


def move(session: Session, actor: Actor, event_id: uuid.UUID, till: str, draft_id: uuid.UUID) -> TillDraft:
    """Continue a draft of another till here, in place of one that this till had. Raises DraftGone."""
    _require_until_commit(session, actor, event_id)
    own = _is_own(actor, event_id)
    # Locked first: of two tills that continue the same draft, the second one finds it here and keeps its own.
    draft = session.scalar(select(TillDraft).where(*own, TillDraft.id == draft_id).with_for_update())
    if draft is None:
        raise DraftGone
    session.execute(delete(TillDraft).where(*own, TillDraft.till == till, TillDraft.id != draft_id))
    session.execute(
        update(TillDraft).where(TillDraft.id == draft_id).values(till=till, changed_at=func.now()),
        execution_options={"synchronize_session": False},
    )
    session.refresh(draft)
    return draft


def discard(session: Session, actor: Actor, event_id: uuid.UUID, draft_id: uuid.UUID) -> None:
    """Delete a draft of the actor, as on Start over, or in the transaction that records its order."""
    permissions.require(session, actor, "change", event_id)
    session.execute(
        delete(TillDraft).where(
            TillDraft.id == draft_id, TillDraft.staff_id == actor.staff_id, TillDraft.event_id == event_id
        )
    )


def _require_until_commit(session: Session, actor: Actor, event_id: uuid.UUID) -> None:
    """Check the permission so that a deactivation waits, and then deletes what is stored here."""
    if actor.staff_id is None:
        raise NotFound("account")
    permissions.require_still(session, actor, "change", event_id, until_commit=True)


def _is_own(actor: Actor, event_id: uuid.UUID) -> tuple[Any, ...]:
    return (
        TillDraft.staff_id == actor.staff_id,
        TillDraft.event_id == event_id,
        TillDraft.changed_at > func.now() - MAX_AGE,
    )


def _values(actor: Actor, event_id: uuid.UUID, draft_id: uuid.UUID, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": draft_id, "staff_id": actor.staff_id, "event_id": event_id, "content": _pack(content)}


def _pack(content: Mapping[str, Any]) -> str:
    return json.dumps(_remove_unstorable(content), ensure_ascii=False)


def _remove_unstorable(value: Any) -> Any:
    """Return a JSON value without NUL and halves of surrogate pairs, which PostgreSQL cannot store."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "ignore").decode()
    if isinstance(value, Mapping):
        return {_remove_unstorable(name): _remove_unstorable(each) for name, each in value.items()}
    return [_remove_unstorable(each) for each in value] if isinstance(value, list | tuple) else value


_REPLACE = text("""
    INSERT INTO till_drafts (id, staff_id, event_id, till, content)
    VALUES (:id, :staff_id, :event_id, :till, CAST(:content AS jsonb))
    ON CONFLICT (staff_id, event_id, till) DO UPDATE
    SET id = excluded.id, content = excluded.content, begun_at = now(), changed_at = now()
""")
_SAVE = text("""
    UPDATE till_drafts SET content = CAST(:content AS jsonb), changed_at = now()
    WHERE id = :id AND staff_id = :staff_id AND event_id = :event_id AND till = :till
    RETURNING id
""")

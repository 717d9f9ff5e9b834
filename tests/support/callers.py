"""Every kind of caller of an event: roles, the coordinator of another event, revoked and anonymous callers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, update

from tests.support import make
from ticketing import db
from ticketing.actors import Actor
from ticketing.models import ApiToken, Event, SignInSession, Staff

EVENT_ROLES = ("viewer", "coordinator", "admin")
OTHER_EVENT_COORDINATOR = "coordinator of another event"
# How a coordinator of the event lost access after signing in and creating a token.
REVOKED_CALLERS: dict[str, Callable[[Actor], list[Any]]] = {
    "deactivated": lambda actor: [update(Staff).where(Staff.id == actor.staff_id).values(is_active=False)],
    "with an expired token or session": lambda actor: [
        update(model).where(model.staff_id == actor.staff_id).values(expires_at=func.now())
        for model in (ApiToken, SignInSession)
    ],
    "with a revoked token or an ended session": lambda actor: [
        update(ApiToken).where(ApiToken.staff_id == actor.staff_id).values(revoked_at=func.now()),
        update(SignInSession).where(SignInSession.staff_id == actor.staff_id).values(ended_at=func.now()),
    ],
}
ANONYMOUS = "anonymous"
UNAUTHENTICATED_CALLERS = (ANONYMOUS, *REVOKED_CALLERS)
ALL_CALLERS = (*EVENT_ROLES, OTHER_EVENT_COORDINATOR, *UNAUTHENTICATED_CALLERS)


@dataclass(frozen=True)
class Caller:
    """One of ALL_CALLERS. Actor and token are None for the anonymous one."""

    actor: Actor | None
    token: str | None


def create_callers(event: Event) -> dict[str, Caller]:
    """Create one caller of each kind; revoke_callers() then takes access from the revoked ones."""
    other_event = make.event(name="Another gala")
    actors = {"admin": make.staff("admin", name="Ada Admin", password=make.PASSWORD)}
    actors |= {role: make.staff(role, event, password=make.PASSWORD) for role in ("viewer", "coordinator")}
    actors[OTHER_EVENT_COORDINATOR] = make.staff("coordinator", other_event, password=make.PASSWORD)
    actors |= {kind: make.staff("coordinator", event, password=make.PASSWORD) for kind in REVOKED_CALLERS}
    return {kind: Caller(actor, make.token(actor)) for kind, actor in actors.items()} | {ANONYMOUS: Caller(None, None)}


def revoke_callers(callers: dict[str, Caller]) -> None:
    for kind, statements in REVOKED_CALLERS.items():
        actor = callers[kind].actor
        assert actor is not None
        for statement in statements(actor):
            db.write(lambda session, statement=statement: session.execute(statement))

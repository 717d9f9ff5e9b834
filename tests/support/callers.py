"""Everybody who may come to an event's door: who belongs there, who belongs elsewhere, and who did once."""

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
# What was done to a coordinator of the event after they signed in and made a token.
REVOKED_CALLERS: dict[str, Callable[[Actor], list[Any]]] = {
    "deactivated": lambda who: [update(Staff).where(Staff.id == who.staff_id).values(is_active=False)],
    "with an expired token or session": lambda who: [
        update(model).where(model.staff_id == who.staff_id).values(expires_at=func.now())
        for model in (ApiToken, SignInSession)
    ],
    "with a revoked token or an ended session": lambda who: [
        update(ApiToken).where(ApiToken.staff_id == who.staff_id).values(revoked_at=func.now()),
        update(SignInSession).where(SignInSession.staff_id == who.staff_id).values(ended_at=func.now()),
    ],
}
ANONYMOUS = "anonymous"
UNAUTHENTICATED_CALLERS = (ANONYMOUS, *REVOKED_CALLERS)
ALL_CALLERS = (*EVENT_ROLES, OTHER_EVENT_COORDINATOR, *UNAUTHENTICATED_CALLERS)


@dataclass(frozen=True)
class Caller:
    """One of EVERYONE: an Actor, a token, and a password as long as they are here."""

    actor: Actor | None
    token: str | None


def create_callers(event: Event) -> dict[str, Caller]:
    """One of each around this event, those who are gone not gone yet."""
    elsewhere = make.event(name="Another gala")
    made = {"admin": make.staff("admin", name="Ada Admin", password=make.PASSWORD)}
    made |= {role: make.staff(role, event, password=make.PASSWORD) for role in ("viewer", "coordinator")}
    made[OTHER_EVENT_COORDINATOR] = make.staff("coordinator", elsewhere, password=make.PASSWORD)
    made |= {gone: make.staff("coordinator", event, password=make.PASSWORD) for gone in REVOKED_CALLERS}
    return {who: Caller(actor, make.token(actor)) for who, actor in made.items()} | {ANONYMOUS: Caller(None, None)}


def revoke_callers(people: dict[str, Caller]) -> None:
    for who, statements in REVOKED_CALLERS.items():
        actor = people[who].actor
        assert actor is not None
        for statement in statements(actor):
            db.write(lambda session, statement=statement: session.execute(statement))

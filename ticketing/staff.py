"""Who works here: accounts, made by the first run, an admin, or the operator."""

from __future__ import annotations

import uuid
from typing import Literal

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from ticketing import accounts, audit, passwords
from ticketing.actors import Actor
from ticketing.errors import Conflict, NotFound
from ticketing.fields import Draft, Email, Name, email_key
from ticketing.models import Event, EventAssignment, Staff
from ticketing.passwords import Password

SAMPLE_VISITOR = "sample.visitor@example.org"


class StaffDraft(Draft):
    email: Email
    name: Name
    role: Literal["admin", "coordinator", "viewer"]
    password: Password


def is_first_run(session: Session) -> bool:
    """Whether nobody but the visitor of the sample gala has an account."""
    return not session.scalar(select(exists().where(Staff.email_key != SAMPLE_VISITOR)))


def add(session: Session, actor: Actor, draft: StaffDraft, *, event_ids: tuple[uuid.UUID, ...] = ()) -> Staff:
    """Makes an account, assigned to `event_ids`. Admins only. Raises Conflict when the address has one already."""
    accounts.require(session, actor, "administer")
    return _add(session, actor, draft, event_ids)


def add_first_admin(session: Session, draft: StaffDraft) -> Staff:
    """The first-run screen's account; from then on the sample visitor is out. Raises Conflict when there is one."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("first admin"))))
    if not is_first_run(session):
        raise Conflict("An admin account exists already. Sign in with it.")
    end_sample_visit(session)
    return _add(session, _first_run(), draft.model_copy(update={"role": "admin"}), ())


def end_sample_visit(session: Session) -> None:
    """Once somebody has an account, nobody is here without one."""
    visitor = session.scalar(select(Staff).where(Staff.email_key == SAMPLE_VISITOR))
    if visitor is not None and visitor.is_active:
        visitor.is_active = False
        audit.record(
            session, _first_run(), None, "staff.deactivated", visitor, [audit.Change("is_active", True, False)]
        )


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
        email=draft.email,
        email_key=key,
        name=draft.name,
        role=draft.role,
        password_hash=passwords.hashed(draft.password),
    )
    session.add(person)
    session.flush()
    session.add_all(EventAssignment(staff_id=person.id, event_id=event_id) for event_id in event_ids)
    changes = [audit.Change("email", None, draft.email), audit.Change("role", None, draft.role)]
    changes += [audit.Change("event", None, str(event_id)) for event_id in event_ids]
    audit.record(session, actor, None, "staff.added", person, changes)
    return person

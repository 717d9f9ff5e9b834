"""Who works here: accounts, made by the first run, an admin, or the operator; their roles, events, and ends."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import delete, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import audit, optimistic_locking
from ticketing.access import api_tokens, invitations, passwords, permissions, sessions
from ticketing.access.passwords import Password
from ticketing.actors import Actor
from ticketing.db import constraint_name
from ticketing.errors import Conflict, DuplicateAccount, LastAdmin, NotFound
from ticketing.models import Event, EventAssignment, Invitation, SignInSession, Staff
from ticketing.validation import Draft, Email, Name, email_key

SAMPLE_VISITOR_EMAIL = "sample.visitor@example.org"


class StaffChange(Draft):
    """What an admin may change of a person. The address stays: it is whom the account belongs to."""

    name: Name
    role: Literal["admin", "coordinator", "viewer"]


class InvitationDraft(StaffChange):
    email: Email


class StaffDraft(InvitationDraft):
    password: Password


@dataclass(frozen=True)
class StaffDetails:
    """Somebody with an account: their events by id, the last use of a session, and until when an open link is valid."""

    row: Staff
    events: Mapping[uuid.UUID, str]
    last_seen_at: datetime | None
    link_expires_at: datetime | None

    @property
    def state(self) -> Literal["deactivated", "active", "invited", "link_expired"]:
        if not self.row.is_active:
            return "deactivated"
        if can_sign_in(self.row) or self.last_seen_at is not None:
            return "active"
        return "invited" if self.link_expires_at and self.link_expires_at > datetime.now(UTC) else "link_expired"


def is_first_run(session: Session) -> bool:
    """Whether nobody but the visitor of the sample gala has an account."""
    return not session.scalar(select(exists().where(Staff.email_key != SAMPLE_VISITOR_EMAIL)))


def can_sign_in(person: Staff) -> bool:
    """Whether they have a way in of their own: not so while an invitation waits."""
    return person.password_hash is not None or person.openid_subject is not None


def list_page(
    session: Session, actor: Actor, *, search: str = "", page: int = 1, per_page: int = 20
) -> tuple[list[StaffDetails], int]:
    """One page of everybody whose name or address has every word of `search`, and how many they are. Admins only.

    Accents and case do not matter. In the order of names, the deactivated last.
    """
    permissions.require(session, actor, "administer")
    key = func.search_key(Staff.name + " " + Staff.email)
    found = select(Staff).where(*(func.strpos(key, func.search_key(word)) > 0 for word in search.split()))
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    in_order = found.order_by(Staff.is_active.desc(), func.search_key(Staff.name), Staff.id)
    rows = session.scalars(in_order.limit(per_page).offset((page - 1) * per_page)).all()
    return _load_details(session, rows), total


def get(session: Session, actor: Actor, person_id: uuid.UUID) -> StaffDetails:
    """One person. Admins only. Raises NotFound."""
    permissions.require(session, actor, "administer")
    row = session.get(Staff, person_id)
    if row is None:
        raise NotFound("account")
    return _load_details(session, [row])[0]


def create(session: Session, actor: Actor, draft: StaffDraft, *, event_ids: tuple[uuid.UUID, ...] = ()) -> Staff:
    """Makes an account with a password, assigned to `event_ids`. Admins only. Raises DuplicateAccount."""
    permissions.require(session, actor, "administer")
    return _create(session, actor, "staff.added", draft, passwords.hash_password(draft.password), event_ids)


def invite(
    session: Session, actor: Actor, draft: InvitationDraft, *, event_ids: Collection[uuid.UUID] = ()
) -> tuple[Staff, str]:
    """Makes an account without a password, and the secret of the link by which its owner chooses one: told once.

    Admins only. Raises DuplicateAccount.
    """
    permissions.require(session, actor, "administer")
    if actor.staff_id is not None and is_first_run(session):
        raise Conflict("The sample gala is open to everybody. Sign out and make the first admin account, then invite.")
    person = _create(session, actor, "staff.invited", draft, None, event_ids)
    return person, invitations.create(session, person)


def create_invitation_link(session: Session, actor: Actor, person_id: uuid.UUID) -> tuple[Staff, str]:
    """A new link for who lost theirs or forgot the password; older ones open nothing any more. Admins only.

    The present password stays until the link is used.
    """
    permissions.require(session, actor, "administer")
    person = _get_for_update(session, person_id)
    if not person.is_active:
        raise Conflict(f"{person.name} is deactivated. Activate the account first.")
    secret = invitations.create(session, person)
    audit.record(session, actor, None, "staff.link_made", person)
    return person, secret


def update(
    session: Session,
    actor: Actor,
    person_id: uuid.UUID,
    values: Mapping[str, Any],
    *,
    seen_version: int | None,
    assign: Collection[uuid.UUID] = (),
    unassign: Collection[uuid.UUID] = (),
) -> Staff:
    """Changes name and role of a person the actor saw at `seen_version`, and the events they are assigned to.

    Events are given and taken one by one, so that two admins who assign different ones do not meet. Admins only.
    Raises StaleVersion, InvalidInput, LastAdmin.
    """
    permissions.require(session, actor, "administer")
    admins = _list_admins_for_update(session, actor) if "role" in values else []
    person = _get_for_update(session, person_id)
    optimistic_locking.check_version(session, None, person, seen_version)
    draft = optimistic_locking.merge(StaffChange, person, values)
    if draft.role != "admin":
        _require_another_admin(admins, person)
    changes = audit.changes_between(person, draft.model_dump())
    change_id = uuid7()
    optimistic_locking.apply(session, actor, None, "staff.changed", person, changes, change_id=change_id)
    _assign(session, actor, person, assign, change_id)
    _unassign(session, actor, person, unassign, change_id)
    return person


def deactivate(session: Session, actor: Actor, person_id: uuid.UUID) -> Staff:
    """Puts a person out at their next click: sessions, tokens and links end for good. Admins only, and not oneself.

    What they did stays under their name. Doing it twice is once. Raises Conflict, LastAdmin.
    """
    permissions.require(session, actor, "administer")
    if person_id == actor.staff_id:
        raise Conflict("You cannot deactivate yourself. Ask another admin.")
    admins = _list_admins_for_update(session, actor)
    person = _get_for_update(session, person_id)
    if person.is_active:
        _require_another_admin(admins, person)
        _revoke_access(session, person)
        gone = [audit.Change("is_active", True, False)]
        optimistic_locking.apply(session, actor, None, "staff.deactivated", person, gone)
    return person


def activate(session: Session, actor: Actor, person_id: uuid.UUID) -> Staff:
    """Lets a person sign in again, with the password they had or by a new link. Admins only.

    No session, token or link of before works again.
    """
    permissions.require(session, actor, "administer")
    person = _get_for_update(session, person_id)
    if not person.is_active:
        _revoke_access(session, person)  # what began while they were put out may have been opened after it
        optimistic_locking.apply(
            session, actor, None, "staff.activated", person, [audit.Change("is_active", False, True)]
        )
    return person


def create_first_admin(session: Session, draft: StaffDraft) -> Staff:
    """The first-run screen's account; from then on the sample visitor is out. Raises Conflict when there is one."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("first admin"))))
    if not is_first_run(session):
        raise Conflict("An admin account exists already. Sign in with it.")
    first = draft.model_copy(update={"role": "admin"})
    return _create(session, _first_run_actor(), "staff.added", first, passwords.hash_password(draft.password), ())


def get_or_create_sample_visitor(session: Session) -> Staff:
    """The account without a password under which the sample gala is looked at before anyone has an account."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("first admin"))))
    if not is_first_run(session):
        raise Conflict("An admin account exists already. Sign in with it.")
    visitor = session.scalar(select(Staff).where(Staff.email_key == SAMPLE_VISITOR_EMAIL))
    if visitor is None:
        visitor = Staff(email=SAMPLE_VISITOR_EMAIL, email_key=SAMPLE_VISITOR_EMAIL, name="Sample visitor", role="admin")
        session.add(visitor)
        session.flush()
        audit.record(session, _first_run_actor(), None, "staff.added", visitor, [audit.Change("role", None, "admin")])
    return visitor


def _first_run_actor() -> Actor:
    return Actor(None, "First run", "", "admin", via="app")


def _create(
    session: Session,
    actor: Actor,
    action: str,
    draft: InvitationDraft,
    password_hash: str | None,
    event_ids: Collection[uuid.UUID],
) -> Staff:
    key = email_key(draft.email)
    if session.scalar(select(exists().where(Staff.email_key == key))):
        raise DuplicateAccount(draft.email)
    person = Staff(
        email=draft.email, email_key=key, name=draft.name, role=draft.role, password_hash=password_hash, version=1
    )
    session.add(person)
    try:
        session.flush()
    except IntegrityError as broken:
        if constraint_name(broken) == "uq_staff_email_key":
            raise DuplicateAccount(draft.email) from broken
        raise
    changes = [audit.Change(field, None, getattr(draft, field)) for field in ("email", "role")]
    change_id = uuid7()
    audit.record(session, actor, None, action, person, changes, change_id)
    _assign(session, actor, person, event_ids, change_id)
    deactivate_sample_visitor(session)
    return person


def deactivate_sample_visitor(session: Session) -> None:
    """Whoever looks at the sample gala without an account is out as soon as somebody has one."""
    visitor = session.scalar(select(Staff).where(Staff.email_key == SAMPLE_VISITOR_EMAIL, Staff.is_active))
    if visitor is not None:
        _revoke_access(session, visitor)
        gone = [audit.Change("is_active", True, False)]
        optimistic_locking.apply(session, _first_run_actor(), None, "staff.deactivated", visitor, gone)


def _revoke_access(session: Session, person: Staff) -> None:
    sessions.end_all_unchecked(session, person.id)
    api_tokens.revoke_all_unchecked(session, person.id)
    invitations.revoke(session, person.id)


def _get_for_update(session: Session, person_id: uuid.UUID) -> Staff:
    """The person as they stand, whom nobody else can change until the transaction ends."""
    person = session.scalar(
        select(Staff)
        .where(Staff.id == person_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if person is None:
        raise NotFound("account")
    return person


def _list_admins_for_update(session: Session, actor: Actor) -> Sequence[Staff]:
    """Every admin there is now, held in one order, so that two who put each other out do it one after the other.

    The actor is judged again then: the second of them is none any more. Raises NotSignedIn, NotAllowed.
    """
    admins = session.scalars(
        select(Staff)
        .where(Staff.role == "admin", Staff.is_active)
        .order_by(Staff.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    session.info.pop("standing", None)
    permissions.require(session, actor, "administer")
    return admins


def _require_another_admin(admins: Sequence[Staff], person: Staff) -> None:
    """Somebody must be able to come in and administer when `person` no longer does."""
    is_admin = person.is_active and person.role == "admin"
    if is_admin and not any(can_sign_in(admin) for admin in admins if admin.id != person.id):
        raise LastAdmin(person.name)


def _assign(
    session: Session, actor: Actor, person: Staff, event_ids: Collection[uuid.UUID], change_id: uuid.UUID
) -> None:
    known = set(session.scalars(select(Event.id).where(Event.id.in_(event_ids))))
    if set(event_ids) - known:
        raise NotFound("event")
    has = set(session.scalars(select(EventAssignment.event_id).where(EventAssignment.staff_id == person.id)))
    for event_id in sorted(known - has):
        session.merge(EventAssignment(staff_id=person.id, event_id=event_id))
        audit.record(session, actor, event_id, "staff.assigned", person, change_id=change_id)
    session.flush()


def _unassign(
    session: Session, actor: Actor, person: Staff, event_ids: Collection[uuid.UUID], change_id: uuid.UUID
) -> None:
    gone = session.scalars(
        delete(EventAssignment)
        .where(EventAssignment.staff_id == person.id, EventAssignment.event_id.in_(event_ids))
        .returning(EventAssignment.event_id)
    ).all()
    for event_id in sorted(gone):
        audit.record(session, actor, event_id, "staff.unassigned", person, change_id=change_id)


def _load_details(session: Session, rows: Sequence[Staff]) -> list[StaffDetails]:
    ids = [row.id for row in rows]
    events: dict[uuid.UUID, dict[uuid.UUID, str]] = {each: {} for each in ids}
    for staff_id, event_id, name in session.execute(
        select(EventAssignment.staff_id, Event.id, Event.name)
        .join(Event, Event.id == EventAssignment.event_id)
        .where(EventAssignment.staff_id.in_(ids))
        .order_by(Event.starts_at.desc(), Event.id.desc())
    ):
        events[staff_id][event_id] = name
    seen = dict(_list_latest_by_staff(session, SignInSession.staff_id, func.max(SignInSession.last_seen_at), ids))
    is_open = (Invitation.used_at.is_(None), Invitation.revoked_at.is_(None))
    links = dict(_list_latest_by_staff(session, Invitation.staff_id, func.max(Invitation.expires_at), ids, *is_open))
    return [StaffDetails(row, events[row.id], seen.get(row.id), links.get(row.id)) for row in rows]


def _list_latest_by_staff(
    session: Session, staff_id: Any, timestamp: Any, ids: list[uuid.UUID], *conditions: Any
) -> list[tuple[uuid.UUID, datetime]]:
    found = session.execute(select(staff_id, timestamp).where(staff_id.in_(ids), *conditions).group_by(staff_id))
    return [(row[0], row[1]) for row in found]

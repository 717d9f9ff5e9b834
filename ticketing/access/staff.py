"""Staff accounts: create, invite, edit, deactivate and activate; roles and event assignments."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import delete, exists, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import audit, optimistic_locking
from ticketing.access import api_tokens, invitations, passwords, permissions, sessions
from ticketing.access.passwords import Password
from ticketing.actors import Actor
from ticketing.db import constraint_name
from ticketing.errors import Conflict, DuplicateAccount, LastAdmin, NotFound
from ticketing.models import Event, EventAssignment, Invitation, SignInSession, TillDraft
from ticketing.models import Staff as Staff
from ticketing.validation import Draft, Email, Name, email_key

SAMPLE_VISITOR_EMAIL = "sample.visitor@example.org"


class StaffChange(Draft):
    """What an admin may change. The e-mail address stays, since it says whose account it is."""

    name: Name
    role: Literal["admin", "coordinator", "viewer"]


class InvitationDraft(StaffChange):
    email: Email


class StaffDraft(InvitationDraft):
    password: Password


@dataclass(frozen=True)
class StaffDetails:
    """An account with the names of its events by id, its last use, and when an open invitation link expires."""

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
    """Return whether there is no account except the sample visitor."""
    return not session.scalar(select(exists().where(Staff.email_key != SAMPLE_VISITOR_EMAIL)))


def can_sign_in(person: Staff) -> bool:
    """Return whether the person has a password or an OpenID identity, which an open invitation is not."""
    return person.password_hash is not None or person.openid_subject is not None


def list_page(
    session: Session, actor: Actor, *, search: str = "", page: int = 1, per_page: int = 20
) -> tuple[list[StaffDetails], int]:
    """Return one page of accounts whose name or e-mail has every word of `search`, and the total. Admins only.

    Accents and case do not matter. Ordered by name, deactivated accounts last.
    """
    permissions.require(session, actor, "administer")
    key = func.search_key(Staff.name + " " + Staff.email)
    matches = select(Staff).where(*(func.strpos(key, func.search_key(word)) > 0 for word in search.split()))
    total = session.scalar(select(func.count()).select_from(matches.subquery())) or 0
    ordered = matches.order_by(Staff.is_active.desc(), func.search_key(Staff.name), Staff.id)
    rows = session.scalars(ordered.limit(per_page).offset((page - 1) * per_page)).all()
    return _load_details(session, rows), total


def get(session: Session, actor: Actor, person_id: uuid.UUID) -> StaffDetails:
    """Return one account. Admins only. Raises NotFound."""
    permissions.require(session, actor, "administer")
    row = session.get(Staff, person_id)
    if row is None:
        raise NotFound("account")
    return _load_details(session, [row])[0]


def create(session: Session, actor: Actor, draft: StaffDraft, *, event_ids: tuple[uuid.UUID, ...] = ()) -> Staff:
    """Create an account with a password, assigned to `event_ids`. Admins only. Raises DuplicateAccount, NotFound."""
    permissions.require(session, actor, "administer")
    return _create(
        session, actor, "staff.added", draft, passwords.hash_password(draft.password, email=draft.email), event_ids
    )


def invite(
    session: Session, actor: Actor, draft: InvitationDraft, *, event_ids: Collection[uuid.UUID] = ()
) -> tuple[Staff, str]:
    """Create an account without a password, and return it with the secret of its invitation link.

    Admins only. Raises DuplicateAccount, NotFound, and Conflict while only the sample visitor has an account.
    """
    permissions.require(session, actor, "administer")
    if actor.staff_id is not None and is_first_run(session):
        raise Conflict(
            "The sample gala is open to everyone. Sign out and create your admin account, then invite people."
        )
    person = _create(session, actor, "staff.invited", draft, None, event_ids)
    return person, invitations.create(session, person)


def create_invitation_link(session: Session, actor: Actor, person_id: uuid.UUID) -> tuple[Staff, str]:
    """Create an invitation link for an existing account, and return the account and the link's secret. Admins only.

    Older links are revoked; the current password works until the link is used.
    Raises Conflict if deactivated, and where passwords are switched off.
    """
    permissions.require(session, actor, "administer")
    passwords.require_enabled()
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
    """Change name and role of an account that the actor saw at `seen_version`, and its event assignments.

    Assignments are single additions and removals, so that two admins who assign different events do not conflict.
    Admins only. Raises StaleVersion, InvalidInput, LastAdmin, NotFound.
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
    session.flush()
    session.execute(_DELETE_DRAFTS_WITHOUT_ACCESS, {"staff_id": person.id})
    return person


# Drafts of orders hold data of donors, which the person may no longer see or sell to.
_DELETE_DRAFTS_WITHOUT_ACCESS = text("""
    DELETE FROM till_drafts USING staff
    WHERE staff.id = :staff_id AND till_drafts.staff_id = staff.id AND NOT (
        staff.is_active AND (staff.role = 'admin' OR staff.role = 'coordinator' AND EXISTS (
            SELECT FROM event_assignments
            WHERE event_assignments.staff_id = staff.id AND event_assignments.event_id = till_drafts.event_id)))
""")


def deactivate(session: Session, actor: Actor, person_id: uuid.UUID, *, seen_version: int | None = None) -> Staff:
    """Deactivate an account: its sessions, tokens and links are revoked for good, from the next request on.

    Admins only. Doing it again changes nothing. Raises Conflict for the actor's own account, LastAdmin, StaleVersion
    and NotFound.
    """
    permissions.require(session, actor, "administer")
    if person_id == actor.staff_id:
        raise Conflict("You cannot deactivate yourself. Ask another admin.")
    admins = _list_admins_for_update(session, actor)
    person = _get_for_update(session, person_id)
    optimistic_locking.check_version(session, None, person, seen_version)
    if person.is_active:
        _require_another_admin(admins, person)
        _revoke_access(session, person)
        changes = [audit.Change("is_active", True, False)]
        optimistic_locking.apply(session, actor, None, "staff.deactivated", person, changes)
    return person


def activate(session: Session, actor: Actor, person_id: uuid.UUID, *, seen_version: int | None = None) -> Staff:
    """Activate an account: the person can sign in with their old password or a new link. Admins only.

    Earlier sessions, tokens and links stay revoked. Raises StaleVersion and NotFound.
    """
    permissions.require(session, actor, "administer")
    person = _get_for_update(session, person_id)
    optimistic_locking.check_version(session, None, person, seen_version)
    if not person.is_active:
        _revoke_access(
            session, person
        )  # a sign-in that was running during the deactivation may have opened one after it
        optimistic_locking.apply(
            session, actor, None, "staff.activated", person, [audit.Change("is_active", False, True)]
        )
    return person


def create_first_admin(session: Session, draft: StaffDraft) -> Staff:
    """Create the first account and deactivate the sample visitor. Raises Conflict if there is an account already."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("first admin"))))
    if not is_first_run(session):
        raise Conflict("An admin account exists already. Sign in with it.")
    first = draft.model_copy(update={"role": "admin"})
    password_hash = passwords.hash_password(draft.password, email=draft.email)
    return _create(session, _first_run_actor(), "staff.added", first, password_hash, ())


def get_or_create_sample_visitor(session: Session) -> Staff:
    """Return the account without a password with which the sample gala is explored. Raises Conflict after first run."""
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
    except IntegrityError as error:
        if constraint_name(error) == "uq_staff_email_key":
            raise DuplicateAccount(draft.email) from error
        raise
    changes = [audit.Change(field, None, getattr(draft, field)) for field in ("email", "role")]
    change_id = uuid7()
    audit.record(session, actor, None, action, person, changes, change_id)
    _assign(session, actor, person, event_ids, change_id)
    deactivate_sample_visitor(session)
    return person


def deactivate_sample_visitor(session: Session) -> None:
    """Deactivate the sample visitor, once there is a real account."""
    visitor = session.scalar(select(Staff).where(Staff.email_key == SAMPLE_VISITOR_EMAIL, Staff.is_active))
    if visitor is not None:
        _revoke_access(session, visitor)
        changes = [audit.Change("is_active", True, False)]
        optimistic_locking.apply(session, _first_run_actor(), None, "staff.deactivated", visitor, changes)


def _revoke_access(session: Session, person: Staff) -> None:
    sessions.end_all_unchecked(session, person.id)
    api_tokens.revoke_all_unchecked(session, person.id)
    invitations.revoke(session, person.id)
    session.execute(delete(TillDraft).where(TillDraft.staff_id == person.id))


def _get_for_update(session: Session, person_id: uuid.UUID) -> Staff:
    """Return the account, locked until the transaction ends. Raises NotFound."""
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
    """Return all active admins, locked in order of id, so that two admins cannot deactivate each other at once.

    The actor's permission is checked again with the locks held. Raises NotSignedIn, NotAllowed.
    """
    admins = session.scalars(
        select(Staff)
        .where(Staff.role == "admin", Staff.is_active)
        .order_by(Staff.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    session.info.pop("actor_status", None)
    permissions.require(session, actor, "administer")
    return admins


def _require_another_admin(admins: Sequence[Staff], person: Staff) -> None:
    """Raise LastAdmin unless another admin who can sign in remains when `person` no longer is one."""
    is_admin = person.is_active and person.role == "admin"
    if is_admin and not any(can_sign_in(admin) for admin in admins if admin.id != person.id):
        raise LastAdmin(person.name)


def _assign(
    session: Session, actor: Actor, person: Staff, event_ids: Collection[uuid.UUID], change_id: uuid.UUID
) -> None:
    existing = set(session.scalars(select(Event.id).where(Event.id.in_(event_ids))))
    if set(event_ids) - existing:
        raise NotFound("event")
    assigned = set(session.scalars(select(EventAssignment.event_id).where(EventAssignment.staff_id == person.id)))
    for event_id in sorted(existing - assigned):
        session.merge(EventAssignment(staff_id=person.id, event_id=event_id))
        audit.record(session, actor, event_id, "staff.assigned", person, change_id=change_id)
    session.flush()


def _unassign(
    session: Session, actor: Actor, person: Staff, event_ids: Collection[uuid.UUID], change_id: uuid.UUID
) -> None:
    removed = session.scalars(
        delete(EventAssignment)
        .where(EventAssignment.staff_id == person.id, EventAssignment.event_id.in_(event_ids))
        .returning(EventAssignment.event_id)
    ).all()
    for event_id in sorted(removed):
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
    rows = session.execute(select(staff_id, timestamp).where(staff_id.in_(ids), *conditions).group_by(staff_id))
    return [(row[0], row[1]) for row in rows]

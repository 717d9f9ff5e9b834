"""Whom the word of an OpenID provider lets in, and as what: judged here, after `api` has verified whose word it is.

A person is known by issuer and subject. The e-mail address finds an account once and binds it, so that whoever is given
the address later does not inherit the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import audit
from ticketing.access import permissions, sign_in, staff
from ticketing.access.sign_in import SignIn
from ticketing.actors import Actor
from ticketing.errors import InvalidInput, NotAllowed, NotFound
from ticketing.models import Staff
from ticketing.settings import OpenIdSettings
from ticketing.validation import Draft, Email, Name, email_key, validate

ROLES_HIGHEST_FIRST = ("admin", "coordinator", "viewer")


class _NewAccountDraft(Draft):
    email: Email
    name: Name


@dataclass(frozen=True)
class _Identity:
    """What the provider says, and what it makes of its bearer here. `role` is None where the staff list decides."""

    subject: str
    email: str
    name: str
    role: str | None


def sign_in_with_claims(
    session: Session,
    claims: Mapping[str, Any],
    rules: OpenIdSettings,
    *,
    user_agent: str,
    previous_secret: str | None = None,
) -> SignIn:
    """Opens a session for whom `claims` describe. Raises NotAllowed, with what they can do about it.

    `replaced` is the secret that the same browser had until now: its session ends.
    """
    guest = _parse_claims(claims, rules)
    person = _find_for_update(session, guest, rules)
    if person is None and guest.role is None:
        raise NotAllowed(f"{guest.email} has no account here. Ask an admin to add you with this address.")
    if person is None:
        person = _create_account(session, guest, rules)
    elif not person.is_active:
        raise NotAllowed(f"The account of {person.email} is deactivated. Ask an admin if you need it again.")
    else:
        _link_identity(session, person, guest, rules)
        _apply_role_claim(session, person, guest, rules)
    return sign_in.open_session(
        session, person, user_agent=user_agent, method="openid", previous_secret=previous_secret
    )


def unlink_account(session: Session, actor: Actor, *, email: str) -> Staff:
    """Lets the next OpenID sign-in with this address bind the account anew, as after a change of provider.

    For the operator. Raises NotFound when there is no such account, or nothing to release.
    """
    permissions.require(session, actor, "administer")
    person = session.scalar(select(Staff).where(Staff.email_key == email_key(email)).with_for_update())
    if person is None or person.openid_subject is None:
        raise NotFound("account")
    change = audit.Change("openid_subject", person.openid_subject, None)
    person.openid_issuer = person.openid_subject = None
    session.flush()
    audit.record(session, actor, None, "staff.released", person, [change])
    return person


def _parse_claims(claims: Mapping[str, Any], rules: OpenIdSettings) -> _Identity:
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email:
        raise NotAllowed(f"Your {rules.name} did not tell your e-mail address. Ask the person who runs Ticket Desk.")
    if str(claims.get("email_verified")).lower() == "false":
        raise NotAllowed(f"Your {rules.name} says that {email} is not verified. Verify it there, then sign in again.")
    if email.rpartition("@")[2].strip().lower() not in rules.domains:
        raise NotAllowed(f"{email} is not an address of this organisation. Sign in with the one you have from work.")
    role = _get_role(claims, rules) if rules.role_claim else None
    name = claims.get("name")
    return _Identity(str(claims["sub"]), email, name if isinstance(name, str) else "", role)


def _get_role(claims: Mapping[str, Any], rules: OpenIdSettings) -> str:
    """The highest that the claim gives."""
    told = claims.get(rules.role_claim or "")
    given = {rules.roles.get(str(value)) for value in (told if isinstance(told, list) else [told])}
    for role in ROLES_HIGHEST_FIRST:
        if role in given:
            return role
    raise NotAllowed(f"Your {rules.name} is in no group that may use Ticket Desk. Ask the person who keeps the groups.")


def _find_for_update(session: Session, guest: _Identity, rules: OpenIdSettings) -> Staff | None:
    """By subject, else by address. Held, so that two sign-ins at once do not both bind it. Raises NotAllowed."""
    known = select(Staff).where(Staff.openid_issuer == rules.issuer, Staff.openid_subject == guest.subject)
    person = session.scalar(known.with_for_update())
    if person is not None:
        return person
    person = session.scalar(select(Staff).where(Staff.email_key == email_key(guest.email)).with_for_update())
    if person is not None and person.openid_subject is not None:
        raise NotAllowed(
            f"The account of {person.email} belongs to somebody who signed in with another {rules.name} before. "
            "Ask the person who runs Ticket Desk."
        )
    return person


def _create_account(session: Session, guest: _Identity, rules: OpenIdSettings) -> Staff:
    """An account without a password and without events."""
    try:
        draft = validate(
            _NewAccountDraft, {"email": guest.email, "name": guest.name[:100].strip() or guest.email[:100]}
        )
    except InvalidInput as refusal:
        raise NotAllowed(f"Your {rules.name} cannot be used here. {refusal}") from refusal
    person = Staff(
        email=draft.email,
        email_key=email_key(draft.email),
        name=draft.name,
        role=guest.role,
        openid_issuer=rules.issuer,
        openid_subject=guest.subject,
    )
    session.add(person)
    session.flush()
    made = {"email": person.email, "role": person.role, "openid_subject": person.openid_subject}
    audit.record(session, _provider_actor(rules), None, "staff.added", person, audit.creation_changes(made))
    staff.deactivate_sample_visitor(session)
    return person


def _link_identity(session: Session, person: Staff, guest: _Identity, rules: OpenIdSettings) -> None:
    if person.openid_subject is None:
        person.openid_issuer, person.openid_subject = rules.issuer, guest.subject
        session.flush()
        change = audit.Change("openid_subject", None, guest.subject)
        audit.record(session, _provider_actor(rules), None, "staff.bound", person, [change])


def _apply_role_claim(session: Session, person: Staff, guest: _Identity, rules: OpenIdSettings) -> None:
    """The provider's groups decide, also over what an admin chose here meanwhile."""
    if guest.role is not None and guest.role != person.role:
        change = audit.Change("role", person.role, guest.role)
        person.role = guest.role
        person.version += 1
        session.flush()
        audit.record(session, _provider_actor(rules), None, "staff.changed", person, [change])


def _provider_actor(rules: OpenIdSettings) -> Actor:
    return Actor(None, f"Sign-in with {rules.name}", "", "admin", via="app")

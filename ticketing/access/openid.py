"""Sign-in with the claims of an OpenID provider, which `api` has verified: find or create the account, set its role.

An account is identified by issuer and subject. The e-mail address finds an account once and links it, so that a person
who is given the address later does not inherit the account.
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


class _AddressDraft(Draft):
    email: Email


class _NewAccountDraft(_AddressDraft):
    name: Name


@dataclass(frozen=True)
class _Identity:
    """The claims of a person. `role` is None when roles are set on the staff page."""

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
    """Open a session for the person that `claims` describe. Raises NotAllowed, with what the person can do about it.

    `previous_secret` is the secret of the session that the browser had until now, which is ended.
    """
    identity = _parse_claims(claims, rules)
    person = _find_for_update(session, identity, rules)
    if person is None and identity.role is None:
        raise NotAllowed(f"{identity.email} has no account here. Ask an admin to add you with this address.")
    if person is None:
        person = _create_account(session, identity, rules)
    elif not person.is_active:
        raise NotAllowed(f"The account of {person.email} is deactivated. Ask an admin if you need it again.")
    else:
        _link_identity(session, person, identity, rules)
        _apply_role_claim(session, person, identity, rules)
    return sign_in.open_session(
        session, person, user_agent=user_agent, method="openid", previous_secret=previous_secret
    )


def unlink_account(session: Session, actor: Actor, *, email: str) -> Staff:
    """Unlink an account from its OpenID identity, so that the next sign-in links it again, with another provider.

    For the operator. Raises NotFound when there is no such account, or it is not linked.
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
    try:
        email = validate(_AddressDraft, {"email": claims.get("email")}).email
    except InvalidInput as refusal:
        raise NotAllowed(
            f"Your {rules.name} did not send your e-mail address. Ask the person who runs Ticket Desk."
        ) from refusal
    _require_verified(email, claims.get("email_verified"), rules)
    if email_key(email).rpartition("@")[2] not in {email_key(domain) for domain in rules.domains}:
        raise NotAllowed(f"{email} is not an address of this organization. Sign in with your work account.")
    role = _get_role(claims, rules) if rules.role_claim else None
    name = claims.get("name")
    return _Identity(str(claims["sub"]), email, name if isinstance(name, str) else "", role)


def _require_verified(email: str, verified: object, rules: OpenIdSettings) -> None:
    """Raise NotAllowed unless the provider says that the address is the person's, or never says so by the settings.

    Without that, whoever can enter a colleague's address at the provider gets the colleague's account. Some providers
    send the text "true" (OpenID Connect Core 5.1 has a boolean).
    """
    if str(verified).lower() == "true" or (verified is None and not rules.sends_email_verified):
        return
    if verified is None:
        raise NotAllowed(
            f"Your {rules.name} does not say that {email} is verified. Ask the person who runs Ticket Desk."
        )
    raise NotAllowed(f"Your {rules.name} says that {email} is not verified. Verify it there, then sign in again.")


def _get_role(claims: Mapping[str, Any], rules: OpenIdSettings) -> str:
    """Return the highest role that the claim gives. Raises NotAllowed when it gives none."""
    claim = claims.get(rules.role_claim or "")
    roles = {rules.roles.get(str(value)) for value in (claim if isinstance(claim, list) else [claim])}
    for role in ROLES_HIGHEST_FIRST:
        if role in roles:
            return role
    raise NotAllowed(
        f"Your {rules.name} is in no group that may use Ticket Desk. Ask the person who manages the groups."
    )


def _find_for_update(session: Session, identity: _Identity, rules: OpenIdSettings) -> Staff | None:
    """Return the account by subject, else by e-mail address, or None; locked, so that it is linked once.

    Raises NotAllowed when the address belongs to an account that is linked to another identity.
    """
    query = select(Staff).where(Staff.openid_issuer == rules.issuer, Staff.openid_subject == identity.subject)
    person = session.scalar(query.with_for_update())
    if person is not None:
        return person
    person = session.scalar(select(Staff).where(Staff.email_key == email_key(identity.email)).with_for_update())
    if person is not None and person.openid_subject is not None:
        raise NotAllowed(
            f"The account of {person.email} is linked to another {rules.name}. Ask the person who runs Ticket Desk."
        )
    return person


def _create_account(session: Session, identity: _Identity, rules: OpenIdSettings) -> Staff:
    """Create an account without a password and without events."""
    try:
        draft = validate(
            _NewAccountDraft, {"email": identity.email, "name": identity.name[:100].strip() or identity.email[:100]}
        )
    except InvalidInput as refusal:
        raise NotAllowed(f"Your {rules.name} cannot be used here. {refusal}") from refusal
    person = Staff(
        email=draft.email,
        email_key=email_key(draft.email),
        name=draft.name,
        role=identity.role,
        openid_issuer=rules.issuer,
        openid_subject=identity.subject,
    )
    session.add(person)
    session.flush()
    fields = {"email": person.email, "role": person.role, "openid_subject": person.openid_subject}
    audit.record(session, _provider_actor(rules), None, "staff.added", person, audit.creation_changes(fields))
    staff.deactivate_sample_visitor(session)
    return person


def _link_identity(session: Session, person: Staff, identity: _Identity, rules: OpenIdSettings) -> None:
    if person.openid_subject is None:
        person.openid_issuer, person.openid_subject = rules.issuer, identity.subject
        session.flush()
        change = audit.Change("openid_subject", None, identity.subject)
        audit.record(session, _provider_actor(rules), None, "staff.bound", person, [change])


def _apply_role_claim(session: Session, person: Staff, identity: _Identity, rules: OpenIdSettings) -> None:
    """Set the role of the provider's groups, also over one that an admin set here."""
    if identity.role is not None and identity.role != person.role:
        change = audit.Change("role", person.role, identity.role)
        person.role = identity.role
        person.version += 1
        session.flush()
        audit.record(session, _provider_actor(rules), None, "staff.changed", person, [change])


def _provider_actor(rules: OpenIdSettings) -> Actor:
    return Actor(None, f"Sign-in with {rules.name}", "", "admin", via="app")

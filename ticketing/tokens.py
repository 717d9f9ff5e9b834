"""API tokens: what a program shows to act for the person who made it."""

from __future__ import annotations

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import accounts, audit
from ticketing.accounts import hashed
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.fields import email_key
from ticketing.models import ApiToken, Staff


def create(session: Session, actor: Actor, *, email: str, name: str) -> str:
    """A new API token of the person with this address: "td_" and a secret, told once, stored hashed.

    It carries its owner's role. People make their own; admins make anybody's. Raises NotFound, NotAllowed.
    """
    accounts.require(session, actor, "read")
    owner = session.scalar(select(Staff).where(Staff.email_key == email_key(email), Staff.is_active))
    if owner is None:
        raise NotFound("account")
    if owner.id != actor.staff_id:
        accounts.require(session, actor, "administer")
    secret = "td_" + secrets.token_urlsafe(32)
    row = ApiToken(staff_id=owner.id, name=name, secret_hash=hashed(secret))
    session.add(row)
    session.flush()
    audit.record(session, actor, None, "token.created", row, [audit.Change("owner", None, owner.email)])
    return secret

"""Builders with valid defaults, so that a test mentions only what it is about. Each one commits."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any

from ticketing import db
from ticketing.access import api_tokens, permissions
from ticketing.access import sign_in as signing
from ticketing.access import staff as staff_accounts
from ticketing.access.api_tokens import TokenDraft
from ticketing.access.sign_in import Browser, SignIn
from ticketing.access.staff import StaffDraft
from ticketing.actors import OPERATOR, Actor
from ticketing.catalog import events, options, packages, promo_codes
from ticketing.catalog.events import EventDraft
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.packages import PackageDraft
from ticketing.catalog.promo_codes import PromoCodeDraft
from ticketing.models import Event, EventAssignment, Option, Package, PromoCode, Staff
from ticketing.sales import orders, purchases
from ticketing.sales.order_draft import OrderDraft, PurchaseDraft
from ticketing.sales.orders import RecordedOrder
from ticketing.sales.purchases import RecordedPurchase
from ticketing.validation import email_key

PASSWORD = "correct horse battery"
BROWSER = Browser("198.51.100.7")
# The next fifth of December that is two months away, so that the event is upcoming whenever the tests run.
_IN_TWO_MONTHS = date.today() + timedelta(days=60)
_YEAR = _IN_TWO_MONTHS.year + (date(_IN_TWO_MONTHS.year, 12, 5) < _IN_TWO_MONTHS)
EVENT_STARTS_AT = f"{_YEAR}-12-05T18:00"


def unique(stem: str) -> str:
    return f"{stem}-{uuid.uuid4().hex[:12]}"


def email(stem: str = "ana") -> str:
    return f"{unique(stem)}@example.org"


def staff(role: str = "coordinator", event: Event | None = None, **fields: Any) -> Actor:
    """Create a staff member with an open session, assigned to `event`; with `password=` they can sign in."""
    password = fields.pop("password", None)
    fields = {"email": email(role), "name": f"Sam {role.title()}"} | fields

    def create(session: db.Session) -> Actor:
        if password is None:
            person = Staff(email_key=email_key(fields["email"]), role=role, **fields)
            session.add(person)
            session.flush()
        else:
            person = staff_accounts.create(session, OPERATOR, StaffDraft(role=role, password=password, **fields))
        if event is not None:
            session.add(EventAssignment(staff_id=person.id, event_id=event.id))
        signed_in = signing.open_session(session, person, user_agent="tests")
        return permissions.get_session_actor(session, signed_in.session_id)

    return db.write(create)


def assign(actor: Actor, event: Event) -> None:
    db.write(lambda session: session.add(EventAssignment(staff_id=actor.staff_id, event_id=event.id)))


def event(actor: Actor = OPERATOR, **fields: Any) -> Event:
    values = {
        "name": "Harbor Lights Gala",
        "starts_at": EVENT_STARTS_AT,
        "time_zone": "America/New_York",
        "venue": "Pier 4 Hall",
    }
    draft = EventDraft.model_validate(values | fields)
    return db.write(lambda session: events.create(session, actor, draft))


def package_draft(**fields: Any) -> PackageDraft:
    values = {
        "name": unique("Table"),
        "price": "100.00",
        "seats_per_package": 1,
        "description": "One seat at the gala.",
    }
    return PackageDraft.model_validate(values | fields)


def package(event: Event, actor: Actor = OPERATOR, **fields: Any) -> Package:
    draft = package_draft(**fields)
    return db.write(lambda session: packages.create(session, actor, event.id, draft))


def change_package(actor: Actor, package: Package, seen_version: int = 1, **values: Any) -> None:
    db.write(lambda s: packages.update(s, actor, package.event_id, package.id, values, seen_version=seen_version))


def option(package: Package, actor: Actor = OPERATOR, **fields: Any) -> Option:
    values = {"label": "Any allergies?", "option_type": "text_input"}
    draft = OptionDraft.model_validate(values | fields)
    return db.write(lambda session: options.create(session, actor, package.id, draft))


def promo_code(event: Event, actor: Actor = OPERATOR, **fields: Any) -> PromoCode:
    """Create a promo code, by default for 10% off."""
    values = {"code": uuid.uuid4().hex[:12], "discount_type": "percentage", "discount_value": "10"}
    draft = PromoCodeDraft.model_validate(values | fields)
    return db.write(lambda session: promo_codes.create(session, actor, event.id, draft))


def purchase_draft(package: Package, *, donor_email: str | None = None, **fields: Any) -> PurchaseDraft:
    values = {
        "package_id": package.id,
        "quantity": 1,
        "donor": {"name": "Ana Ruiz", "email": donor_email or email()},
    }
    return PurchaseDraft.model_validate(values | fields)


def purchase(
    event: Event,
    package: Package,
    actor: Actor = OPERATOR,
    *,
    idempotency_key: str | None = None,
    moment: datetime | None = None,
    **fields: Any,
) -> RecordedPurchase:
    draft = purchase_draft(package, **fields)
    return db.write(
        lambda session: purchases.record(
            session, actor, event.id, draft, idempotency_key=idempotency_key, moment=moment
        )
    )


def order_draft(*lines: dict[str, Any] | Package, donor_email: str | None = None, **fields: Any) -> OrderDraft:
    """Return an order of `lines`; a package stands for one of it."""
    values = {
        "donor": {"name": "Ana Ruiz", "email": donor_email or email()},
        "lines": [
            {"package_id": line.id, "quantity": 1} if isinstance(line, Package) else {"quantity": 1} | line
            for line in lines
        ],
    }
    return OrderDraft.model_validate(values | fields)


def order(
    event: Event,
    *lines: dict[str, Any] | Package,
    actor: Actor = OPERATOR,
    idempotency_key: str | None = None,
    moment: datetime | None = None,
    **fields: Any,
) -> RecordedOrder:
    draft = order_draft(*lines, **fields)
    return db.write(
        lambda session: orders.record(session, actor, event.id, draft, idempotency_key=idempotency_key, moment=moment)
    )


def token(actor: Actor, name: str = "Donor site") -> str:
    draft = TokenDraft(name=name)
    return db.write(lambda session: api_tokens.create(session, actor, draft, email=actor.email))


def sign_in(email: str, password: str = PASSWORD, *, browser: Browser = BROWSER, **how: Any) -> SignIn:
    """Sign in like the form: the attempt is counted first, in a transaction of its own."""
    attempt = db.write(lambda session: signing.count_attempt(session, email, browser))
    how = {"user_agent": "tests"} | how
    return db.write(lambda session: signing.sign_in(session, attempt, password, **how))

"""Purchases: package, options, promo code, price and tickets meet here, in one transaction.

Rules: docs/product.md, "Purchases". The statements are in ticketing.sales.purchase_sql. Locks are always taken in the
same order, the package before the promo code, so that no two purchases deadlock.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import audit, db, metrics, money, pricing
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.audit import change_log
from ticketing.catalog import options, packages, promo_codes
from ticketing.errors import Conflict, IdempotencyMismatch, InvalidInput, NotForSale, NotFound, PriceChanged, SoldOut
from ticketing.formatting import format_count
from ticketing.models import BOX_OFFICE_CHANNELS as BOX_OFFICE_CHANNELS
from ticketing.models import CHANNELS, Answer, AssignedTicket, Option, PromoCode, Purchase
from ticketing.pricing import Discount, Quote
from ticketing.sales import purchase_sql
from ticketing.sales.purchase_draft import GuestDraft, PurchaseDraft
from ticketing.sales.ticket_codes import new_ticket_code
from ticketing.validation import email_key, validate

for channel in CHANNELS:  # Prometheus sees an increase only from a value that it has scraped, so each starts at 0
    metrics.count_sold(channel, purchases=0, packages=0, seats=0, dollars=money.ZERO)


@dataclass(frozen=True)
class RecordedPurchase:
    """A stored purchase; `is_repeat` when its idempotency key was used before. `answers` are values by option id."""

    purchase: Purchase
    tickets: list[AssignedTicket]
    promo_code: str | None
    answers: dict[uuid.UUID, Any]
    is_repeat: bool = False


@dataclass(frozen=True)
class _Reservation:
    """What a purchase has taken before it is stored.

    `time_zone` is the event's, which cannot change while the package is locked; None when the storing statement is to
    take the capacity.
    """

    discount: Discount | None
    promo_code_id: uuid.UUID | None = None
    time_zone: str | None = None


def parse_draft(session: Session, event_id: uuid.UUID, values: Mapping[str, Any]) -> PurchaseDraft:
    """Return the values of a form as a draft.

    Raises InvalidInput with every invalid field, those of the answers included.
    """
    problems: dict[str, str] = {}
    try:
        draft = validate(PurchaseDraft, values)
    except InvalidInput as exc:
        problems |= exc.fields
    try:
        asked = options.list_active_unchecked(session, event_id, values["package_id"])
        options.validate_answers(asked, {answer["option_id"]: answer["value"] for answer in values["answers"]})
    except InvalidInput as exc:
        problems |= exc.fields
    if problems:
        raise InvalidInput(problems)
    return draft


def quote(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    *,
    package_id: uuid.UUID,
    quantity: int,
    channel: str = "online",
    promo_code: str | None = None,
    donor_email: str = "",
) -> Quote:
    """Return what a purchase of `quantity` packages would cost now, in USD; nothing is changed.

    Raises NotFound (package), PromoRefused, and InvalidInput (a comp sale with a promo code, or a sum too large).
    """
    package = packages.get(session, actor, event_id, package_id)
    discount = _comp_discount(channel, promo_code)
    if promo_code and promo_code.strip():
        row = promo_codes.get_applicable(
            session, event_id, promo_code, donor_email_key=email_key(donor_email), moment=datetime.now(UTC)
        )
        discount = promo_codes.build_discount(row)
    return pricing.quote(package.price, quantity, discount)


def record(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    draft: PurchaseDraft,
    *,
    idempotency_key: str | None = None,
    moment: datetime | None = None,
) -> RecordedPurchase:
    """Record a sale: take capacity and promo use, fix the price, create one ticket per seat.

    The same key with the same draft returns the first purchase and changes nothing. `moment` (UTC, default now) is when
    it was bought; the promo code must be valid then.

    Raises (and then nothing is changed):
        NotFound: the event has no such package.
        InvalidInput: sentences by field.
        NotForSale, SoldOut: the package is disabled, or has fewer left.
        PriceChanged: price or seats are not those of `package_version` any more.
        PromoRefused: the promo code is unknown, inactive, expired or used up.
        IdempotencyMismatch: the key was used for another draft.
    """
    permissions.require(session, actor, "change", event_id)
    if idempotency_key and (first := _replay(session, event_id, draft, idempotency_key)):
        return first
    moment = moment or datetime.now(UTC)
    recorded = None
    try:
        while recorded is None:  # until the package stays unchanged from validation to reservation, or is refused
            package, answers = _validate(session, event_id, draft)
            if reservation := _reserve(session, event_id, package, draft, moment):
                purchase = _build_purchase(actor, event_id, package, draft, reservation, moment, idempotency_key)
                recorded = _store(session, package, purchase, draft, answers, reservation)
    except Conflict as exc:
        # The second request of a double click waits for the first and then finds the stock or code used up by it.
        # A new transaction sees the first purchase and replays it.
        if idempotency_key and _find_by_idempotency_key(session, event_id, idempotency_key):
            raise db.RetryTransaction from exc
        raise
    _log_and_count(session, actor, recorded.purchase)
    return recorded


def _log_and_count(session: Session, actor: Actor, purchase: Purchase) -> None:
    """Log and count a purchase after the commit. It has no audit entry: a purchase is its own record."""
    values = {"package": purchase.package_id, "channel": purchase.channel, "quantity": purchase.quantity}
    change_log.log_after_commit(session, actor, purchase.event_id, "purchase.recorded", purchase.id, values=values)
    count = partial(metrics.count_sold, purchase.channel, purchases=1)
    db.after_commit(session, partial(count, packages=purchase.quantity, seats=purchase.seats, dollars=purchase.total))


def _replay(
    session: Session, event_id: uuid.UUID, draft: PurchaseDraft, idempotency_key: str
) -> RecordedPurchase | None:
    first = _find_by_idempotency_key(session, event_id, idempotency_key)
    if first and first.purchase.request_hash != _hash_request(draft):
        raise IdempotencyMismatch
    return first


def _find_by_idempotency_key(session: Session, event_id: uuid.UUID, key: str) -> RecordedPurchase | None:
    purchase = session.scalar(select(Purchase).where(Purchase.event_id == event_id, Purchase.idempotency_key == key))
    if purchase is None:
        return None
    tickets = session.scalars(
        select(AssignedTicket).where(AssignedTicket.purchase_id == purchase.id).order_by(AssignedTicket.seat_number)
    )
    answers = session.scalars(select(Answer).where(Answer.purchase_id == purchase.id))
    code = session.scalar(select(PromoCode.code).where(PromoCode.id == purchase.promo_code_id))
    return RecordedPurchase(purchase, list(tickets), code, {a.option_id: a.value for a in answers}, is_repeat=True)


def _hash_request(draft: PurchaseDraft) -> bytes:
    return hashlib.sha256(draft.model_dump_json().encode()).digest()


def _validate(session: Session, event_id: uuid.UUID, draft: PurchaseDraft) -> tuple[Row[Any], dict[uuid.UUID, Any]]:
    """Check everything that reading can tell; return the package as it is now, and the answers to store."""
    _comp_discount(draft.channel, draft.promo_code)
    package = _get_sellable_package(session, event_id, draft)
    asked = [Option(**option | {"id": uuid.UUID(option["id"])}) for option in package.asked or ()]
    answers = options.validate_answers(asked, {answer.option_id: answer.value for answer in draft.answers})
    return package, answers


def _get_sellable_package(session: Session, event_id: uuid.UUID, draft: PurchaseDraft) -> Row[Any]:
    package = session.execute(
        purchase_sql.SELECT_PACKAGE, {"package_id": draft.package_id, "event_id": event_id}
    ).first()
    if package is None:
        raise NotFound("package")
    if not package.is_enabled:
        raise NotForSale(package.name)
    limit = package.quantity_limit
    if limit is not None and package.sold_count + draft.quantity > limit:
        raise SoldOut(package.name, sold=package.sold_count, limit=limit)
    if draft.package_version is not None and draft.package_version != package.version:
        _check_quoted_version(session, event_id, package, draft.package_version)
    seats = package.seats_per_package * draft.quantity
    if len(draft.guests) > seats:
        raise InvalidInput(
            {"guests": f"{len(draft.guests):,} guests are named for {format_count(seats, 'seat')}. Remove some."}
        )
    return package


def _check_quoted_version(session: Session, event_id: uuid.UUID, package: Row[Any], quoted: int) -> None:
    """Raise PriceChanged when price or seats were edited after the version `quoted`; other edits do not matter."""
    edited = {change.field for change in audit.changes_since(session, event_id, package.id, quoted)}
    if quoted > package.version or {"price", "seats_per_package"} & edited:
        seats = format_count(package.seats_per_package, "seat")
        raise PriceChanged(package.name, f"{money.format_dollars(package.price)} for {seats}")


def _comp_discount(channel: str, promo_code: str | None) -> Discount | None:
    """Return 100% for a comp sale, else None. Raises InvalidInput for comp with a promo code, which would be wasted."""
    if channel != "comp":
        return None
    if promo_code and promo_code.strip():
        raise InvalidInput({"promo_code": "A comp sale costs nothing. Remove the promo code."})
    return pricing.COMPLIMENTARY


def _reserve(
    session: Session, event_id: uuid.UUID, package: Row[Any], draft: PurchaseDraft, moment: datetime
) -> _Reservation | None:
    """Take the capacity, then the promo use. Returns None when the capacity was gone or the package edited meanwhile.

    Without a promo code nothing is taken yet: the storing statement takes the capacity, in the same round trip.
    """
    if not draft.promo_code:
        return _Reservation(_comp_discount(draft.channel, draft.promo_code))
    capacity = {"package_id": package.id, "quantity": draft.quantity} | _version_parameters(package)
    time_zone = session.execute(purchase_sql.RESERVE_CAPACITY, capacity).scalar_one_or_none()
    if time_zone is None:
        return None
    promo_code_id, discount = promo_codes.reserve_use(
        session, event_id, draft.promo_code, donor_email_key=email_key(draft.donor.email), moment=moment
    )
    return _Reservation(discount, promo_code_id, time_zone)


def _version_parameters(package: Row[Any]) -> dict[str, int]:
    return {"version": package.version, "options_version": package.options_version}


def _build_purchase(
    actor: Actor,
    event_id: uuid.UUID,
    package: Row[Any],
    draft: PurchaseDraft,
    reservation: _Reservation,
    moment: datetime,
    idempotency_key: str | None,
) -> Purchase:
    price = pricing.quote(package.price, draft.quantity, reservation.discount)
    return Purchase(
        id=uuid7(),
        event_id=event_id,
        package_id=draft.package_id,
        quantity=draft.quantity,
        unit_price=package.price,
        seats_per_package=package.seats_per_package,
        seats=package.seats_per_package * draft.quantity,
        seats_named=len(draft.guests),
        list_price=price.list_price,
        discount=price.discount,
        total=price.total,
        promo_code_id=reservation.promo_code_id,
        payment_status=draft.payment_status,
        channel=draft.channel,
        purchaser_name=draft.donor.name,
        purchaser_email=draft.donor.email,
        purchaser_phone=draft.donor.phone,
        notes=draft.notes,
        recorded_by=actor.staff_id,
        purchased_at=moment,
        idempotency_key=idempotency_key,
        request_hash=_hash_request(draft) if idempotency_key else None,
    )


def _build_tickets(purchase: Purchase, guests: list[GuestDraft]) -> list[AssignedTicket]:
    guest_by_seat = dict(enumerate(guests, start=1))
    return [
        AssignedTicket(
            id=uuid7(),
            event_id=purchase.event_id,
            purchase_id=purchase.id,
            seat_number=seat,
            code=new_ticket_code(),
            guest_name=guest_by_seat[seat].name if seat in guest_by_seat else None,
            guest_email=guest_by_seat[seat].email if seat in guest_by_seat else None,
        )
        for seat in range(1, purchase.seats + 1)
    ]


def _store(
    session: Session,
    package: Row[Any],
    purchase: Purchase,
    draft: PurchaseDraft,
    answers: dict[uuid.UUID, Any],
    reservation: _Reservation,
) -> RecordedPurchase | None:
    """Write the purchase with its tickets, answers and promo use, in one statement.

    Takes the capacity as well unless it is reserved. Returns None when that was gone or the package edited meanwhile.
    """
    tickets = _build_tickets(purchase, draft.guests)
    parameters = purchase_sql.build_store_parameters(purchase, tickets, answers)
    if reservation.time_zone is None:
        stored = session.execute(purchase_sql.RESERVE_AND_STORE, parameters | _version_parameters(package)).first()
        if stored is None:
            return None
    else:
        stored = session.execute(purchase_sql.STORE, parameters | {"time_zone": reservation.time_zone}).one()
    purchase.donor_id = stored.donor_id
    code = promo_codes.normalize_code(draft.promo_code) if draft.promo_code else None
    return RecordedPurchase(purchase, tickets, code, answers)

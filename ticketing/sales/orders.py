"""Orders: packages, options, one promo code, prices and tickets meet here, in one transaction.

Rules: docs/product.md, "Orders". The statements are in ticketing.sales.order_sql. Locks are always taken in the same
order, so that no two orders deadlock: packages (by id), their days, the promo code, the donor (docs/decisions/0028).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import db, metrics, money, pricing
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.audit import change_log
from ticketing.catalog import promo_codes
from ticketing.errors import Conflict, IdempotencyMismatch, InvalidInput, NotFound
from ticketing.models import CHANNELS, Answer, AssignedTicket, Event, Order, PromoCode, Purchase, build_untracked
from ticketing.pricing import Discount, Quote
from ticketing.sales import order_sql
from ticketing.sales.order_draft import OrderDraft, OrderLineDraft, hash_request
from ticketing.sales.order_lines import Packages, ValidatedLine, lock_packages, read_packages, validate_lines
from ticketing.sales.ticket_codes import new_order_number, new_ticket_codes
from ticketing.validation import email_key

for channel in CHANNELS:  # Prometheus sees an increase only from a value that it has scraped, so each starts at 0
    metrics.count_sold(channel, orders=0, purchases=0, packages=0, seats=0, dollars=money.ZERO)


@dataclass(frozen=True)
class RecordedLine:
    """A stored line of an order with its tickets, in the order of the seats; `answers` are values by option id."""

    purchase: Purchase
    tickets: list[AssignedTicket]
    answers: dict[uuid.UUID, Any]


@dataclass(frozen=True)
class RecordedOrder:
    """A stored order with its lines; `is_repeat` when its idempotency key was used before.

    `time_zone` is the event's.
    """

    order: Order
    lines: list[RecordedLine]
    promo_code: str | None
    time_zone: str
    is_repeat: bool = False


def record(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    draft: OrderDraft,
    *,
    idempotency_key: str | None = None,
    request_hash: bytes | None = None,
    moment: datetime | None = None,
) -> RecordedOrder:
    """Record an order: take all capacities and one promo use, fix the prices, create one ticket per seat; or nothing.

    The same key with the same draft returns the order as it is now and changes nothing; `request_hash` is that of the
    draft unless the caller sent something else. `moment` (UTC, default now) is when it was bought; the promo code must
    be valid then.

    Raises (and then nothing is changed), with fields of a line written `lines.0.quantity`:
        NotFound: the event has no such package.
        InvalidInput: sentences by field; also more than order_lines.MAX_SEATS seats.
        EventArchived: the event is archived.
        NotForSale: a package is disabled.
        SoldOut: packages have fewer left, all of them named.
        PriceChanged: price or seats are not those of a line's `package_version` any more.
        PromoRefused: the promo code is unknown, inactive, expired or used up.
        IdempotencyMismatch: the key was used for another request.
    """
    packages = read_packages(session, actor, event_id, draft)
    permissions.require(session, actor, "change", event_id)
    if idempotency_key:
        request_hash = request_hash or hash_request(draft)
        if first := _replay(session, event_id, request_hash, idempotency_key):
            return first
    moment = moment or datetime.now(UTC)
    order = build_untracked(
        Order,
        id=uuid7(),
        event_id=event_id,
        number=new_order_number(),
        idempotency_key=idempotency_key,
        request_hash=request_hash,
        version=1,
    )
    try:
        recorded = _record(session, actor, order, draft, packages, moment)
    except Conflict as exc:
        # The second request of a double click waits for the first and then finds the stock or code used up by it.
        # A new transaction sees the first order and replays it.
        if idempotency_key and _find_by_idempotency_key(session, event_id, idempotency_key):
            raise db.RetryTransaction from exc
        raise
    _log_and_count(session, actor, recorded)
    return recorded


def get(session: Session, actor: Actor, event_id: uuid.UUID, order_id: uuid.UUID) -> RecordedOrder:
    """Return an order with its lines, tickets and answers. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    order = session.scalar(select(Order).where(Order.id == order_id, Order.event_id == event_id))
    if order is None:
        raise NotFound("order")
    return _load(session, order)


def complimentary_discount(channel: str, promo_code: str | None) -> Discount | None:
    """Return 100% for a comp sale, else None. Raises InvalidInput for comp with a promo code, which would be wasted."""
    if channel != "comp":
        return None
    if promo_code and promo_code.strip():
        raise InvalidInput({"promo_code": "A comp sale costs nothing. Remove the promo code."})
    return pricing.COMPLIMENTARY


def _replay(session: Session, event_id: uuid.UUID, request_hash: bytes, idempotency_key: str) -> RecordedOrder | None:
    first = _find_by_idempotency_key(session, event_id, idempotency_key)
    if first is None:
        return None
    if first.request_hash != request_hash:
        raise IdempotencyMismatch
    return _load(session, first, is_repeat=True)


def _find_by_idempotency_key(session: Session, event_id: uuid.UUID, key: str) -> Order | None:
    return session.scalar(select(Order).where(Order.event_id == event_id, Order.idempotency_key == key))


def _load(session: Session, order: Order, *, is_repeat: bool = False) -> RecordedOrder:
    purchases = session.scalars(
        select(Purchase).where(Purchase.order_id == order.id).order_by(Purchase.line_number)
    ).all()
    lines = {purchase.id: RecordedLine(purchase, [], {}) for purchase in purchases}
    tickets = select(AssignedTicket).where(AssignedTicket.purchase_id.in_(lines)).order_by(AssignedTicket.seat_number)
    for ticket in session.scalars(tickets):
        lines[ticket.purchase_id].tickets.append(ticket)
    for answer in session.scalars(select(Answer).where(Answer.purchase_id.in_(lines))):
        lines[answer.purchase_id].answers[answer.option_id] = answer.value
    code_ids = {purchase.promo_code_id for purchase in purchases}
    code = session.scalar(select(PromoCode.code).where(PromoCode.id.in_(code_ids)))
    time_zone = session.scalars(select(Event.time_zone).where(Event.id == order.event_id)).one()
    return RecordedOrder(order, list(lines.values()), code, time_zone, is_repeat)


def _record(
    session: Session, actor: Actor, order: Order, draft: OrderDraft, packages: Packages, moment: datetime
) -> RecordedOrder:
    """Record the order, again and again until the packages stay unchanged from validation to reservation."""
    discount = complimentary_discount(draft.channel, draft.promo_code)
    takes_locks = len(draft.lines) > 1 or draft.promo_code is not None
    while True:
        lines = validate_lines(session, order.event_id, draft, packages)
        if not takes_locks:
            # The storing statement takes the capacity, so the package is locked for this one round trip only.
            recorded = _store(session, _build(actor, order, draft, lines, discount, None, moment), lines)
            if recorded is not None:
                return recorded
        elif lock_packages(session, lines):
            promo_code_id = None
            if draft.promo_code is not None:
                promo_code_id, discount = promo_codes.reserve_use(
                    session,
                    order.event_id,
                    draft.promo_code,
                    donor_email_key=email_key(draft.donor.email),
                    moment=moment,
                )
            recorded = _store(session, _build(actor, order, draft, lines, discount, promo_code_id, moment), lines)
            assert recorded is not None, "a locked package changed"
            return recorded
        packages = read_packages(session, actor, order.event_id, draft)


def _build(
    actor: Actor,
    order: Order,
    draft: OrderDraft,
    lines: Sequence[ValidatedLine],
    discount: Discount | None,
    promo_code_id: uuid.UUID | None,
    moment: datetime,
) -> RecordedOrder:
    quotes = pricing.quote_lines([(line.package.price, line.draft.quantity) for line in lines], discount)
    purchases = [
        _build_purchase(actor, order, draft, number, line, quote, promo_code_id, moment)
        for number, (line, quote) in enumerate(zip(lines, quotes, strict=True), start=1)
    ]
    recorded = [
        RecordedLine(purchase, _build_tickets(purchase, line.draft), line.answers)
        for purchase, line in zip(purchases, lines, strict=True)
    ]
    promo_code = promo_codes.normalize_code(draft.promo_code) if draft.promo_code else None
    return RecordedOrder(order, recorded, promo_code, lines[0].package.time_zone)


def _build_purchase(
    actor: Actor,
    order: Order,
    draft: OrderDraft,
    number: int,
    line: ValidatedLine,
    quote: Quote,
    promo_code_id: uuid.UUID | None,
    moment: datetime,
) -> Purchase:
    package, quantity = line.package, line.draft.quantity
    return build_untracked(
        Purchase,
        id=uuid7(),
        event_id=order.event_id,
        order_id=order.id,
        line_number=number,
        leads_order=number == 1,
        package_id=package.id,
        quantity=quantity,
        unit_price=package.price,
        seats_per_package=package.seats_per_package,
        seats=package.seats_per_package * quantity,
        seats_named=len(line.draft.guests),
        list_price=quote.list_price,
        discount=quote.discount,
        total=quote.total,
        promo_code_id=promo_code_id,
        payment_status=draft.payment_status,
        channel=draft.channel,
        purchaser_name=draft.donor.name,
        purchaser_email=draft.donor.email,
        purchaser_phone=draft.donor.phone,
        notes=draft.notes,
        recorded_by=actor.staff_id,
        purchased_at=moment,
    )


def _build_tickets(purchase: Purchase, line: OrderLineDraft) -> list[AssignedTicket]:
    guest_by_seat = dict(enumerate(line.guests, start=1))
    return [
        build_untracked(
            AssignedTicket,
            id=uuid7(),
            event_id=purchase.event_id,
            purchase_id=purchase.id,
            seat_number=seat,
            code=code,
            guest_name=guest_by_seat[seat].name if seat in guest_by_seat else None,
            guest_email=guest_by_seat[seat].email if seat in guest_by_seat else None,
        )
        for seat, code in enumerate(new_ticket_codes(purchase.seats), start=1)
    ]


def _store(session: Session, recorded: RecordedOrder, lines: Sequence[ValidatedLine]) -> RecordedOrder | None:
    """Take the capacity and write the order with everything that belongs to it, in one statement.

    Returns None when the capacity was gone or a package edited meanwhile; then nothing was written.
    """
    parameters = order_sql.build_store_parameters(
        recorded.order,
        [line.purchase for line in recorded.lines],
        {line.package.id: line.package for line in lines},
        [ticket for line in recorded.lines for ticket in line.tickets],
        [(line.purchase.id, option_id, value) for line in recorded.lines for option_id, value in line.answers.items()],
    )
    stored = session.execute(order_sql.RESERVE_AND_STORE, parameters).first()
    if stored is None:
        return None
    recorded.order.donor_id = stored.donor_id
    return recorded


def _log_and_count(session: Session, actor: Actor, recorded: RecordedOrder) -> None:
    """Log and count an order after the commit. It has no audit entry: an order is its own record."""
    purchases = [line.purchase for line in recorded.lines]
    for purchase in purchases:
        values = {
            "order": recorded.order.id,
            "package": purchase.package_id,
            "channel": purchase.channel,
            "quantity": purchase.quantity,
        }
        change_log.log_after_commit(session, actor, purchase.event_id, "purchase.recorded", purchase.id, values=values)
    count = partial(metrics.count_sold, purchases[0].channel, orders=1, purchases=len(purchases))
    packages, seats = sum(each.quantity for each in purchases), sum(each.seats for each in purchases)
    dollars = sum((each.total for each in purchases), money.ZERO)
    db.after_commit(session, partial(count, packages=packages, seats=seats, dollars=dollars))

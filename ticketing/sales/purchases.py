"""Purchases: the one place where package, options, promo code, price and tickets meet in one transaction.

Source of every rule: PRODUCT "Purchases". What can fail by reading is judged first; then scarce things are taken,
always the package before the promo code, so that no two purchases wait for each other.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from sqlalchemy import Row, TextClause, select, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import audit, daily_totals, db, metrics, money, pricing
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import options, packages, promo_codes
from ticketing.errors import Conflict, IdempotencyMismatch, InvalidInput, NotForSale, NotFound, PriceChanged, SoldOut
from ticketing.models import BOX_OFFICE_CHANNELS as BOX_OFFICE_CHANNELS
from ticketing.models import CHANNELS, Answer, AssignedTicket, Option, PromoCode, Purchase
from ticketing.pricing import Discount, Quote
from ticketing.sales.ticket_codes import new_ticket_code
from ticketing.validation import (
    BLANK_AS_NONE,
    Draft,
    Email,
    MaxLength,
    Notes,
    PersonName,
    Phone,
    SingleLineText,
    email_key,
    validate,
)

for each in CHANNELS:  # at 0 from the start: Prometheus sees a rise only from what it has seen before
    metrics.PURCHASES.labels(each)


class DonorDraft(Draft):
    name: PersonName
    email: Email
    phone: Phone = None


class GuestDraft(Draft):
    name: PersonName
    email: Annotated[Email | None, BLANK_AS_NONE] = None


_ANSWER_SCHEMA = {"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "string"}}, {"type": "string"}]}


def _validate_encodable_text(value: Any) -> Any:
    """What cannot be written down cannot be an answer, whatever the question is."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("Remove the control characters.") from None
    return value


class AnswerDraft(Draft):
    """What was answered; `options.validate_answers` judges whether it fits the question."""

    option_id: uuid.UUID
    value: Annotated[Any, AfterValidator(_validate_encodable_text), WithJsonSchema(_ANSWER_SCHEMA)] = None


def _validate_unique_answers(answers: list[AnswerDraft]) -> list[AnswerDraft]:
    if len({answer.option_id for answer in answers}) < len(answers):
        raise ValueError("Answer each option once.")
    return answers


class PurchaseDraft(Draft):
    """`quantity` counts packages. `package_version` is the one the buyer was quoted; without it today's price holds.

    `guests` are named seat by seat from the first; the rest can be named later.
    """

    package_id: uuid.UUID
    quantity: Annotated[int, Field(ge=1, le=10_000)]
    donor: DonorDraft
    promo_code: Annotated[Annotated[SingleLineText, MaxLength(100)] | None, BLANK_AS_NONE] = None
    answers: Annotated[list[AnswerDraft], AfterValidator(_validate_unique_answers)] = []
    guests: list[GuestDraft] = []
    payment_status: Literal["completed", "pending"] = "completed"
    channel: Literal["cash", "cheque", "card_terminal", "comp", "online"] = "online"
    package_version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    notes: Notes = None


@dataclass(frozen=True)
class RecordedPurchase:
    """A purchase as it stands; `is_repeat` when the idempotency key had recorded it before."""

    purchase: Purchase
    tickets: list[AssignedTicket]
    promo_code: str | None
    answers: dict[uuid.UUID, Any]
    is_repeat: bool = False


def parse_draft(session: Session, event_id: uuid.UUID, values: Mapping[str, Any]) -> PurchaseDraft:
    """`values` from a form as a draft, or InvalidInput with every field that is wrong, the answers among them."""
    problems: dict[str, str] = {}
    try:
        draft = validate(PurchaseDraft, values)
    except InvalidInput as wrong:
        problems |= wrong.fields
    try:
        asked = options.list_active_unchecked(session, event_id, values["package_id"])
        options.validate_answers(asked, {given["option_id"]: given["value"] for given in values["answers"]})
    except InvalidInput as wrong:
        problems |= wrong.fields
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
    """What a purchase would cost now, in USD; changes nothing. Raises NotFound, PromoRefused, InvalidInput."""
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
    """Sells: takes the capacity and the promo use, fixes the price, makes one ticket per seat.

    The same key with the same draft answers with the first result and changes nothing. `moment` (UTC, default now)
    is when it was bought; expiry is judged at it. Raises NotFound, InvalidInput (field sentences), NotForSale,
    SoldOut, PriceChanged (against `package_version`), PromoRefused, IdempotencyMismatch; then nothing is changed.
    """
    permissions.require(session, actor, "change", event_id)
    fingerprint = _fingerprint(draft)
    if idempotency_key and (earlier := _find_by_idempotency_key(session, event_id, idempotency_key)):
        if earlier.purchase.request_hash != fingerprint:
            raise IdempotencyMismatch
        return earlier
    moment = moment or datetime.now(UTC)
    complimentary = _comp_discount(draft.channel, draft.promo_code)

    try:
        while True:
            package = _get_sellable_package(session, event_id, draft)
            answers = options.validate_answers(
                [Option(**asked | {"id": uuid.UUID(asked["id"])}) for asked in package.asked or ()],
                {answer.option_id: answer.value for answer in draft.answers},
            )
            promo_code_id, discount, held_zone = None, complimentary, None
            if draft.promo_code:
                if (held_zone := _reserve_capacity(session, package, draft.quantity)) is None:
                    continue
                promo_code_id, discount = promo_codes.reserve_use(
                    session, event_id, draft.promo_code, donor_email_key=email_key(draft.donor.email), moment=moment
                )
            price = pricing.quote(package.price, draft.quantity, discount)
            purchase = Purchase(
                id=uuid7(), event_id=event_id, package_id=draft.package_id, quantity=draft.quantity,
                unit_price=package.price, seats_per_package=package.seats_per_package,
                seats=package.seats_per_package * draft.quantity, seats_named=len(draft.guests),
                list_price=price.list_price,
                discount=price.discount, total=price.total, promo_code_id=promo_code_id,
                payment_status=draft.payment_status, channel=draft.channel, purchaser_name=draft.donor.name,
                purchaser_email=draft.donor.email, purchaser_phone=draft.donor.phone, notes=draft.notes,
                recorded_by=actor.staff_id, purchased_at=moment,
                idempotency_key=idempotency_key, request_hash=fingerprint if idempotency_key else None,
            )  # fmt: skip
            tickets = _build_tickets(purchase, draft.guests)
            if _insert_purchase(session, package, purchase, tickets, answers, held_zone):
                break
    except Conflict as refusal:
        # A doubled click waits for the first one and then finds what that one took gone: the first is the answer.
        if idempotency_key and _find_by_idempotency_key(session, event_id, idempotency_key):
            raise db.RetryTransaction from refusal
        raise
    db.after_commit(session, metrics.PURCHASES.labels(draft.channel).inc)
    code = promo_codes.normalize_code(draft.promo_code) if draft.promo_code else None
    return RecordedPurchase(purchase, tickets, code, answers)


def _comp_discount(channel: str, promo_code: str | None) -> Discount | None:
    """Comp is given away: it costs nothing, so a promo code would be spent on nothing."""
    if channel != "comp":
        return None
    if promo_code and promo_code.strip():
        raise InvalidInput({"promo_code": "A comp sale costs nothing. Remove the promo code."})
    return pricing.COMPLIMENTARY


_SELECT_PACKAGE = text("""
    SELECT id, name, price, seats_per_package, quantity_limit, sold_count, is_enabled, version, options_version,
        (SELECT jsonb_agg(jsonb_build_object('id', id, 'label', label, 'option_type', option_type, 'choices', choices,
                    'is_required', is_required) ORDER BY display_order)
         FROM options WHERE package_id = packages.id AND retired_at IS NULL) AS asked
    FROM packages WHERE id = :package_id AND event_id = :event_id
""")


def _get_sellable_package(session: Session, event_id: uuid.UUID, draft: PurchaseDraft) -> Row[Any]:
    """The package as it stands, which has what the draft asks for; nothing is held yet."""
    package = session.execute(_SELECT_PACKAGE, {"package_id": draft.package_id, "event_id": event_id}).first()
    if package is None:
        raise NotFound("package")
    if not package.is_enabled:
        raise NotForSale(package.name)
    limit = package.quantity_limit
    if limit is not None and package.sold_count + draft.quantity > limit:
        raise SoldOut(package.name, sold=package.sold_count, limit=limit)
    if draft.package_version is not None and draft.package_version != package.version:
        meanwhile = audit.changes_since(session, event_id, draft.package_id, draft.package_version)
        if draft.package_version > package.version or {"price", "seats_per_package"} & {c.field for c in meanwhile}:
            seats = "1 seat" if package.seats_per_package == 1 else f"{package.seats_per_package} seats"
            raise PriceChanged(package.name, f"{money.format_dollars(package.price)} for {seats}")
    seats = package.seats_per_package * draft.quantity
    if len(draft.guests) > seats:
        raise InvalidInput(
            {"guests": f"{len(draft.guests)} guests are named for {seats} seat{'s' * (seats > 1)}. Remove some."}
        )
    return package


# Takes the capacity and holds the package until the transaction ends. Finds nothing when the capacity is gone, or when
# somebody edited the package or its questions since they were read: then it is read again, and that says why.
_RESERVE_CAPACITY_SQL = """
    UPDATE packages SET sold_count = sold_count + :quantity, sales_version = sales_version + 1
    WHERE id = :package_id AND version = :version AND options_version = :options_version AND is_enabled
      AND (quantity_limit IS NULL OR sold_count + :quantity <= quantity_limit)
    RETURNING time_zone
"""
_RESERVE_CAPACITY = text(_RESERVE_CAPACITY_SQL)


def _version_parameters(package: Row[Any]) -> dict[str, int]:
    return {"version": package.version, "options_version": package.options_version}


def _reserve_capacity(session: Session, package: Row[Any], quantity: int) -> str | None:
    """Takes the capacity before a promo code is taken, so that no two purchases wait for each other.

    Answers with the event's time zone, which cannot change while the package is held; None when it could not be taken.
    """
    taken = {"package_id": package.id, "quantity": quantity} | _version_parameters(package)
    return session.execute(_RESERVE_CAPACITY, taken).scalar_one_or_none()


def _build_tickets(purchase: Purchase, guests: list[GuestDraft]) -> list[AssignedTicket]:
    named = dict(enumerate(guests, start=1))
    return [
        AssignedTicket(
            id=uuid7(), event_id=purchase.event_id, purchase_id=purchase.id, seat_number=seat, code=new_ticket_code(),
            guest_name=named[seat].name if seat in named else None,
            guest_email=named[seat].email if seat in named else None,
        )
        for seat in range(1, purchase.seats + 1)
    ]  # fmt: skip


def _build_insert(package: str) -> TextClause:
    """Everything of a purchase in one round trip; `package` gives its time zone when the capacity is taken."""
    return text(f"""
    WITH package AS ({package}), donor AS (
        INSERT INTO donors (id, event_id, email, email_key, name, phone)
        SELECT :donor_id, :event_id, :purchaser_email, :email_key, :purchaser_name, :purchaser_phone FROM package
        ON CONFLICT (event_id, email_key) DO UPDATE
            SET name = excluded.name, email = excluded.email, phone = coalesce(excluded.phone, donors.phone)
        RETURNING id
    ), purchase AS (
        INSERT INTO purchases (id, event_id, package_id, donor_id, quantity, unit_price, seats_per_package, seats_named,
            list_price, discount, total, promo_code_id, payment_status, channel, purchaser_name, purchaser_email,
            purchaser_phone, notes, recorded_by, purchased_at, idempotency_key, request_hash)
        SELECT :id, :event_id, :package_id, donor.id, :quantity, :unit_price, :seats_per_package, :seats_named,
            :list_price, :discount, :total, :promo_code_id, :payment_status, :channel, :purchaser_name,
            :purchaser_email, :purchaser_phone, :notes, :recorded_by, :purchased_at, :idempotency_key, :request_hash
        FROM donor
        RETURNING id, donor_id
    ), days AS (
        INSERT INTO daily_sales AS so_far ({daily_totals.COLUMNS})
        SELECT :event_id, :package_id, CAST(timezone(package.time_zone, :purchased_at) AS date), :channel,
            :payment_status, CAST(:promo_code_id AS uuid), 1, :quantity, :seats, :seats_named, :list_price, :discount,
            :total
        FROM package
        {daily_totals.ADD_ON_CONFLICT}
    ), promo_use AS (
        INSERT INTO promo_uses (purchase_id, event_id, promo_code_id, donor_id, discount, used_at)
        SELECT id, :event_id, :promo_code_id, donor_id, :discount, :purchased_at
        FROM purchase WHERE CAST(:promo_code_id AS uuid) IS NOT NULL
    ), answer AS (
        INSERT INTO answers (purchase_id, event_id, option_id, value)
        SELECT purchase.id, :event_id, given.option_id, CAST(given.value AS jsonb)
        FROM purchase, unnest(CAST(:option_ids AS uuid[]), CAST(:answer_values AS text[])) AS given(option_id, value)
    ), ticket AS (
        INSERT INTO assigned_tickets (id, event_id, purchase_id, seat_number, code, guest_name, guest_email)
        SELECT seat.id, :event_id, purchase.id, seat.number, seat.code, seat.guest_name, seat.guest_email
        FROM purchase, unnest(CAST(:ticket_ids AS uuid[]), CAST(:codes AS text[]), CAST(:guest_names AS text[]),
            CAST(:guest_emails AS text[])) WITH ORDINALITY AS seat(id, code, guest_name, guest_email, number)
    )
    SELECT donor_id FROM purchase
    """)  # noqa: S608


# Without a promo code the package is held for this one statement: round trips while it is held are what costs.
_RESERVE_AND_INSERT = _build_insert(_RESERVE_CAPACITY_SQL)
_INSERT_PURCHASE = _build_insert("SELECT CAST(:held_zone AS text) AS time_zone")  # the package is held already
_PURCHASE_PARAMETERS = [
    "id", "event_id", "package_id", "quantity", "unit_price", "seats_per_package", "seats", "seats_named",
    "list_price", "discount", "total", "promo_code_id", "payment_status", "channel", "purchaser_name",
    "purchaser_email", "purchaser_phone", "notes", "recorded_by", "purchased_at", "idempotency_key", "request_hash",
]  # fmt: skip


def _insert_purchase(
    session: Session,
    package: Row[Any],
    purchase: Purchase,
    tickets: list[AssignedTicket],
    answers: dict[uuid.UUID, Any],
    held_zone: str | None,
) -> bool:
    """Writes the purchase, taking the package with it unless it is held. False when that could not be taken."""
    parameters = {name: getattr(purchase, name) for name in _PURCHASE_PARAMETERS} | {
        "donor_id": uuid7(),
        "email_key": email_key(purchase.purchaser_email),
        "option_ids": list(answers),
        "answer_values": [json.dumps(value) for value in answers.values()],
        "ticket_ids": [ticket.id for ticket in tickets],
        "codes": [ticket.code for ticket in tickets],
        "guest_names": [ticket.guest_name for ticket in tickets],
        "guest_emails": [ticket.guest_email for ticket in tickets],
    }
    if held_zone is not None:
        purchase.donor_id = session.execute(_INSERT_PURCHASE, parameters | {"held_zone": held_zone}).scalar_one()
        return True
    stored = session.execute(_RESERVE_AND_INSERT, parameters | _version_parameters(package)).first()
    if stored is not None:
        purchase.donor_id = stored.donor_id
    return stored is not None


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


def _fingerprint(draft: PurchaseDraft) -> bytes:
    return hashlib.sha256(draft.model_dump_json().encode()).digest()

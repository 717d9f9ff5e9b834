"""Guests: name them seat by seat, list the seats without one, and list all guests of an event.

Rules: docs/product.md, "Words" (guest, assigned ticket) and "Sales". Only completed and pending purchases have seats.
The guests of a failed, refunded or voided purchase stay on its tickets but are not listed here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, text
from sqlalchemy.orm import Session

from ticketing import audit, optimistic_locking
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import Conflict, InvalidInput, NotFound
from ticketing.formatting import format_count
from ticketing.models import SOLD_STATUSES, AssignedTicket, DailySales, Package, Purchase
from ticketing.purchase_filter import PurchaseFilter
from ticketing.sales import corrections
from ticketing.sales.order_draft import GuestDraft
from ticketing.validation import validate

_IS_SOLD = Purchase.payment_status.in_(SOLD_STATUSES)
# A shorter word of a search matches the start of too many ticket codes by chance.
MIN_CODE_PREFIX_LENGTH = 4
_BRACKETED_EMAIL = re.compile(r"(.*?)<([^<>]*@[^<>]*)>")
_SEPARATED_EMAIL = re.compile(r"(.*)[,;\t]([^,;\t]*@[^,;\t]*)")


@dataclass(frozen=True)
class PurchaseMissingGuests:
    purchase: Purchase
    package: str

    @property
    def seats_unnamed(self) -> int:
        return self.purchase.seats - self.purchase.seats_named


@dataclass(frozen=True)
class GuestListRow:
    """One seat in the guest list; `guest` is None until it is named. `seats` counts those of the whole purchase."""

    guest: str | None
    email: str | None
    ticket_code: str
    seat: int
    seats: int
    package: str
    purchaser: str
    payment_status: str
    purchase_id: uuid.UUID


def parse_guest_list(names: str) -> list[dict[str, str | None]]:
    """Return a guest for each pasted line "Name", "Name, e-mail" or "Name <e-mail>"; skip blank lines.

    A semicolon or tab may stand for the comma. Nothing is validated here: a line that is only an e-mail address gives
    an empty name, which name_guests refuses.
    """
    return [_parse_guest_line(line) for line in names.splitlines() if line.strip()]


def name_guests(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    purchase_id: uuid.UUID,
    guests: Mapping[int, Mapping[str, Any] | None],
    *,
    seen_version: int,
) -> Purchase:
    """Name, rename or clear (None) the guests of the given seats; other seats stay as they are.

    Values that are stored already are no change and raise no version. Raises NotFound, InvalidInput (by seat:
    `guests.3.name`), Conflict when the purchase is failed, refunded or voided, and StaleVersion when it was changed
    since `seen_version`; then nothing is changed.
    """
    permissions.require(session, actor, "change", event_id)
    drafts = _validate_guests(guests)
    purchase = corrections.get_for_update(session, event_id, purchase_id)
    if purchase.payment_status not in SOLD_STATUSES:
        raise Conflict(f"This purchase is {purchase.payment_status}, so its seats were returned. No guest was named.")
    optimistic_locking.check_version(session, event_id, purchase, seen_version)
    if beyond := [seat for seat in drafts if not 1 <= seat <= purchase.seats]:
        seats = format_count(purchase.seats, "seat")
        raise InvalidInput(
            {f"guests.{seat}": f"There is no seat {seat:,}: this purchase has {seats}." for seat in beyond}
        )
    changes, newly_named = _store_guests(session, purchase, drafts)
    if changes:
        with corrections.updating_totals(session, [purchase]):
            purchase.seats_named += newly_named
            purchase.version += 1
        audit.record(session, actor, event_id, "purchase.guests_named", purchase, changes)
    return purchase


def get_purchase_with_seats(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    purchase_id: uuid.UUID,
    *,
    page: int = 1,
    per_page: int = 20,
) -> tuple[Purchase, list[AssignedTicket]]:
    """Return a purchase and one page of its seats, in order. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    purchase = session.scalar(select(Purchase).where(Purchase.id == purchase_id, Purchase.event_id == event_id))
    if purchase is None:
        raise NotFound("purchase")
    first = (page - 1) * per_page
    return purchase, _list_tickets(
        session, purchase_id, AssignedTicket.seat_number.between(first + 1, first + per_page)
    )


def list_empty_seats(
    session: Session, actor: Actor, event_id: uuid.UUID, purchase_id: uuid.UUID, *, limit: int | None = None
) -> list[int]:
    """Return the numbers of the seats of a purchase without a guest, in order, at most `limit` of them."""
    permissions.require(session, actor, "read", event_id)
    return list(
        session.scalars(
            select(AssignedTicket.seat_number)
            .where(
                AssignedTicket.event_id == event_id,
                AssignedTicket.purchase_id == purchase_id,
                AssignedTicket.guest_name.is_(None),
            )
            .order_by(AssignedTicket.seat_number)
            .limit(limit)
        )
    )


def list_purchases_missing_guests(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    *,
    package_id: uuid.UUID | None = None,
    page: int = 1,
    per_page: int = 20,
) -> tuple[list[PurchaseMissingGuests], int]:
    """Return one page of the purchases with seats without a guest, oldest first, and how many there are in all."""
    permissions.require(session, actor, "read", event_id)
    conditions = [
        Purchase.event_id == event_id,
        _IS_SOLD,
        Purchase.seats_named < Purchase.seats,
        *_filter_by_package(package_id),
    ]
    total = session.scalar(select(func.count()).select_from(Purchase).where(*conditions))
    rows = session.execute(
        select(Purchase, Package.name)
        .join(Package, Package.id == Purchase.package_id)
        .where(*conditions)
        .order_by(Purchase.purchased_at, Purchase.id)
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    return [PurchaseMissingGuests(*row) for row in rows], total or 0


def list_guests(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    *,
    search: str = "",
    package_id: uuid.UUID | None = None,
    named: bool | None = None,
    page: int = 1,
    per_page: int = 20,
) -> tuple[list[GuestListRow], int]:
    """Return one page of the seats, grouped by purchase, oldest first, and how many there are in all.

    Every word of `search` must be in the guest or the purchaser, or begin the ticket code; accents and case do not
    matter. `named` keeps only seats with a guest (True) or without one (False).
    """
    permissions.require(session, actor, "read", event_id)
    words = PurchaseFilter(search=search).words
    rows_query = (
        _select_seats(
            AssignedTicket.guest_name,
            AssignedTicket.guest_email,
            AssignedTicket.code,
            AssignedTicket.seat_number,
            Purchase.seats,
            Package.name,
            Purchase.purchaser_name,
            Purchase.payment_status,
            Purchase.id,
        )
        .where(
            AssignedTicket.event_id == event_id,
            Purchase.event_id == event_id,
            _IS_SOLD,
            *_filter_by_package(package_id),
        )
        .where(*_filter_by_named(named), *map(_contains_word, words))
        .order_by(Purchase.purchased_at, Purchase.id, AssignedTicket.seat_number)
    )
    page_query = rows_query.limit(per_page).offset((page - 1) * per_page)
    if words:
        return _fetch_page_with_total(session, rows_query, page_query)
    rows = [GuestListRow(*row) for row in session.execute(page_query)]
    return rows, _count_seats(session, event_id, package_id, named)


def _parse_guest_line(line: str) -> dict[str, str | None]:
    parts = _BRACKETED_EMAIL.fullmatch(line.strip()) or _SEPARATED_EMAIL.fullmatch(line.strip())
    if parts is None and "@" in line and " " not in line.strip():
        return {"name": "", "email": line.strip()}
    name, email = (parts[1], parts[2].strip()) if parts else (line, None)
    return {"name": " ".join(name.split()).strip(" ,;\"'"), "email": email}


def _validate_guests(guests: Mapping[int, Mapping[str, Any] | None]) -> dict[int, GuestDraft | None]:
    drafts: dict[int, GuestDraft | None] = {}
    problems: dict[str, str] = {}
    for seat, guest in guests.items():
        try:
            drafts[seat] = None if guest is None else validate(GuestDraft, guest)
        except InvalidInput as exc:
            problems |= {f"guests.{seat}.{field}": sentence for field, sentence in exc.fields.items()}
    if problems:
        raise InvalidInput(problems)
    return drafts


_UPDATE_GUESTS = text("""
    UPDATE assigned_tickets SET guest_name = given.name, guest_email = given.email
    FROM unnest(CAST(:seats AS int[]), CAST(:names AS text[]), CAST(:emails AS text[])) AS given(seat, name, email)
    WHERE purchase_id = :purchase_id AND seat_number = given.seat
""")


def _store_guests(
    session: Session, purchase: Purchase, drafts: Mapping[int, GuestDraft | None]
) -> tuple[list[audit.Change], int]:
    """Write the seats that differ, in one statement; return the changes and how many more seats have a guest now."""
    changes: list[audit.Change] = []
    changed_rows: list[tuple[int, str | None, str | None]] = []
    newly_named = 0
    for ticket in _list_tickets(session, purchase.id, AssignedTicket.seat_number.in_(drafts)):
        guest = drafts[ticket.seat_number]
        name, email = (guest.name, guest.email) if guest else (None, None)
        if (name, email) != (ticket.guest_name, ticket.guest_email):
            changed_rows.append((ticket.seat_number, name, email))
            old, new = format_guest(ticket.guest_name, ticket.guest_email), format_guest(name, email)
            changes.append(audit.Change(f"seat {ticket.seat_number}", old, new))
            newly_named += (name is not None) - (ticket.guest_name is not None)
    if changed_rows:
        numbers, names, emails = (list(column) for column in zip(*changed_rows, strict=True))
        session.execute(
            _UPDATE_GUESTS, {"purchase_id": purchase.id, "seats": numbers, "names": names, "emails": emails}
        )
    return changes, newly_named


def format_guest(name: str | None, email: str | None) -> str | None:
    """Return a guest as the audit log stores it, "Ana Ruiz <ana@example.org>"; None for an empty seat."""
    return f"{name} <{email}>" if name and email else name


def parse_guest(guest: object) -> tuple[str | None, str | None]:
    """Return name and e-mail address of a guest that format_guest formatted."""
    if guest is None:
        return None, None
    name, _, email = str(guest).removesuffix(">").rpartition(" <")
    return (name, email) if "@" in email and str(guest).endswith(">") else (str(guest), None)


def _list_tickets(session: Session, purchase_id: uuid.UUID, condition: ColumnElement[bool]) -> list[AssignedTicket]:
    return list(
        session.scalars(
            select(AssignedTicket)
            .where(AssignedTicket.purchase_id == purchase_id, condition)
            .order_by(AssignedTicket.seat_number)
            .execution_options(populate_existing=True)
        )
    )


def _select_seats(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(Purchase)
        .join(Package, Package.id == Purchase.package_id)
        .join(AssignedTicket, AssignedTicket.purchase_id == Purchase.id)
    )


def _filter_by_package(package_id: uuid.UUID | None) -> list[ColumnElement[bool]]:
    return [] if package_id is None else [Purchase.package_id == package_id]


def _filter_by_named(named: bool | None) -> list[ColumnElement[bool]]:
    if named is None:
        return []
    return [AssignedTicket.guest_name.is_not(None) if named else AssignedTicket.guest_name.is_(None)]


def _contains_word(word: str) -> ColumnElement[bool]:
    key = select(func.search_key(word)).scalar_subquery()  # computed once, not for every seat
    matches = [func.strpos(column, key) > 0 for column in (Purchase.search_text, AssignedTicket.search_text)]
    if len(word) >= MIN_CODE_PREFIX_LENGTH:
        matches.append(func.starts_with(AssignedTicket.code, word.upper()))
    return or_(*matches)


def _fetch_page_with_total(
    session: Session, rows_query: Select[Any], page_query: Select[Any]
) -> tuple[list[GuestListRow], int]:
    """Return the rows of a page and the total, in one query; in two when the page is past the last."""
    rows = session.execute(page_query.add_columns(func.count().over())).all()
    if rows:
        return [GuestListRow(*row[:-1]) for row in rows], rows[0][-1]
    return [], session.scalar(select(func.count()).select_from(rows_query.order_by(None).subquery())) or 0


def _count_seats(session: Session, event_id: uuid.UUID, package_id: uuid.UUID | None, named: bool | None) -> int:
    """Return how many seats there are, from the daily totals."""
    seats, with_guest = DailySales.seats, DailySales.seats_named
    counted = seats if named is None else with_guest if named else seats - with_guest
    conditions = [DailySales.event_id == event_id, DailySales.payment_status.in_(SOLD_STATUSES)]
    if package_id is not None:
        conditions.append(DailySales.package_id == package_id)
    return session.scalar(select(func.coalesce(func.sum(counted), 0)).where(*conditions)) or 0

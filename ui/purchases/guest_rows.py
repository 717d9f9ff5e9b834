"""The rows of the guests page: purchases with seats to name, seats with their guests, and sponsorships."""

from __future__ import annotations

from ticketing import money
from ticketing.reporting.purchase_list import PurchaseRow
from ticketing.sales.guests import GuestListRow, PurchaseMissingGuests
from ui import text
from ui.widgets.list_rows import Badge, Figure, Row, build_icon

PURCHASE_TITLES = ("Bought", "Guests named")
SEAT_TITLES = ("Seat", "Ticket code")
SPONSOR_TITLES = ("Total", "Guests named")


def build_purchase_row(row: PurchaseMissingGuests, zone: str) -> Row:
    """Return the row of a purchase with seats without a guest."""
    purchase = row.purchase
    return Row(
        purchase.id,
        purchase.purchaser_name,
        build_icon("group"),
        (Figure(text.format_datetime(purchase.purchased_at, zone)), _build_named(purchase.seats, purchase.seats_named)),
        _list_badges(purchase.payment_status),
        f"{purchase.quantity:,} × {row.package} · {purchase.purchaser_email}",
    )


def build_seat_row(row: GuestListRow) -> Row:
    """Return the row of a seat, under its guest's name if it has one."""
    to_name = () if row.guest else (Badge("To name", "person_add", "note"),)
    parts = (row.package, f"bought by {row.purchaser}", row.email)
    return Row(
        f"{row.purchase_id}_{row.seat}",
        row.guest or "No guest yet",
        build_icon("person" if row.guest else "event_seat"),
        (Figure(f"{row.seat:,} of {row.seats:,}"), Figure(row.ticket_code)),
        (*to_name, *_list_badges(row.payment_status)),
        " · ".join(part for part in parts if part),
        is_off=not row.guest,
    )


def build_sponsor_row(row: PurchaseRow) -> Row:
    """Return the row of a sponsorship."""
    purchase = row.purchase
    return Row(
        purchase.id,
        purchase.purchaser_name,
        build_icon("workspace_premium"),
        (Figure(money.format_dollars(purchase.total)), _build_named(purchase.seats, purchase.seats_named)),
        _list_badges(purchase.payment_status),
        f"{purchase.quantity:,} × {row.package} · {purchase.purchaser_email}",
    )


def _build_named(seats: int, named: int) -> Figure:
    to_name = f"{seats - named:,} to name" if named < seats else "all named"
    return Figure(f"{named:,} of {seats:,}", to_name, named / seats)


def _list_badges(payment_status: str) -> tuple[Badge, ...]:
    return () if payment_status == "completed" else (Badge(text.STATUS_LABELS[payment_status], "schedule"),)

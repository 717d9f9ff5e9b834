"""Form that names the guests of a purchase: one row per seat, 20 at a time, or a pasted list for the empty seats.

The guests page shows it as a dialog, the details of a purchase inside their drawer.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from ticketing import db
from ticketing.errors import FieldChange, StaleVersion
from ticketing.models import AssignedTicket, Event, Purchase
from ticketing.sales import guests
from ui import text
from ui.runtime import outage
from ui.session import PageContext
from ui.widgets import forms, undo

KIND = "guests"
SEATS_PER_PAGE = 20
NAME, EMAIL = "name", "e-mail"


@outage.keep_page_on_outage()
def open_form(context: PageContext, event: Event, purchase_id: uuid.UUID, seat: int | None = None) -> None:
    """For a callback: open the form for one seat, or for all seats at the page of the first empty one."""
    with db.read_session() as s:
        purchase, _ = guests.get_purchase_with_seats(s, context.actor, event.id, purchase_id, per_page=1)
        first = guests.list_empty_seats(s, context.actor, event.id, purchase_id, limit=1)
    forms.open_form(KIND, purchase.id, purchase.version, {}, to_widget_value=lambda _name, stored: stored or "")
    form = forms.find_form(KIND)
    assert form is not None
    st.session_state[form.key("event")] = event.id
    st.session_state[form.key("only")] = seat
    st.session_state[form.key("page")] = _page_number(seat or (first[0] if first else 1))
    st.session_state[form.key("list")] = ""


def is_open() -> bool:
    """Whether the form is open; a background redraw would disturb its user."""
    return forms.find_form(KIND) is not None


def render(context: PageContext, event: Event) -> None:
    """Render the dialog while the form is open; close the form when it belongs to another event."""
    form = forms.find_form(KIND)
    if form is not None and st.session_state.get(form.key("event")) != event.id:
        forms.close_form(KIND)
    body = partial(render_form, context, event)
    forms.render_dialog(KIND, "Name guests", "Name guests", body, event.time_zone, **forms.SHEET)


def render_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Render the fields and buttons; the dialog shows problems and conflicts above them."""
    assert form.id is not None
    only = st.session_state.get(form.key("only"))
    page = _page_number(only) if only else int(st.session_state.get(form.key("page"), 1))
    with db.read_session() as s:
        purchase, tickets = guests.get_purchase_with_seats(
            s, context.actor, event.id, form.id, page=page, per_page=SEATS_PER_PAGE
        )
    st.markdown(
        f"**{text.escape_markdown(purchase.purchaser_name)}** · {purchase.seats_named:,} of {purchase.seats:,} named"
    )
    if only is None and purchase.seats > 1:
        _render_pasted_list(context, event, form)
    for ticket in tickets:
        if only in (None, ticket.seat_number):
            _render_seat(form, ticket)
    if only is None:
        _render_pages(form, purchase)
    if only is None and (form.problems or form.refusal):
        forms.render_problem({"above": "Nothing was saved. See the message above."}, "above")
    with st.container(horizontal=True):
        st.button(
            "Save guest" if only else "Save guests",
            key=form.key("save"),
            type="primary",
            on_click=_save,
            args=(context, event, form),
            disabled=bool(form.conflicts),
        )
        if only and purchase.seats > 1:
            label = f"All {purchase.seats:,} seats"
            st.button(label, key=form.key("all"), on_click=_switch_to_all_seats, args=(form, page))
        st.button("Cancel", key=form.key("cancel"), on_click=forms.close_form, args=(KIND,))


def _render_seat(form: forms.FormState, ticket: AssignedTicket) -> None:
    """Render one row: name and e-mail address. Both labels name the seat, for screen readers."""
    seat = ticket.seat_number
    _init_seat_fields(form, seat, ticket.guest_name, ticket.guest_email)
    options: dict[str, Any] = {"persist_state": "session", "on_change": "ignore", "autocomplete": "off"}
    left, right = st.columns(2, vertical_alignment="bottom", gap="small")
    label = f"Seat {seat:,} · {ticket.code}"
    with left:
        st.text_input(label, key=form.key(_field_name(seat, NAME)), placeholder="Name", **options)
    with right:
        st.text_input(
            f"E-mail, seat {seat:,}",
            key=form.key(_field_name(seat, EMAIL)),
            type="email",
            icon="",
            placeholder="E-mail (optional)",
            label_visibility="collapsed",
            **options,
        )
    for part in (NAME, EMAIL):
        forms.render_problem(form, f"guests.{seat}.{part.replace('-', '')}", _field_name(seat, part))


def _render_pages(form: forms.FormState, purchase: Purchase) -> None:
    if purchase.seats > SEATS_PER_PAGE:
        pages = _page_number(purchase.seats)
        st.pagination(pages, key=form.key("page"), persist_state="session", max_visible_pages=5)


def _render_pasted_list(context: PageContext, event: Event, form: forms.FormState) -> None:
    with st.expander("Paste a list", icon=":material/content_paste:"):
        st.text_area(
            "Names, one guest per line",
            key=form.key("list"),
            persist_state="session",
            on_change="ignore",
            height=120,
            placeholder="Ana Lopez, ana@example.org\nBen Okafor",
        )
        forms.render_hint(
            "Fills the empty seats in order. Add an e-mail address after a comma if you have it. Then save."
        )
        st.button("Fill the empty seats", key=form.key("fill"), on_click=_fill_empty_seats, args=(context, event, form))
        if message := st.session_state.get(form.key("filled")):
            st.info(message)


@outage.keep_page_on_outage()
def _fill_empty_seats(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Fill the fields of the empty seats with the pasted guests, unsaved; lines without a seat stay in the list."""
    assert form.id is not None
    lines = [line for line in st.session_state[form.key("list")].splitlines() if line.strip()]
    taken = {seat for seat, guest in _get_entered_guests(form).items() if guest is not None}
    with db.read_session() as s:
        free = guests.list_empty_seats(s, context.actor, event.id, form.id, limit=len(lines) + len(taken))
    cleared = {seat for seat, guest in _get_entered_guests(form).items() if guest is None}
    seats = sorted((set(free) | cleared) - taken)
    for seat, guest in zip(seats, guests.parse_guest_list("\n".join(lines)), strict=False):
        _init_seat_fields(form, seat, None, None)
        st.session_state[form.key(_field_name(seat, NAME))] = guest["name"]
        st.session_state[form.key(_field_name(seat, EMAIL))] = guest["email"] or ""
    filled, left = min(len(seats), len(lines)), lines[len(seats) :]
    st.session_state[form.key("list")] = "\n".join(left)
    if filled:
        st.session_state[form.key("page")] = _page_number(seats[0])
    st.session_state[form.key("filled")] = _format_fill_message(filled, left, seats)


def _format_fill_message(filled: int, left: list[str], seats: list[int]) -> str:
    if not filled:
        return "No empty seats left." if left else ""
    where = f"seat {seats[0]:,}" if filled == 1 else f"the empty seats from {seats[0]:,} to {seats[filled - 1]:,}"
    message = f"{text.format_count(filled, 'guest')} added to {where}. Check the names, then save."
    if left:
        message += f" Not enough seats: {text.format_count(len(left), 'line is', 'lines are')} still in the list."
    return message


def _save(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Save only the seats that were changed here, so that other users' changes to other seats stay."""
    typed = _get_entered_guests(form)
    changed = {seat: typed[seat] for seat in sorted({_parse_seat(name) for name in form.changed_values()})}
    version = form.version
    purchase = forms.submit(form, lambda s: _name_guests(s, context, event, form, changed))
    if purchase is not None:
        message = f"{purchase.purchaser_name}: {purchase.seats_named:,} of {purchase.seats:,} seats named."
        if purchase.version == version:
            forms.add_message(message)
        else:
            old = {seat: _get_stored_guest(form, seat) for seat in changed}
            undo.offer(message, partial(_undo, context, event, purchase, old))
    if form.problems:
        first = min(int(field.split(".")[1]) for field in form.problems)
        st.session_state[form.key("page")] = _page_number(first)


def _undo(
    context: PageContext, event: Event, named: Purchase, old: dict[int, dict[str, str] | None], s: db.Session
) -> None:
    guests.name_guests(s, context.actor, event.id, named.id, old, seen_version=named.version)


def _get_stored_guest(form: forms.FormState, seat: int) -> dict[str, str] | None:
    """Return the guest that a seat had when the form was opened, or that a colleague named since."""
    name, email = (form.values[_field_name(seat, part)] or "" for part in (NAME, EMAIL))
    return {"name": name, "email": email} if name or email else None


def _name_guests(
    s: db.Session, context: PageContext, event: Event, form: forms.FormState, changed: dict[int, Any]
) -> Purchase:
    assert form.id is not None
    try:
        return guests.name_guests(s, context.actor, event.id, form.id, changed, seen_version=form.version)
    except StaleVersion as exc:
        # The audit log stores a guest as one value; this form has a field for the name and one for the address.
        exc.changes = tuple(field for change in exc.changes for field in _split_guest_change(change))
        raise


def _split_guest_change(change: FieldChange) -> list[FieldChange]:
    """Return the change of a seat as changes of its name and e-mail fields; other changes stay as they are."""
    if not change.field.startswith("seat "):
        return [change]
    seat = int(change.field.removeprefix("seat "))
    old, new = guests.parse_guest(change.old), guests.parse_guest(change.new)
    parts = [(_field_name(seat, NAME), old[0], new[0]), (_field_name(seat, EMAIL), old[1], new[1])]
    return [replace(change, field=name, old=before, new=after) for name, before, after in parts if before != after]


def _switch_to_all_seats(form: forms.FormState, page: int) -> None:
    st.session_state[form.key("only")] = None
    st.session_state[form.key("page")] = page


def _init_seat_fields(form: forms.FormState, seat: int, name: str | None, email: str | None) -> None:
    """Set the seat's two fields to the stored guest, unless the form has them already."""
    for field, value in ((_field_name(seat, NAME), name or ""), (_field_name(seat, EMAIL), email or "")):
        if field not in form.values:
            form.values[field] = value
            st.session_state[form.key(field)] = value


def _get_entered_guests(form: forms.FormState) -> dict[int, dict[str, str] | None]:
    """Return the guests in the fields by seat; None where both fields are empty."""
    fields = form.typed()
    typed: dict[int, dict[str, str] | None] = {}
    for seat in {_parse_seat(name) for name in fields}:
        guest = {"name": fields[_field_name(seat, NAME)] or "", "email": fields[_field_name(seat, EMAIL)] or ""}
        typed[seat] = guest if any(value.strip() for value in guest.values()) else None
    return typed


def _field_name(seat: int, part: str) -> str:
    """Return the field's name, which is also its label in a conflict message."""
    return f"Seat {seat} {part}"


def _parse_seat(field: str) -> int:
    return int(field.split()[1])


def _page_number(seat: int) -> int:
    return -(-seat // SEATS_PER_PAGE)

"""Naming the guests of a purchase: a row per seat, 20 at a time, or a pasted list that fills the empty seats.

Used by the guests page as a dialog, and wherever a purchase is shown. One form for a person: kind "guests".
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
from ui.session import Here
from ui.widgets import forms

KIND = "guests"
SEATS_AT_A_TIME = 20
NAME, EMAIL = "name", "e-mail"


@outage.page_kept()
def start(here: Here, event: Event, purchase_id: uuid.UUID, seat: int | None = None) -> None:
    """For a button's callback: opens the form, of that one seat or else where the first empty one is."""
    with db.reading() as s:
        purchase, _ = guests.seats(s, here.actor, event.id, purchase_id, per_page=1)
        first = guests.empty_seats(s, here.actor, event.id, purchase_id, most=1)
    forms.open_form(KIND, purchase.id, purchase.version, {}, as_typed=lambda _name, stored: stored or "")
    form = forms.opened(KIND)
    assert form is not None
    st.session_state[form.key("event")] = event.id
    st.session_state[form.key("only")] = seat
    st.session_state[form.key("page")] = _page_of(seat or (first[0] if first else 1))
    st.session_state[form.key("list")] = ""


def is_open() -> bool:
    """Whether somebody is naming here now, whom a rerun would disturb."""
    return forms.opened(KIND) is not None


def show(here: Here, event: Event) -> None:
    """The dialog, while the form is open; one of another event's purchase is over."""
    form = forms.opened(KIND)
    if form is not None and st.session_state.get(form.key("event")) != event.id:
        forms.close_form(KIND)
    body = partial(show_form, here, event)
    forms.show_dialog(KIND, "Name guests", "Name guests", body, event.time_zone)


def show_form(here: Here, event: Event, form: forms.Opened) -> None:
    """The fields and the buttons. What is wrong, and what others changed meanwhile, the dialog shows above them."""
    only = st.session_state.get(form.key("only"))
    page = _page_of(only) if only else int(st.session_state.get(form.key("page"), 1))
    with db.reading() as s:
        purchase, tickets = guests.seats(s, here.actor, event.id, form.id, page=page, per_page=SEATS_AT_A_TIME)
    st.markdown(f"**{text.md(purchase.purchaser_name)}** · {purchase.seats_named:,} of {purchase.seats:,} named")
    if only is None and purchase.seats > 1:
        _show_list(here, event, form)
    for ticket in tickets:
        if only in (None, ticket.seat_number):
            _show_seat(form, ticket)
    if only is None:
        _show_pages(form, purchase)
    if only is None and (form.problems or form.refusal):
        forms.show_problem({"above": "Nothing was saved. See what is said above."}, "above")
    with st.container(horizontal=True):
        st.button(
            "Save guest" if only else "Save guests",
            key=form.key("save"),
            type="primary",
            on_click=_save,
            args=(here, event, form),
            disabled=bool(form.undecided),
        )
        if only and purchase.seats > 1:
            label = f"All {purchase.seats:,} seats"
            st.button(label, key=form.key("all"), on_click=_show_all, args=(form, page))
        st.button("Cancel", key=form.key("cancel"), on_click=forms.close_form, args=(KIND,))


def _show_seat(form: forms.Opened, ticket: AssignedTicket) -> None:
    """One row: the name and the e-mail address; both fields carry the seat in their label, for who hears them."""
    seat = ticket.seat_number
    _offer(form, seat, ticket.guest_name, ticket.guest_email)
    kept: dict[str, Any] = {"persist_state": "session", "on_change": "ignore"}
    left, right = st.columns(2, vertical_alignment="bottom", gap="small")
    label = f"Seat {seat:,} · {ticket.code}"
    with left:
        st.text_input(label, key=form.key(_field(seat, NAME)), placeholder="Name", autocomplete="off", **kept)
    with right:
        st.text_input(
            f"E-mail, seat {seat:,}",
            key=form.key(_field(seat, EMAIL)),
            type="email",
            icon="",
            autocomplete="off",
            placeholder="E-mail (optional)",
            label_visibility="collapsed",
            **kept,
        )
    for field, told in (("name", "Name: "), ("email", "E-mail: ")):
        if problem := form.problems.get(f"guests.{seat}.{field}"):
            forms.show_problem({field: told + problem}, field)


def _show_pages(form: forms.Opened, purchase: Purchase) -> None:
    if purchase.seats > SEATS_AT_A_TIME:
        pages = _page_of(purchase.seats)
        st.pagination(pages, key=form.key("page"), persist_state="session", max_visible_pages=5)


def _show_list(here: Here, event: Event, form: forms.Opened) -> None:
    with st.expander("Paste a list", icon=":material/content_paste:"):
        st.text_area(
            "Names, one guest per line",
            key=form.key("list"),
            persist_state="session",
            on_change="ignore",
            height=120,
            placeholder="Ana Lopez, ana@example.org\nBen Okafor",
        )
        forms.hint("They fill the empty seats in order; an e-mail address may follow after a comma. Then save.")
        st.button("Fill the empty seats", key=form.key("fill"), on_click=_fill, args=(here, event, form))
        if told := st.session_state.get(form.key("filled")):
            st.info(told)


@outage.page_kept()
def _fill(here: Here, event: Event, form: forms.Opened) -> None:
    """Puts the pasted guests into the fields, where they can be looked over; lines without a seat stay in the list."""
    lines = [line for line in st.session_state[form.key("list")].splitlines() if line.strip()]
    taken = {seat for seat, guest in _typed(form).items() if guest is not None}
    with db.reading() as s:
        free = guests.empty_seats(s, here.actor, event.id, form.id, most=len(lines) + len(taken))
    cleared = {seat for seat, guest in _typed(form).items() if guest is None}
    seats = sorted((set(free) | cleared) - taken)
    for seat, guest in zip(seats, guests.in_order("\n".join(lines)), strict=False):
        _offer(form, seat, None, None)
        st.session_state[form.key(_field(seat, NAME))] = guest["name"]
        st.session_state[form.key(_field(seat, EMAIL))] = guest["email"] or ""
    filled, left = min(len(seats), len(lines)), lines[len(seats) :]
    st.session_state[form.key("list")] = "\n".join(left)
    if filled:
        st.session_state[form.key("page")] = _page_of(seats[0])
    st.session_state[form.key("filled")] = _filled_told(filled, left, seats)


def _filled_told(filled: int, left: list[str], seats: list[int]) -> str:
    told = "No seat is empty." if left and not filled else ""
    if filled:
        where = f"seat {seats[0]:,}" if filled == 1 else f"the empty seats from {seats[0]:,} to {seats[filled - 1]:,}"
        told = f"{text.count(filled, 'guest')} put into {where}. Look them over, then save."
    if left and filled:
        told += f" There is no seat for the {text.count(len(left), 'line')} left in the list."
    return told


def _save(here: Here, event: Event, form: forms.Opened) -> None:
    """Only the seats that were changed are sent; what colleagues did to others stays."""
    typed = _typed(form)
    changed = {seat: typed[seat] for seat in sorted({_seat_of(name) for name in form.changed()})}
    forms.submit(
        form,
        lambda s: _name(s, here, event, form, changed),
        lambda purchase: f"{purchase.purchaser_name}: {purchase.seats_named:,} of {purchase.seats:,} seats are named.",
    )
    if form.problems:
        first = min(int(place.split(".")[1]) for place in form.problems)
        st.session_state[form.key("page")] = _page_of(first)


def _name(s: db.Session, here: Here, event: Event, form: forms.Opened, changed: dict[int, Any]) -> Purchase:
    try:
        return guests.name_guests(s, here.actor, event.id, form.id, changed, seen_version=form.version)
    except StaleVersion as stale:
        # The trail tells a guest in one line, and here name and address are two fields.
        stale.changes = tuple(field for change in stale.changes for field in _by_field(change))
        raise


def _by_field(change: FieldChange) -> list[FieldChange]:
    """Name and address of a seat apart, as far as they changed; other changes as they are."""
    if not change.field.startswith("seat "):
        return [change]
    seat = int(change.field.removeprefix("seat "))
    old, new = guests.untold(change.old), guests.untold(change.new)
    parts = [(_field(seat, NAME), old[0], new[0]), (_field(seat, EMAIL), old[1], new[1])]
    return [replace(change, field=name, old=was, new=now) for name, was, now in parts if was != now]


def _show_all(form: forms.Opened, page: int) -> None:
    st.session_state[form.key("only")] = None
    st.session_state[form.key("page")] = page


def _offer(form: forms.Opened, seat: int, name: str | None, email: str | None) -> None:
    """Starts the seat's two fields with who is named, unless they are in the form already."""
    for field, value in ((_field(seat, NAME), name or ""), (_field(seat, EMAIL), email or "")):
        if field not in form.values:
            form.values[field] = value
            st.session_state[form.key(field)] = value


def _typed(form: forms.Opened) -> dict[int, dict[str, str] | None]:
    """Who stands in the fields now, by seat; None where both are empty."""
    fields = form.typed()
    typed: dict[int, dict[str, str] | None] = {}
    for seat in {_seat_of(name) for name in fields}:
        guest = {"name": fields[_field(seat, NAME)] or "", "email": fields[_field(seat, EMAIL)] or ""}
        typed[seat] = guest if any(value.strip() for value in guest.values()) else None
    return typed


def _field(seat: int, part: str) -> str:
    """As a conflict names it."""
    return f"Seat {seat} {part}"


def _seat_of(field: str) -> int:
    return int(field.split()[1])


def _page_of(seat: int) -> int:
    return -(-seat // SEATS_AT_A_TIME)

"""Guests: the seats without a guest, the guest list to search, and the sponsors' seats."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing import db, purchase_filter
from ticketing.catalog.events import Event
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting import figures, purchase_list
from ticketing.reporting.figures import SalesFigures
from ticketing.reporting.file_columns import Kind
from ticketing.reporting.purchase_list import PurchaseRow, PurchaseTotals
from ticketing.sales import guests
from ticketing.sales.guests import GuestListRow, PurchaseMissingGuests
from ui import session, text
from ui.files import column_dialog
from ui.purchases import details, guest_names, guest_rows
from ui.runtime import sales_watch
from ui.session import PageContext
from ui.widgets import forms, list_rows, paging, printing, tables
from ui.widgets.empty_page import render_empty_page
from ui.widgets.list_rows import Row
from ui.widgets.page_header import render_header

context, event = session.require_event()

PER_PAGE = 20
UNNAMED, LIST, SPONSORS = "Seats without a guest", "Guest list", "Sponsors"
ALL_PACKAGES = "all"
NAMED_CHOICES = {"All seats": None, "With a guest": True, "Without a guest": False}
SPONSORSHIP_FILTER = replace(purchase_filter.SOLD_PURCHASES, sponsorships_only=True, sort="unnamed")


def render_page(context: PageContext, event: Event) -> None:
    if not printing.is_requested():
        is_paused = guest_names.is_open() or details.is_open() or forms.is_open(column_dialog.FORM)
        sales_watch.rerun_on_change(event.id, paused=is_paused)
    with db.read_session() as s:
        summary = figures.get_figures(s, context.actor, event.id)
    package_names = {package.package_id: package.name for package in summary.by_package}
    if st.session_state.get("guests_package") not in package_names:
        st.session_state.guests_package = ALL_PACKAGES  # at first, and when the last choice is another event's
    actions = render_header("Guests", event)
    if forms.is_open(column_dialog.FORM):
        column_dialog.render(context, event)
    elif details.is_open():
        details.render(context, event)
    else:
        guest_names.render(context, event)
    if not summary.seats_sold:
        render_no_seats()
        return
    package_id = None if st.session_state.guests_package == ALL_PACKAGES else st.session_state.guests_package
    st.session_state.setdefault("guests_view", UNNAMED)
    render_download(actions, event, package_id)
    render_figures(summary)
    view = st.segmented_control(
        "View",
        (UNNAMED, LIST, SPONSORS),
        key="guests_view",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if view == UNNAMED:
        render_unnamed_view(context, event, package_id, package_names)
    elif view == SPONSORS:
        render_sponsors_view(context, event)
    else:
        render_list_view(context, event, package_id, package_names)


def render_no_seats() -> None:
    sentence = "Seats appear here with each sale. Name their guests one by one, or paste a list."
    with render_empty_page("No seats sold yet", sentence, "purchasers-and-guests"):
        pass


def render_download(container: DeltaGenerator, event: Event, package_id: uuid.UUID | None) -> None:
    """Link the file of the open view. A search finds one guest, so the file ignores it and has all of them."""
    package_ids = (package_id,) if package_id else ()
    kind: Kind = "guests"
    label = "Download CSV"
    if st.session_state.guests_view == UNNAMED:
        kind = "purchases"
        file_filter = PurchaseFilter(package_ids=package_ids, unnamed_only=True, sort="oldest")
    elif st.session_state.guests_view == SPONSORS:
        file_filter = SPONSORSHIP_FILTER
    else:
        file_filter = replace(purchase_filter.SOLD_PURCHASES, package_ids=package_ids, sort="oldest")
        named = NAMED_CHOICES.get(st.session_state.get("guests_named", ""))
        if st.session_state.get("guests_search") or named is not None:
            label = "Download all as CSV"
    url = f"/export/{event.id}/{kind}.csv?{urlencode(purchase_filter.to_query(file_filter))}"
    container.link_button(label, url, icon=":material/download:")
    column_dialog.render_button(container, kind, purchase_filter.to_query(file_filter))
    printing.render_button(container)


def render_figures(summary: SalesFigures) -> None:
    """Show how many seats have a guest, in all and by package."""
    unnamed = summary.seats_sold - summary.seats_named
    seats = text.format_count(summary.seats_sold, "seat")
    label = f"{summary.seats_named:,} of {seats}, paid and pending, have a guest · {unnamed:,} to name"
    st.progress(summary.seats_named / summary.seats_sold, text=label)
    with st.expander("By package"):
        numbers = [tables.number_column(name) for name in ("Seats", "Named", "To name")]
        tables.render(
            "Seats of paid and pending orders, named and to name, by package",
            [tables.Column("Package"), *numbers],
            [
                (each.name, f"{each.seats_sold:,}", f"{each.seats_named:,}", f"{each.seats_sold - each.seats_named:,}")
                for each in summary.by_package
            ],
        )


def render_unnamed_view(
    context: PageContext, event: Event, package_id: uuid.UUID | None, package_names: Mapping[uuid.UUID, str]
) -> None:
    render_package_select(package_names)
    with db.read_session() as s:
        rows, total = paging.load(
            "unnamed_page",
            lambda page: guests.list_purchases_missing_guests(
                s, context.actor, event.id, package_id=package_id, page=page, per_page=printing.get_row_count(PER_PAGE)
            ),
        )
    package = f" of {text.escape_markdown(package_names[package_id])}" if package_id else ""
    render_purchases_missing_guests(context, event, rows, total, package)


def render_package_select(package_names: Mapping[uuid.UUID, str]) -> None:
    st.selectbox(
        "Package",
        [ALL_PACKAGES, *package_names],
        key="guests_package",
        persist_state="session",
        format_func=lambda choice: package_names.get(choice, "All packages"),
        on_change=reset_pages,
    )


def reset_pages() -> None:
    """Start at the first page again when a filter changes."""
    for key in ("unnamed_page", "guest_list_page"):
        st.session_state.pop(key, None)


def render_purchases_missing_guests(
    context: PageContext, event: Event, rows: list[PurchaseMissingGuests], total: int, package: str
) -> None:
    """List the purchases to work through: whom to ask for names next."""
    if not rows:
        st.markdown(f":material/check_circle: Every seat{package} has a guest.")
        return
    st.markdown(f"{text.format_count(total, 'purchase')} with seats without a guest, oldest first.")
    listed = [
        ListedRow(
            row := guest_rows.build_purchase_row(found, event.time_zone),
            f"Name guests of {row.name}",
            found.purchase.id,
        )
        for found in rows
    ]
    render_rows(
        context, event, View("unnamed_page", "purchase", "Purchaser", guest_rows.PURCHASE_TITLES), listed, total
    )


def render_list_view(
    context: PageContext, event: Event, package_id: uuid.UUID | None, package_names: Mapping[uuid.UUID, str]
) -> None:
    search = st.text_input(
        "Search by guest, purchaser or ticket code",
        key="guests_search",
        type="search",
        live=True,
        persist_state="session",
        on_change=reset_pages,
    )
    with st.container(horizontal=True):
        render_package_select(package_names)
        named = st.selectbox(
            "Seats", list(NAMED_CHOICES), key="guests_named", persist_state="session", on_change=reset_pages
        )
    with db.read_session() as s:
        rows, total = paging.load(
            "guest_list_page",
            lambda page: guests.list_guests(
                s,
                context.actor,
                event.id,
                search=search,
                package_id=package_id,
                named=NAMED_CHOICES[named],
                page=page,
                per_page=printing.get_row_count(PER_PAGE),
            ),
        )
    render_guest_list(context, event, rows, total, is_searched=bool(search.strip()))


def render_guest_list(
    context: PageContext, event: Event, rows: list[GuestListRow], total: int, *, is_searched: bool
) -> None:
    """List seats with the guest, the place, and the purchaser."""
    if not rows:
        hint = "Try part of the guest's name, the purchaser's name, or the code on the ticket."
        st.markdown(f"No results. {hint}" if is_searched else "No seats match.")
        return
    st.markdown(text.format_count(total, "seat"))
    listed = [
        ListedRow(
            guest_rows.build_seat_row(found),
            f"Change {found.guest}" if found.guest else f"Name guest of ticket {found.ticket_code}",
            found.purchase_id,
            found.seat,
        )
        for found in rows
    ]
    render_rows(context, event, View("guest_list_page", "seat", "Guest", guest_rows.SEAT_TITLES), listed, total)


def render_sponsors_view(context: PageContext, event: Event) -> None:
    with db.read_session() as s:
        totals = purchase_list.get_status_totals(s, context.actor, event.id, SPONSORSHIP_FILTER)
        rows, _ = paging.load(
            "sponsors_page",
            lambda page: (
                purchase_list.list_page(
                    s, context.actor, event.id, SPONSORSHIP_FILTER, page=page, per_page=printing.get_row_count(PER_PAGE)
                ),
                totals[None].purchases,
            ),
        )
    render_sponsors(context, event, rows, totals)


def render_sponsors(
    context: PageContext, event: Event, rows: list[PurchaseRow], totals: Mapping[str | None, PurchaseTotals]
) -> None:
    """List the sponsorships, and which of their seats have a guest."""
    if not rows:
        st.markdown("No sponsorships sold yet. Purchases of packages with sponsorship appear here.")
        return
    sums = [format_sum(totals[status], status) for status in SPONSORSHIP_FILTER.statuses if status in totals]
    everything = totals[None]
    st.markdown(
        f"{', '.join(sums)} · {format_seats(everything.seats, everything.seats_named)}. Most seats to name first."
    )
    listed = [
        ListedRow(row := guest_rows.build_sponsor_row(found), f"Name guests of {row.name}", found.purchase.id)
        for found in rows
    ]
    view = View("sponsors_page", "purchase", "Sponsor", guest_rows.SPONSOR_TITLES)
    render_rows(context, event, view, listed, everything.purchases)


def format_sum(totals: PurchaseTotals, status: str) -> str:
    """Return "**3 sponsorships** paid, $15,000.00"; pending ones are no revenue, so they stand apart."""
    count = text.format_count(totals.packages, "sponsorship")
    return f"**{count}** {text.STATUS_LABELS[status].lower()}, {text.format_dollars(totals.total)}"


def format_seats(included: int, named: int) -> str:
    to_name = f"{included - named:,} to name" if named < included else "all named"
    return f"{text.format_count(included, 'seat')} included · {named:,} named · {to_name}"


@dataclass(frozen=True)
class View:
    """One of the three lists: the key of its page, what it counts, and the titles of its columns."""

    page_key: str
    noun: str
    first_title: str
    titles: tuple[str, ...]


@dataclass(frozen=True)
class ListedRow:
    """A row with the label of the button that opens its purchase, or one seat of it."""

    row: Row
    label: str
    purchase_id: uuid.UUID
    seat: int | None = None


def render_rows(context: PageContext, event: Event, view: View, listed: list[ListedRow], total: int) -> None:
    """Render a page of a list, or all of it for paper."""
    title = st.session_state.guests_view
    printing.render("Guests", event, f"{title}, {printing.describe_rows(len(listed), total, view.noun)}")
    if printing.is_requested():
        table = list_rows.build_table(title, view.first_title, view.titles, [each.row for each in listed])
        printing.render_all(table, len(listed), total)
        return
    with list_rows.render_list("guests", view.first_title, view.titles, is_editable=True):
        for each in listed:
            render_row(context, event, each, view.titles)
    paging.render(view.page_key, total, PER_PAGE)


def render_row(context: PageContext, event: Event, listed: ListedRow, titles: tuple[str, ...]) -> None:
    """Render a row that opens the names of its seats, or only the purchase when the user may not change it."""
    row, purchase_id = listed.row, listed.purchase_id
    if context.is_allowed("change"):
        label = text.escape_markdown(listed.label)
        opened = list_rows.render_row(
            row, titles, label, guest_names.open_form, context, event, purchase_id, listed.seat
        )
    else:
        label = f"Purchase of {text.escape_markdown(row.name)}"
        opened = list_rows.render_row(row, titles, label, details.open_purchase, purchase_id)
    with opened:
        pass


render_page(context, event)

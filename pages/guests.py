"""Who sits where: the seats that nobody is named for, every guest to be found by a name, and the sponsors' seats."""

from dataclasses import replace
from urllib.parse import urlencode

import streamlit as st

from ticketing import db, purchase_filter
from ticketing.reporting import figures, purchase_list
from ticketing.sales import guests
from ui import session, text
from ui.purchases import details, guest_names
from ui.runtime import sales_watch
from ui.widgets import paging, tables
from ui.widgets.page_header import render_header

context, event = session.require_event()
sales_watch.rerun_on_change(event.id, paused=guest_names.is_open() or details.is_open())

PER_PAGE = 20
UNNAMED, LIST, SPONSORS = "Seats without a guest", "Guest list", "Sponsors"
ALL = "all"
NAMED_CHOICES = {"Named and not": None, "Named": True, "Without a guest": False}
SPONSORSHIP_FILTER = replace(purchase_filter.SOLD_PURCHASES, sponsorships_only=True, sort="unnamed")


def render_figures(summary: figures.SalesFigures) -> None:
    """How many seats have a guest, in all and by package."""
    without = summary.seats_sold - summary.seats_named
    told = f"{summary.seats_named:,} of {text.format_count(summary.seats_sold, 'seat')} sold have a guest · {without:,} without"
    st.progress(summary.seats_named / summary.seats_sold, text=told)
    with st.expander("By package"):
        numbers = [tables.number_column(name) for name in ("Seats sold", "Named", "Without a guest")]
        tables.render(
            "Seats sold, named and without a guest, by package",
            [tables.Column("Package"), *numbers],
            [
                (each.name, f"{each.seats_sold:,}", f"{each.seats_named:,}", f"{each.seats_sold - each.seats_named:,}")
                for each in summary.by_package
            ],
        )


def render_package_select(names: dict) -> None:
    st.selectbox(
        "Package",
        [ALL, *names],
        key="guests_package",
        persist_state="session",
        format_func=lambda package_id: names.get(package_id, "All packages"),
        on_change=reset_pages,
    )


def reset_pages() -> None:
    """What is asked for changed, so its first page is shown."""
    for key in ("unnamed_page", "guest_list_page"):
        st.session_state.pop(key, None)


def render_purchases_missing_guests(rows: list[guests.PurchaseMissingGuests], total: int, package: str) -> None:
    """The work list: which purchaser to ask for names next."""
    if not rows:
        st.markdown(f":material/check_circle: Every seat{package} has a guest.")
        return
    seats = f"{text.format_count(total, 'purchase')} with seats that nobody is named for, the oldest first."
    st.markdown(seats)
    for row in rows:
        bought = row.purchase
        with row_container(f"unnamed_{bought.id}"):
            st.markdown(
                f"**{text.escape_markdown(bought.purchaser_name)}** · {bought.seats_named:,} of {bought.seats:,} named  \n"
                f":small[{text.escape_markdown(bought.purchaser_email)} · {bought.quantity:,} × {text.escape_markdown(row.package)} · bought "
                f"{text.format_datetime(bought.purchased_at, event.time_zone)}{format_status(bought.payment_status)}]",
                width="stretch",
            )
            render_row_button("Name guests", bought.id)
    paging.render("unnamed_page", total, PER_PAGE)


def render_guest_list(rows: list[guests.GuestListRow], total: int, is_searched: bool) -> None:
    """Every seat: the guest, where they sit, and who bought it."""
    if not rows:
        st.markdown(
            "Nobody found. Try a part of the name, the purchaser's name, or the code on the ticket."
            if is_searched
            else "No seat is like that."
        )
        return
    st.markdown(text.format_count(total, "seat"))
    for row in rows:
        with row_container(f"guest_{row.ticket_code}"):
            guest = f"**{text.escape_markdown(row.guest)}**" if row.guest else "*No guest yet*"
            address = f" · {text.escape_markdown(row.email)}" if row.email else ""
            st.markdown(
                f"{guest}{address}  \n"
                f":small[{text.escape_markdown(row.package)}, seat {row.seat:,} of {row.seats:,} · {row.ticket_code} · bought by "
                f"{text.escape_markdown(row.purchaser)}{format_status(row.payment_status)}]",
                width="stretch",
            )
            render_row_button("Change" if row.guest else "Name guest", row.purchase_id, row.seat)
    paging.render("guest_list_page", total, PER_PAGE)


def render_sponsors(rows: list[purchase_list.PurchaseRow], sums: purchase_list.PurchaseTotals) -> None:
    """Who bought a sponsorship, and which of the seats that it includes have a guest."""
    if not rows:
        st.markdown("No sponsorship is sold yet. Who buys a package that includes sponsorship stands here.")
        return
    st.markdown(
        f"**{text.format_count(sums.packages, 'sponsorship')}** for {text.format_dollars(sums.total)} · "
        f"{format_seats(sums.seats, sums.seats_named)}. Most missing first."
    )
    for row in rows:
        bought = row.purchase
        with row_container(f"sponsor_{bought.id}"):
            st.markdown(
                f"**{text.escape_markdown(bought.purchaser_name)}** · {bought.quantity:,} × {text.escape_markdown(row.package)}  \n"
                f":small[{format_seats(bought.seats, bought.seats_named)} · {text.escape_markdown(bought.purchaser_email)}"
                f"{format_status(bought.payment_status)}]",
                width="stretch",
            )
            render_row_button("Name guests" if bought.seats_named < bought.seats else "Change", bought.id)
    paging.render("sponsors_page", sums.purchases, PER_PAGE)


def format_seats(included: int, named: int) -> str:
    without = f"{included - named:,} without a guest" if named < included else "none without a guest"
    return f"{text.format_count(included, 'seat')} included · {named:,} named · {without}"


def row_container(key: str):
    """One row of a list, its button at the right."""
    return st.container(horizontal=True, vertical_alignment="center", wrap=False, key=key)


def format_status(payment_status: str) -> str:
    return "" if payment_status == "completed" else f" · {text.STATUS_LABELS[payment_status].lower()}"


def render_row_button(label: str, purchase_id, seat: int | None = None) -> None:
    """Naming for who may; who may only read sees the purchase."""
    if context.is_allowed("change"):
        do, args = guest_names.open_form, (context, event, purchase_id, seat)
    else:
        label, do, args = "Details", details.open_purchase, (purchase_id,)
    st.button(label, key=f"name_{purchase_id}_{seat}", on_click=do, args=args)


def render_download(container, package_id) -> None:
    """The file of the list that is open. A search is for finding somebody; the file has everybody."""
    package_ids = (package_id,) if package_id else ()
    if st.session_state.guests_view == UNNAMED:
        kind, label = "purchases", "Download CSV"
        wanted = purchase_filter.PurchaseFilter(package_ids=package_ids, unnamed_only=True, sort="oldest")
    elif st.session_state.guests_view == SPONSORS:
        kind, label, wanted = "guests", "Download CSV", SPONSORSHIP_FILTER
    else:
        is_narrowed = (
            st.session_state.get("guests_search") or NAMED_CHOICES.get(st.session_state.get("guests_named")) is not None
        )
        kind, label = "guests", "Download all as CSV" if is_narrowed else "Download CSV"
        wanted = replace(purchase_filter.SOLD_PURCHASES, package_ids=package_ids, sort="oldest")
    address = f"/export/{event.id}/{kind}.csv?{urlencode(purchase_filter.to_query(wanted))}"
    container.link_button(label, address, icon=":material/download:")


with db.read_session() as s:
    summary = figures.get_figures(s, context.actor, event.id)

names = {each.package_id: each.name for each in summary.by_package}
if st.session_state.get("guests_package") not in names:
    st.session_state.guests_package = ALL  # at first, and when the one before is another event's
actions = render_header("Guests", event)
if details.is_open():
    details.render(context, event)
else:
    guest_names.render(context, event)
if not summary.seats_sold:
    with st.container(border=True):
        st.subheader("No seats sold yet", anchor=False)
        st.markdown("With every sale its seats appear here, to be named guest by guest.")
    st.stop()
package_id = None if st.session_state.guests_package == ALL else st.session_state.guests_package
st.session_state.setdefault("guests_view", UNNAMED)
render_download(actions, package_id)
render_figures(summary)

view = st.segmented_control(
    "View", (UNNAMED, LIST, SPONSORS), key="guests_view", required=True, persist_state="session",
    label_visibility="collapsed",
)  # fmt: skip
if view == UNNAMED:
    render_package_select(names)
    with db.read_session() as s:
        unnamed, total = paging.load(
            "unnamed_page",
            lambda page: guests.list_purchases_missing_guests(
                s, context.actor, event.id, package_id=package_id, page=page, per_page=PER_PAGE
            ),
        )
    render_purchases_missing_guests(
        unnamed, total, f" of {text.escape_markdown(names[package_id])}" if package_id else ""
    )
elif view == SPONSORS:
    with db.read_session() as s:
        sums = purchase_list.get_totals(s, context.actor, event.id, SPONSORSHIP_FILTER)
        sponsors, _ = paging.load(
            "sponsors_page",
            lambda page: (
                purchase_list.list_page(s, context.actor, event.id, SPONSORSHIP_FILTER, page=page, per_page=PER_PAGE),
                sums.purchases,
            ),
        )
    render_sponsors(sponsors, sums)
else:
    search = st.text_input(
        "Search a guest, a purchaser, or a ticket code", key="guests_search", type="search", live=True,
        persist_state="session", on_change=reset_pages,
    )  # fmt: skip
    with st.container(horizontal=True):
        render_package_select(names)
        st.selectbox("Seats", list(NAMED_CHOICES), key="guests_named", persist_state="session", on_change=reset_pages)
    with db.read_session() as s:
        lines, total = paging.load(
            "guest_list_page",
            lambda page: guests.list_guests(
                s, context.actor, event.id, search=search, package_id=package_id,
                named=NAMED_CHOICES[st.session_state.guests_named], page=page, per_page=PER_PAGE,
            ),
        )  # fmt: skip
    render_guest_list(lines, total, bool(search.strip()))

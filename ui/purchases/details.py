"""Drawer with the details of one purchase: money, guests, answers, history, and the actions staff may take.

A page calls `open_purchase` in a callback, `render` at its end, and `is_open` to pause background redraws.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from itertools import groupby

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing import db, money
from ticketing.errors import NotFound
from ticketing.models import SOLD_STATUSES, AssignedTicket, Event, Purchase
from ticketing.order_status import compute_status
from ticketing.reporting import purchase_list
from ticketing.reporting.purchase_list import HistoryEntry, PurchaseDetails
from ui import text
from ui.purchases import correct, guest_names, status_actions
from ui.session import PageContext
from ui.widgets import forms, undo

KIND = "purchase"
WIDTH = 620
SEATS_PER_PAGE = 20
MAX_INLINE_HISTORY_LINES = 8
STATUS_COLORS = {
    "completed": "green",
    "pending": "orange",
    "failed": "red",
    "refunded": "blue",
    "partly_refunded": "blue",
    "voided": "gray",
}
STATUS_ICONS = {
    "completed": "check_circle",
    "pending": "schedule",
    "failed": "error",
    "refunded": "undo",
    "partly_refunded": "undo",
    "voided": "block",
}


def open_purchase(purchase_id: uuid.UUID) -> None:
    """For a callback: open this purchase at the next run of `render`."""
    close()
    forms.open_form(KIND, purchase_id, 0, {"step": "", "reason": ""})


def is_open(purchase_id: uuid.UUID | None = None) -> bool:
    """Whether this purchase, or any, is open; a background redraw would disturb its user."""
    form = forms.find_form(KIND)
    return form is not None and purchase_id in (None, form.id)


def close() -> None:
    forms.close_form(KIND)
    forms.close_form(guest_names.KIND)
    forms.close_form(correct.KIND)


def render(context: PageContext, event: Event, on_close: Callable[[], None] = close) -> None:
    """Render the drawer while a purchase is open. A page that passes another `on_close` calls `close` in it."""
    body = partial(_render_purchase, context, event)
    forms.render_dialog(
        KIND, "Purchase", "Purchase", body, event.time_zone, on_close=on_close, width=WIDTH, position="right"
    )


def status_badge(payment_status: str) -> str:
    """Return a status as Markdown: a word with color and icon."""
    color, icon = STATUS_COLORS[payment_status], STATUS_ICONS[payment_status]
    return f":{color}-badge[:material/{icon}: {text.ORDER_STATUS_LABELS[payment_status]}]"


def format_named_seats(purchase: Purchase) -> str:
    """Return "3 of 20 seats named", or "20 seats returned" of a failed, refunded or voided purchase."""
    if purchase.payment_status not in SOLD_STATUSES:
        return f"{text.format_count(purchase.seats, 'seat')} returned"
    return f"{purchase.seats_named:,} of {text.format_count(purchase.seats, 'seat')} named"


def _render_purchase(context: PageContext, event: Event, form: forms.FormState) -> None:
    assert form.id is not None
    try:
        with db.read_session() as s:
            details = purchase_list.get_details(s, context.actor, event.id, form.id)
    except NotFound as exc:
        st.error(str(exc))
        return
    for kind, render_form in ((guest_names.KIND, guest_names.render_form), (correct.KIND, correct.render_form)):
        inner = forms.find_form(kind)
        if inner is not None and inner.id == form.id:
            forms.render_form_header(inner, event.time_zone)
            render_form(context, event, inner)
            return
    forms.render_messages()
    _render_overview(details, event)
    if len(details.lines) > 1:
        _render_lines(form, details)
    _render_money(details)
    if context.is_allowed("change"):
        correct.render_button(context, event, form.id)
        status_actions.render(context, event, form, details)
    _render_guests(context, event, form, details)
    _render_answers_and_notes(details)
    _render_history(details, event.time_zone)
    undo.render_inside()


def _render_overview(details: PurchaseDetails, event: Event) -> None:
    purchase = details.purchase
    contact = " · ".join(escape(each) for each in (purchase.purchaser_email, purchase.purchaser_phone) if each)
    st.html(f'<h3 class="purchaser">{escape(purchase.purchaser_name)}</h3><div class="contact">{contact}</div>')
    package = f"**{purchase.quantity:,} × {text.escape_markdown(details.package)}**"
    bought_at = text.format_datetime(purchase.purchased_at, event.time_zone)
    origin = [
        f"Bought {bought_at}, {text.format_zone_city(event.time_zone)} time",
        text.CHANNEL_LABELS[purchase.channel],
        f"order {details.order.number}",
    ]
    if purchase.external_sale_id:
        origin.append(f"external id {purchase.external_sale_id}")
    with st.container(gap="xsmall"):
        badge = status_badge(purchase.payment_status)
        st.markdown(f"{badge} {package} · {text.format_count(purchase.seats, 'seat')}")
        st.markdown(" · ".join(map(text.escape_markdown, origin)))


def _render_lines(form: forms.FormState, details: PurchaseDetails) -> None:
    """List the lines of the order; the others open with a click."""
    lines = [line.purchase for line in details.lines]
    status = status_badge(compute_status(line.payment_status for line in lines))
    total = text.format_dollars(sum((line.total for line in lines), money.ZERO))
    with st.container(border=True, gap=None):
        st.markdown(f"{status} **Order {details.order.number}** · {len(lines)} packages · {total}")
        for line in details.lines:
            purchase = line.purchase
            label = (
                f"{purchase.quantity:,} × {text.escape_markdown(line.package)} · "
                f"{text.format_dollars(purchase.total)} · {text.STATUS_LABELS[purchase.payment_status]}"
            )
            if purchase.id == details.purchase.id:
                st.markdown(f"**{label}** · shown below")
            else:
                st.button(
                    label,
                    key=form.key(f"line_{purchase.line_number}"),
                    type="tertiary",
                    icon=":material/chevron_right:",
                    on_click=_switch_line,
                    args=(purchase.id,),
                )


def _switch_line(purchase_id: uuid.UUID) -> None:
    open_purchase(purchase_id)
    if "purchase" in st.query_params:
        st.query_params["purchase"] = str(purchase_id)


def _render_money(details: PurchaseDetails) -> None:
    """Show each step from the list price to the total with its sign, so that the lines add up."""
    purchase = details.purchase
    unit = f"{purchase.quantity:,} × {money.format_dollars(purchase.unit_price)}"
    is_unit_exact = purchase.unit_price * purchase.quantity == purchase.list_price
    lines = [(f"List price, {unit}" if is_unit_exact else "List price", money.format_dollars(purchase.list_price))]
    if purchase.discount or details.promo_code:
        reason = f", {details.promo_code}" if details.promo_code else ", comp" if purchase.channel == "comp" else ""
        lines.append((f"Discount{reason}", money.format_dollars(-purchase.discount)))
    if difference := purchase.total - (purchase.list_price - purchase.discount):
        sign = "+" if difference > 0 else ""
        lines.append(("Imported difference", sign + money.format_dollars(difference)))
    lines.append(("Total", money.format_dollars(purchase.total)))
    if purchase.fee is not None:
        lines.append(("Imported fee, not part of the total", money.format_dollars(purchase.fee)))
    rows = "".join(
        f'<tr{" class=sum" if label == "Total" else ""}><th scope="row">{escape(label)}</th><td>{amount}</td></tr>'
        for label, amount in lines
    )
    st.html(f'<table class="price-breakdown"><caption>From the list price to the total</caption>{rows}</table>')


def _render_guests(context: PageContext, event: Event, form: forms.FormState, details: PurchaseDetails) -> None:
    """Show the guests seat by seat, 20 at a time, and the button to name them."""
    purchase = details.purchase
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**Guests** · {format_named_seats(purchase)}", width="content")
        if purchase.payment_status in SOLD_STATUSES and context.is_allowed("change"):
            st.button(
                "Name guests",
                key=form.key("name_guests"),
                icon=":material/edit:",
                on_click=guest_names.open_form,
                args=(context, event, purchase.id),
            )
    pages = -(-len(details.tickets) // SEATS_PER_PAGE)
    page = st.session_state.get(form.key("seats"), 1)
    shown = details.tickets[(page - 1) * SEATS_PER_PAGE : page * SEATS_PER_PAGE]
    head = "<tr><th scope=col>Seat</th><th scope=col>Guest</th><th scope=col>Ticket code</th></tr>"
    st.html(
        f'<table class="seats"><caption>Guests by seat</caption>{head}{"".join(map(_format_seat_row, shown))}</table>'
    )
    if pages > 1:
        st.pagination(pages, key=form.key("seats"), max_visible_pages=5)


def _format_seat_row(ticket: AssignedTicket) -> str:
    guest = escape(ticket.guest_name) if ticket.guest_name else '<span class="quiet">Not named yet</span>'
    email = f'<div class="quiet">{escape(ticket.guest_email)}</div>' if ticket.guest_email else ""
    return f"<tr><td>{ticket.seat_number:,}</td><td>{guest}{email}</td><td><code>{ticket.code}</code></td></tr>"


def _render_answers_and_notes(details: PurchaseDetails) -> None:
    lines = [*details.answers, *([("Notes", details.purchase.notes)] if details.purchase.notes else [])]
    if lines:
        st.markdown("**Answers**" if details.answers else "**Notes**")
        pairs = (
            f'<div class="question">{escape(question)}</div><div class="answer">{escape(answer)}</div>'
            for question, answer in lines
        )
        st.html(f'<div class="answers">{"".join(pairs)}</div>')


def _render_history(details: PurchaseDetails, zone: str) -> None:
    """Show who changed what and when, from the sale on, with the values before and after."""
    purchase = details.purchase
    first = "Imported" if purchase.channel == "import" else "Recorded"
    entries = [([first], _describe_origin(details), purchase.recorded_at)]
    for (at, by), lines in groupby(details.history, key=lambda line: (line.at, line.by)):
        entries.append(([_describe_change(line) for line in lines], by, at))
    items = "".join(_format_history_entry(what, f"{by}, {text.format_datetime(at, zone)}") for what, by, at in entries)
    if sum(len(what) for what, _, _ in entries) > MAX_INLINE_HISTORY_LINES:
        container: DeltaGenerator = st.expander(f"History · {text.format_count(len(entries), 'entry', 'entries')}")
    else:
        container = st.container()
        container.markdown("**History**")
    container.html(f'<div class="history">{items}</div>')


def _format_history_entry(what: Sequence[str], who_and_when: str) -> str:
    lines = "".join(f"<div>{escape(each)}</div>" for each in what)
    return f'<div class="entry">{lines}<div class="quiet">{escape(who_and_when)}</div></div>'


def _describe_origin(details: PurchaseDetails) -> str:
    if details.import_file:
        return details.import_file
    if details.purchase.channel == "online":
        return "Donor site"
    return details.recorded_by or "Box office"


def _describe_change(line: HistoryEntry) -> str:
    """Return "Status: was Pending, now Paid" or "Seat 3: was empty, now Ben Okafor"."""
    if line.action == "import.undone" and line.field is None:
        return "Voided with its import, which was undone"
    if line.field is None:
        return line.action.partition(".")[2].replace("_", " ").capitalize()
    if line.field == "void_reason":
        return f"Reason: {line.new}" if line.new else "Void undone"
    before, after = (_format_history_value(line.field, each) for each in (line.old, line.new))
    return f"{text.format_field_label(line.field)}: was {before}, now {after}"


def _format_history_value(field: str, stored: object) -> str:
    if stored is None:
        return "empty"
    return text.STATUS_LABELS[str(stored)] if field == "payment_status" else text.format_value(field, stored)

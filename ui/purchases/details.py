"""Everything about one purchase, in a drawer beside the list it was opened from, and what staff do about it.

For any page with purchases: `open_for` in a callback, `show` at the end, `is_open` before watching for changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from itertools import groupby

import streamlit as st

from ticketing import db, money
from ticketing.errors import InvalidInput, NotFound, StaleVersion, TicketingError
from ticketing.models import SOLD_STATUSES, AssignedTicket, Event, Purchase
from ticketing.reporting import purchase_list
from ticketing.reporting.purchase_list import HistoryEntry, PurchaseDetails
from ticketing.sales import corrections
from ui import text
from ui.purchases import guest_names
from ui.session import PageContext
from ui.widgets import forms

KIND = "purchase"
WIDTH = 620
SEATS_PER_PAGE = 20
MAX_INLINE_HISTORY_LINES = 8
STATUS_COLORS = {"completed": "green", "pending": "orange", "failed": "red", "refunded": "blue", "voided": "gray"}
STATUS_ICONS = {
    "completed": "check_circle",
    "pending": "schedule",
    "failed": "error",
    "refunded": "undo",
    "voided": "block",
}
FIELD_LABELS = {"payment_status": "Status", "void_reason": "Reason"}


@dataclass(frozen=True)
class StatusAction:
    """What staff may do about a purchase: the button, what it means for this one, what is said when it is done."""

    label: str
    icon: str
    meaning: str
    done: str


STATUS_ACTIONS = {
    "completed": StatusAction(
        "Mark as paid", "paid", "{total} counts as revenue from now on.", "Marked as paid: {total} is revenue now."
    ),
    "failed": StatusAction(
        "Mark as failed",
        "money_off",
        "Nothing was paid: {back}. The purchase stays on record as failed, for good.",
        "Marked as failed: {back}.",
    ),
    "refunded": StatusAction(
        "Mark as refunded",
        "undo",
        "{total} leaves the revenue, and {back}. The purchase stays on record as refunded, for good. No money moves: "
        "pay it back where it was paid.",
        "Marked as refunded: {back}.",
    ),
    "voided": StatusAction(
        "Void",
        "block",
        "For a sale that was entered by mistake: {back}. The sale stays on record as voided, for good.",
        "The sale is voided: {back}.",
    ),
}


def open_purchase(purchase_id: uuid.UUID) -> None:
    """For a callback: the next run of `show` opens this purchase."""
    close()
    forms.open_form(KIND, purchase_id, 0, {"step": "", "reason": ""})


def is_open(purchase_id: uuid.UUID | None = None) -> bool:
    """Whether this purchase, or any, is open, which a rerun of the page would disturb."""
    form = forms.find_form(KIND)
    return form is not None and purchase_id in (None, form.id)


def close() -> None:
    forms.close_form(KIND)
    forms.close_form(guest_names.KIND)


def render(context: PageContext, event: Event, on_close: Callable[[], None] = close) -> None:
    """The drawer, while a purchase is open. Whoever gives another `on_close` calls `close` in it."""
    body = partial(_render_purchase, context, event)
    forms.render_dialog(
        KIND, "Purchase", "Purchase", body, event.time_zone, on_close=on_close, width=WIDTH, position="right"
    )


def status_badge(payment_status: str) -> str:
    """A status as a word with colour and icon, in Markdown."""
    return f":{STATUS_COLORS[payment_status]}-badge[:material/{STATUS_ICONS[payment_status]}: {text.STATUS_LABELS[payment_status]}]"


def format_named_seats(purchase: Purchase) -> str:
    """ "3 of 20 seats named"; a purchase that does not count has no seats."""
    if purchase.payment_status not in SOLD_STATUSES:
        return f"{text.format_count(purchase.seats, 'seat')} given back"
    return f"{purchase.seats_named:,} of {text.format_count(purchase.seats, 'seat')} named"


def _render_purchase(context: PageContext, event: Event, form: forms.FormState) -> None:
    try:
        with db.read_session() as s:
            details = purchase_list.get_details(s, context.actor, event.id, form.id)
    except NotFound as gone:
        st.error(str(gone))
        return
    naming = forms.find_form(guest_names.KIND)
    if naming is not None and naming.id == form.id:
        forms.render_form_header(naming, event.time_zone)
        guest_names.render_form(context, event, naming)
        return
    forms.render_messages()
    _render_overview(details, event)
    _render_money(details)
    if context.is_allowed("change"):
        _render_actions(context, event, form, details)
    _render_guests(context, event, form, details)
    _render_answers_and_notes(details)
    _render_history(details, event.time_zone)


def _render_overview(details: PurchaseDetails, event: Event) -> None:
    sold = details.purchase
    reached = " · ".join(escape(each) for each in (sold.purchaser_email, sold.purchaser_phone) if each)
    st.html(f'<h3 class="who">{escape(sold.purchaser_name)}</h3><div class="reached">{reached}</div>')
    what = f"**{sold.quantity:,} × {text.escape_markdown(details.package)}** · {text.format_count(sold.seats, 'seat')}"
    when = f"Bought {text.format_datetime(sold.purchased_at, event.time_zone)}, {text.format_zone_city(event.time_zone)} time"
    with st.container(gap="xsmall"):
        st.markdown(f"{status_badge(sold.payment_status)} {what}")
        st.markdown(
            " · ".join(
                text.escape_markdown(part)
                for part in (when, text.CHANNEL_LABELS[sold.channel], *_format_external_id(sold))
            )
        )


def _format_external_id(sold: Purchase) -> list[str]:
    return [f"external id {sold.external_sale_id}"] if sold.external_sale_id else []


def _render_money(details: PurchaseDetails) -> None:
    """From the list price to the total, each step with its sign, so that it adds up before the reader's eyes."""
    sold = details.purchase
    unit = f"{sold.quantity:,} × {money.format_dollars(sold.unit_price)}"
    at_unit = sold.unit_price * sold.quantity == sold.list_price
    lines = [(f"List price, {unit}" if at_unit else "List price", money.format_dollars(sold.list_price))]
    if sold.discount or details.promo_code:
        reason = f", {details.promo_code}" if details.promo_code else ", comp" if sold.channel == "comp" else ""
        lines.append((f"Discount{reason}", money.format_dollars(-sold.discount)))
    if difference := sold.total - (sold.list_price - sold.discount):
        sign = "+" if difference > 0 else ""
        lines.append(("Difference, as it was imported", sign + money.format_dollars(difference)))
    lines.append(("Total", money.format_dollars(sold.total)))
    if sold.fee is not None:
        lines.append(("Fee, as it was imported; not part of the total", money.format_dollars(sold.fee)))
    rows = "".join(
        f'<tr{" class=sum" if label == "Total" else ""}><th scope="row">{escape(label)}</th><td>{amount}</td></tr>'
        for label, amount in lines
    )
    st.html(f'<table class="bridge"><caption>From the list price to the total</caption>{rows}</table>')


def _render_actions(context: PageContext, event: Event, form: forms.FormState, details: PurchaseDetails) -> None:
    """The buttons of what may be done now; the one that was chosen says what it means, and asks."""
    offered = _list_available_actions(details.purchase)
    chosen = st.session_state.get(form.key("step"))
    if chosen in offered:
        _render_confirmation(context, event, form, details, chosen)
    elif offered:
        with st.container(horizontal=True):
            for name in offered:
                st.button(
                    STATUS_ACTIONS[name].label,
                    key=form.key(f"choose_{name}"),
                    icon=f":material/{STATUS_ACTIONS[name].icon}:",
                    on_click=_select_action,
                    args=(form, name),
                )


def _list_available_actions(sold: Purchase) -> list[str]:
    """Where its payment may move on to; what was sold here and counts may be voided."""
    following = list(corrections.NEXT_STATUSES.get(sold.payment_status, ()))
    return [*following, "voided"] if following and sold.channel != "import" else following


def _render_confirmation(
    context: PageContext, event: Event, form: forms.FormState, details: PurchaseDetails, chosen: str
) -> None:
    step, told = STATUS_ACTIONS[chosen], _message_values(details)
    with st.container(border=True):
        st.markdown(f"**{step.label}.** {text.escape_markdown(step.meaning.format(**told))}")
        if chosen == "voided":
            st.text_input("Reason", key=form.key("reason"), placeholder="Entered twice")
            forms.render_problem(form.problems, "reason")
        with st.container(horizontal=True):
            st.button(
                step.label,
                key=form.key(f"do_{chosen}"),
                type="primary",
                on_click=_apply_action,
                args=(context, event, form, chosen, details.purchase.version, step.done.format(**told)),
            )
            st.button("Cancel", key=form.key("keep"), on_click=_select_action, args=(form, ""))


def _message_values(details: PurchaseDetails) -> dict[str, str]:
    sold = details.purchase
    packages = "its package" if sold.quantity == 1 else f"its {sold.quantity:,} packages"
    use = " and its promo use" if details.promo_code else ""
    back = f"{packages}{use} {'comes' if sold.quantity == 1 and not use else 'come'} back"
    return {"total": money.format_dollars(sold.total), "back": back}


def _select_action(form: forms.FormState, step: str) -> None:
    form.problems, form.refusal = {}, ""
    st.session_state[form.key("step")] = step


def _apply_action(
    context: PageContext, event: Event, form: forms.FormState, step: str, seen_version: int, done: str
) -> None:
    """Once, on the purchase as it was shown; the drawer stays open and shows it as it is then."""
    reason = st.session_state.get(form.key("reason")) or ""

    def work(s: db.Session) -> Purchase:
        if step == "voided":
            return corrections.void(s, context.actor, event.id, form.id, reason)
        return corrections.change_status(s, context.actor, event.id, form.id, step, seen_version=seen_version)

    form.problems, form.refusal = {}, ""
    try:
        db.write(work)
    except InvalidInput as wrong:
        form.problems = wrong.fields
    except StaleVersion as stale:
        _select_action(form, "")
        form.refusal = f"{stale} Nothing was done; below is how it stands now."
    except TicketingError as refused:
        form.refusal = str(refused)
    else:
        _select_action(form, "")
        forms.add_message(done)


def _render_guests(context: PageContext, event: Event, form: forms.FormState, details: PurchaseDetails) -> None:
    """Who sits where, 20 seats at a time, and the way to name them."""
    sold = details.purchase
    counts = sold.payment_status in SOLD_STATUSES
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**Guests** · {format_named_seats(sold)}", width="content")
        if counts and context.is_allowed("change"):
            st.button(
                "Name guests",
                key=form.key("name_guests"),
                icon=":material/edit:",
                on_click=guest_names.open_form,
                args=(context, event, form.id),
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
    told = [*details.answers, *([("Notes", details.purchase.notes)] if details.purchase.notes else [])]
    if told:
        st.markdown("**Answers**" if details.answers else "**Notes**")
        pairs = (
            f'<div class="asked">{escape(asked)}</div><div class="said">{escape(said)}</div>' for asked, said in told
        )
        st.html(f'<div class="answers">{"".join(pairs)}</div>')


def _render_history(details: PurchaseDetails, zone: str) -> None:
    """Who did what, and when, from the sale on: before and after."""
    sold = details.purchase
    entries = [(["Recorded" if sold.channel != "import" else "Imported"], _describe_origin(details), sold.recorded_at)]
    for (at, by), lines in groupby(details.history, key=lambda line: (line.at, line.by)):
        entries.append(([_describe_change(line) for line in lines], by, at))
    items = "".join(_format_history_entry(what, f"{by}, {text.format_datetime(at, zone)}") for what, by, at in entries)
    if sum(len(what) for what, _, _ in entries) > MAX_INLINE_HISTORY_LINES:
        place = st.expander(f"History · {text.format_count(len(entries), 'entry', 'entries')}")
    else:
        place = st.container()
        place.markdown("**History**")
    place.html(f'<div class="history">{items}</div>')


def _format_history_entry(what: Sequence[str], who_and_when: str) -> str:
    told = "".join(f"<div>{escape(each)}</div>" for each in what)
    return f'<div class="entry">{told}<div class="quiet">{escape(who_and_when)}</div></div>'


def _describe_origin(details: PurchaseDetails) -> str:
    if details.import_file:
        return details.import_file
    if details.purchase.channel == "online":
        return "Donor site"
    return details.recorded_by or "Box office"


def _describe_change(line: HistoryEntry) -> str:
    """ "Status: was Pending, now Completed", "Seat 3: was nobody, now Ben Okafor"."""
    if line.field is None:
        return line.action.partition(".")[2].replace("_", " ").capitalize()
    if line.field == "void_reason":
        return f"Reason: {line.new}"
    name = FIELD_LABELS.get(line.field, line.field[:1].upper() + line.field[1:].replace("_", " "))
    nothing = "nobody" if line.field.startswith("seat ") else "nothing"
    before, after = (text.STATUS_LABELS.get(str(each), str(each)) if each else nothing for each in (line.old, line.new))
    return f"{name}: was {before}, now {after}"

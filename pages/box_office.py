"""Box office: a till that records an order of several packages for one donor."""

import uuid
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import streamlit as st

from ticketing import db, money
from ticketing.catalog import options, packages
from ticketing.catalog.events import Event
from ticketing.errors import TicketingError
from ticketing.purchase_filter import BOX_OFFICE_PURCHASES
from ticketing.reporting import live_stock, purchase_list
from ticketing.reporting.purchase_list import PurchaseRow
from ticketing.sales import till_drafts
from ui import session, text
from ui.purchases import details
from ui.session import PageContext
from ui.till import order_card, parts, receipt, state
from ui.till.checkout import OrderView
from ui.till.state import Till
from ui.widgets import forms
from ui.widgets.page_header import render_header

context, event = session.require_event("change")

LATEST_SALES = 5
MAX_OFFERED_DRAFTS = 3
OVER_AFTER = timedelta(days=1)
KEYS = {
    "/": "Donor",
    "1 to 9": "Add the package with this number",
    "Ctrl+Enter": "Record the sale",
    "Esc": "Start over",
    "Enter": "New sale, at the receipt",
    "?": "Show these keys",
}


def render_page(context: PageContext, event: Event) -> None:
    with db.read_session() as s:
        # First, so that a sale in between is shown twice, never missed.
        stock = live_stock.load(s, {event.id})[event.id]
        by_id = {package.id: package for package in packages.list_all(s, context.actor, event.id)}
        latest = purchase_list.list_page(s, context.actor, event.id, BOX_OFFICE_PURCHASES, per_page=LATEST_SALES)
        asked = options.list_active_by_package(s, event.id, by_id)
    if event.is_archived:
        render_closed(event, "This event is archived", "Nothing is sold in it. An admin can restore it in All events.")
    elif not any(package.is_enabled for package in by_id.values()):
        render_closed(event, "Nothing is on sale", "Add a package or put one on sale, then sell it here.")
    elif is_over(event) and not st.session_state.get(f"sells_after_{event.id}"):
        render_over(event)
    else:
        till = state.get_till(context, event)
        state.sync(till, context.actor)
        render_till(context, event, till, OrderView(by_id, asked), stock, latest)
    details.render(context, event)


def render_closed(event: Event, title: str, sentence: str) -> None:
    render_header("Box office", event)
    with st.container(border=True):
        st.header(title, anchor=False)
        st.markdown(sentence)


def is_over(event: Event) -> bool:
    return event.starts_at + OVER_AFTER < datetime.now(UTC)


def render_over(event: Event) -> None:
    """Say that the event is over, and ask once whether it is meant."""
    render_header("Box office", event)
    with st.container(border=True):
        began = text.format_event_date(event.starts_at, event.time_zone)
        st.markdown(f"**This event is over.** It began {began}. Sales that you record now count as its revenue.")
        st.button("Sell all the same", on_click=st.session_state.update, args=({f"sells_after_{event.id}": True},))


def render_till(
    context: PageContext, event: Event, till: Till, view: OrderView, stock: live_stock.Stock, latest: list[PurchaseRow]
) -> None:
    with st.container(key="till"):
        left, right = st.columns([1.5, 1], gap="medium")
        with left:
            actions = render_header("Box office", event)
            with actions:
                render_keys()
            render_waiting(context, event, till)
            render_donor(till)
            parts.render_tiles(till, view.packages, stock)
            if latest:
                render_latest_sales(event, latest)
        with right:
            if till.receipt is not None:
                receipt.render(context, event, till, till.receipt)
            else:
                order_card.render(context, event, till, view)


def render_keys() -> None:
    with st.popover("Keys", key="till_keys", type="tertiary", icon=":material/keyboard:"):
        st.markdown("\n".join(f"- `{key}` {meaning}" for key, meaning in KEYS.items()))


def render_waiting(context: PageContext, event: Event, till: Till) -> None:
    """Offer the latest orders that this person began at other tills, while this one is empty.

    The container is there without any, too, so that the fields below it keep their place on the page.
    """
    is_offered = till.is_empty() and till.receipt is None
    with st.container(horizontal=True, key="waiting"):
        for draft_id, begun_at in state.list_waiting(context, till)[:MAX_OFFERED_DRAFTS] if is_offered else ():
            when = text.format_datetime(begun_at, event.time_zone).removeprefix("today, ")
            st.button(
                f"Continue the order begun at {text.escape_markdown(when)}",
                key=f"continue_{draft_id}",
                icon=":material/move_item:",
                on_click=continue_order,
                args=(context, event, till, draft_id),
            )


def continue_order(context: PageContext, event: Event, till: Till, draft_id: uuid.UUID) -> None:
    state.read_typed(till)
    try:
        draft = db.write(lambda s: till_drafts.move(s, context.actor, event.id, till.name, draft_id))
    except TicketingError as exc:
        till.form.refusal = str(exc)
    else:
        till.start(draft.id, draft.content)


def render_donor(till: Till) -> None:
    """Show the donor's fields; the script offers known donors below them."""
    with st.container(horizontal=True, key="donor"):
        render_donor_field(till, "name", "Donor's name", placeholder="Name or e-mail")
        render_donor_field(till, "email", "E-mail address", type="email")
        render_donor_field(till, "phone", "Phone (optional)", type="phone")


def render_donor_field(till: Till, name: str, label: str, *, placeholder: str = "", **options: Any) -> None:
    form = till.form
    with st.container(key=form.key(f"box_{name}"), gap="xsmall"):
        st.text_input(
            label,
            till.initial[name],
            key=form.key(name),
            persist_state="session",
            placeholder=placeholder,
            autocomplete="off",
            **options,
        )
        forms.render_problem(form, name)


def render_latest_sales(event: Event, rows: list[PurchaseRow]) -> None:
    """List the last sales recorded here, where a mistake is noticed first; it is voided in the details."""
    with st.container(gap="xsmall", key="latest_sales"):
        st.header("Latest sales", anchor=False)
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="center", wrap=False, key=f"sold_{row.purchase.id}"):
                st.html(build_sale(event, row))
                purchase_id = row.purchase.id
                st.button("Details", key=f"open_{purchase_id}", on_click=details.open_purchase, args=(purchase_id,))


def build_sale(event: Event, row: PurchaseRow) -> str:
    """Return donor and package of a sale, and at the right its total and time. Names may be from right to left."""
    purchase = row.purchase
    status = text.STATUS_LABELS[purchase.payment_status]
    badge = "" if purchase.payment_status == "completed" else f' <span class="badge">{status}</span>'
    return (
        f'<div class="sale"><div><bdi>{escape(purchase.purchaser_name)}</bdi>{badge}</div>'
        f'<div class="amount">{money.format_dollars(purchase.total)}</div>'
        f'<div class="about">{purchase.quantity:,} × <bdi>{escape(row.package)}</bdi></div>'
        f'<div class="about amount">{text.format_datetime(purchase.purchased_at, event.time_zone)}</div></div>'
    )


render_page(context, event)

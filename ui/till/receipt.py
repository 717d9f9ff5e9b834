"""The receipt of the order that was just recorded: its codes, copy and print, guests, Undo."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import db, money
from ticketing.errors import StaleVersion, TicketingError
from ticketing.models import Event
from ticketing.sales import corrections
from ticketing.sales.corrections import UNDO_WINDOW
from ticketing.sales.orders import RecordedLine
from ui import text
from ui.purchases import details, guest_names
from ui.session import PageContext
from ui.till import parts
from ui.till.state import Receipt, Till
from ui.widgets import undo

UNDO_REASON = "Undone at the box office"


def render(context: PageContext, event: Event, till: Till, receipt: Receipt) -> None:
    order = receipt.recorded.order
    with st.container(border=True, key="receipt"):
        st.html(_build_receipt(event, receipt))
        parts.render_receipt_actions(till, order.number)
        with st.container(horizontal=True, key="receipt_buttons"):
            st.button("New sale", key="new_sale", type="primary", on_click=close, args=(till,))
            st.button("Name guests", key="name_guests", on_click=name_guests, args=(context, event, receipt))
            if _is_undo_possible(receipt):
                st.button("Undo", key="undo_sale", on_click=undo_sale, args=(context, event, till, receipt))
        if till.form.refusal:
            st.error(text.escape_markdown(till.form.refusal))


def close(till: Till) -> None:
    till.receipt = None
    till.form.refusal = ""


def name_guests(context: PageContext, event: Event, receipt: Receipt) -> None:
    """Open the guests of the first line with a seat to name."""
    lines = [line.purchase for line in receipt.recorded.lines]
    purchase = next((each for each in lines if each.seats_named < each.seats), lines[0])
    details.open_purchase(purchase.id)
    guest_names.open_form(context, event, purchase.id)


def undo_sale(context: PageContext, event: Event, till: Till, receipt: Receipt) -> None:
    """Void the order, as Void does; refused with the reason when it was changed since, or after 10 minutes."""
    order = receipt.recorded.order
    if till.receipt is not receipt:
        return
    if not _is_undo_possible(receipt):
        till.form.refusal = "A sale can be undone for 10 minutes. Void it under Latest sales."
        return
    try:
        voided = db.write(
            lambda s: corrections.void_order(
                s, context.actor, event.id, order.id, UNDO_REASON, seen_version=order.version
            )
        )
    except StaleVersion as exc:
        till.form.refusal = f"{exc} Nothing was undone."
        return
    except TicketingError as exc:
        till.form.refusal = str(exc)
        return
    close(till)
    version = voided.version
    undo.offer(
        f"Order {order.number} voided: its packages are on sale again.",
        lambda s: corrections.undo_void(s, context.actor, event.id, order.id, seen_version=version),
    )


def _is_undo_possible(receipt: Receipt) -> bool:
    return datetime.now(UTC) < receipt.recorded.lines[0].purchase.purchased_at + UNDO_WINDOW


def _build_receipt(event: Event, receipt: Receipt) -> str:
    """Return number, donor, amounts and codes, and for paper the event. Codes are a list, which the script copies."""
    order, lines = receipt.recorded.order, receipt.recorded.lines
    first = lines[0].purchase
    discount = sum((line.purchase.discount for line in lines), money.ZERO)
    total = sum((line.purchase.total for line in lines), money.ZERO)
    paid = text.CHANNEL_LABELS[first.channel].lower()
    status = "" if first.payment_status == "completed" else f", {text.STATUS_LABELS[first.payment_status].lower()}"
    names = [f"<bdi>{escape(_name(receipt, line))}</bdi>" for line in lines]
    amounts = [
        (f"{line.purchase.quantity:,} × {name}", line.purchase.list_price)
        for line, name in zip(lines, names, strict=True)
    ]
    if discount:
        amounts.append(("Discount", -discount))
    begins, sold = (_format_moment(each, event) for each in (event.starts_at, first.purchased_at))
    rows = "".join(_build_amount(label, amount) for label, amount in amounts)
    codes = "".join(
        f'<p class="package">{name}</p>'
        f"<ul>{''.join(f'<li><code>{ticket.code}</code></li>' for ticket in line.tickets)}</ul>"
        for line, name in zip(lines, names, strict=True)
    )
    return (
        f'<div class="receipt"><div class="on-paper"><h2><bdi>{escape(event.name)}</bdi></h2><p>{begins}</p></div>'
        f'<h2>Order {order.number}</h2><p class="on-paper">{sold}</p>'
        f'<p class="donor"><bdi>{escape(first.purchaser_name)}</bdi> · <bdi>{escape(first.purchaser_email)}</bdi></p>'
        f'<dl class="sums">{rows}{_build_amount(f"Total, {paid}{status}", total, "total")}</dl>'
        f'<div class="codes">{codes}</div></div>'
    )


def _format_moment(moment: datetime, event: Event) -> str:
    """Return "Sat, Dec 5, 2026, 6:00 PM" in the time of the event."""
    local = moment.astimezone(ZoneInfo(event.time_zone))
    return f"{text.format_date(local.date(), has_weekday=True)}, {text.format_time(local)}"


def _build_amount(label: str, amount: Decimal, kind: str = "line") -> str:
    """Return a row of the receipt. `label` is HTML."""
    return f'<div class="{kind}"><dt>{label}</dt><dd>{money.format_dollars(amount)}</dd></div>'


def _name(receipt: Receipt, line: RecordedLine) -> str:
    return receipt.names.get(line.purchase.package_id, "Package")

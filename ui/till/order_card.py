"""The order at the right of the till: its lines with their questions, how it is paid, the total, and Record."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from html import escape
from typing import Any

import streamlit as st

from ticketing import money
from ticketing.errors import InvalidInput
from ticketing.models import BOX_OFFICE_CHANNELS, Event, Option
from ticketing.pricing import Quote
from ui import text
from ui.session import PageContext
from ui.till import checkout, parts
from ui.till.checkout import OrderView
from ui.till.state import Till, read_typed
from ui.widgets import forms, questions


def render(context: PageContext, event: Event, till: Till, view: OrderView) -> None:
    with st.container(border=True, key="order"):
        render_head(context, till)
        forms.render_summary(till.form)
        if not till.lines:
            forms.render_hint("Tap a package to add it.")
        for line in till.lines:
            render_line(till, line, view)
        render_payment(till)
        quote, code_refusal, too_much = Quote(money.ZERO, money.ZERO, money.ZERO), "", ""
        try:
            quote, code_refusal = checkout.get_quote(context, event, till, view)
        except InvalidInput as exc:
            too_much = str(exc)
        render_promo_code(till, code_refusal)
        st.text_input("Note (optional)", till.initial["notes"], key=till.form.key("notes"), persist_state="session")
        forms.render_problem(till.form, "notes")
        if too_much:
            st.error(text.escape_markdown(too_much))
        else:
            render_total(context, event, till, view, quote)


def render_head(context: PageContext, till: Till) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="order_head"
    ):
        st.header("Order", anchor=False, width="content")
        if till.asks_to_clear:
            with st.container(horizontal=True, vertical_alignment="center", width="content", key="clear_order"):
                st.markdown("Clear this order?", width="content")
                st.button("Clear", key="destroy_order", type="primary", on_click=clear, args=(context, till))
                st.button("Keep", key="keep_order", on_click=ask_to_clear, args=(till, False))
        elif not till.is_empty():
            st.button("Start over", key="start_over", type="tertiary", on_click=ask_to_clear, args=(till, True))


def ask_to_clear(till: Till, asks: bool) -> None:
    till.asks_to_clear = asks


def clear(context: PageContext, till: Till) -> None:
    read_typed(till)
    till.clear(context.actor)


def render_line(till: Till, line: dict[str, Any], view: OrderView) -> None:
    """Render a line, its required questions, and folded what may be skipped. The package's id is its identity."""
    package_id = line["package_id"]
    package = view.find_package(package_id)
    form = till.form
    with st.container(key=form.key(f"line_{package_id}"), gap="xsmall"):
        parts.render_line(till, package_id, package)
        forms.render_problem(form, f"quantity_{package_id}")
        if package is None:
            return
        till.quoted[package.id] = package.version
        asked = view.questions.get(package.id, ())
        for option in asked:
            if option.is_required:
                render_question(till, package_id, option)
        skippable = [option for option in asked if not option.is_required]
        unfolded = till.unfolded.get(package.id, 0)
        with st.expander(
            "More questions and guests" if skippable else "Guests",
            type="compact",
            key=form.key(f"more_{package_id}_{unfolded}"),
            expanded=unfolded > 0,
        ):
            for option in skippable:
                render_question(till, package_id, option)
            st.text_area(
                "Guests (optional)",
                get_initial_line(till, package_id)["guests"],
                key=form.key(f"guests_{package_id}"),
                persist_state="session",
                height=80,
                placeholder="Ana Lopez, ana@example.org\nBen Okafor",
            )
            forms.render_hint("One guest per line, with an e-mail address after a comma if you have it.")
            forms.render_problem(form, f"guests_{package_id}")


def render_question(till: Till, package_id: str, option: Option) -> None:
    name = f"answer_{package_id}_{option.id}"
    answer = get_initial_line(till, package_id)["answers"].get(str(option.id))
    questions.render(option, till.form.key(name), initial=answer, persist_state="session")
    forms.render_problem(till.form, name)


def get_initial_line(till: Till, package_id: str) -> dict[str, Any]:
    """Return the line as it was when the order was begun or continued here; its widgets start from that."""
    empty: dict[str, Any] = {"answers": {}, "guests": ""}
    return next((line for line in till.initial["lines"] if line["package_id"] == package_id), empty)


def render_payment(till: Till) -> None:
    st.segmented_control(
        "Paid by",
        BOX_OFFICE_CHANNELS,
        default=till.initial["channel"],
        key=till.form.key("channel"),
        persist_state="session",
        required=True,
        format_func=text.CHANNEL_LABELS.__getitem__,
    )
    st.segmented_control(
        "Status",
        ("completed", "pending"),
        default=till.initial["payment_status"],
        key=till.form.key("payment_status"),
        persist_state="session",
        required=True,
        format_func=text.STATUS_LABELS.__getitem__,
    )


def render_promo_code(till: Till, refusal: str) -> None:
    applies = bool(till.content["code"].strip()) and not refusal
    st.text_input(
        "Promo code (optional)",
        till.initial["code"],
        key=till.form.key("code"),
        persist_state="session",
        icon=":material/check_circle:" if applies else None,
    )
    if not refusal:
        till.form.problems.pop("code", None)
    # Beside the field only: a problem of the form would take the focus, before anybody asked to record.
    forms.render_problem(replace(till.form, problems={"code": refusal}), "code")


def render_total(context: PageContext, event: Event, till: Till, view: OrderView, quote: Quote) -> None:
    """Show subtotal, discount and total, the change for cash, and the button that records the order."""
    with st.container(key="foot", gap="small"):
        if till.content["channel"] == "cash" and quote.total:
            render_change(till, quote.total)
        rows = [("Total", quote.total)]
        if quote.discount:
            rows = [("Subtotal", quote.list_price), ("Discount", -quote.discount), *rows]
        st.html(f'<dl class="sums">{"".join(build_sum(label, amount) for label, amount in rows)}</dl>')
        st.button(
            f"Record sale, {text.format_dollars(quote.total)}" if till.lines else "Record sale",
            key=till.form.key("record"),
            type="primary",
            width="stretch",
            disabled=not till.lines,
            on_click=checkout.record,
            args=(context, event, till, till.draft_id, quote.total, view),
        )


def build_sum(label: str, amount: Decimal) -> str:
    return f'<div class="{label.lower()}"><dt>{label}</dt><dd>{escape(money.format_dollars(amount))}</dd></div>'


def render_change(till: Till, total: Decimal) -> None:
    """Ask for the cash that was received, which gives the change and is never stored as revenue."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="cash"):
        st.text_input(
            "Amount received",
            till.initial["received"],
            key=till.form.key("received"),
            persist_state="session",
        )
        st.markdown(format_change(till.content["received"], total), width="content")


def format_change(received: str, total: Decimal) -> str:
    if not received.strip():
        return ""
    try:
        change = money.parse_typed(received) - total
    except ValueError as exc:
        return f":red[{text.escape_markdown(exc)}]"
    return f"**Change {text.format_dollars(change)}**" if change >= 0 else f":red[{text.format_dollars(-change)} short]"

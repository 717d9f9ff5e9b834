"""Purchasers: search, filter, total, open and download the orders of an event."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from html import escape
from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing import db, money, purchase_filter
from ticketing.catalog import packages, promo_codes
from ticketing.catalog.events import Event
from ticketing.errors import InvalidInput
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting import order_list, purchase_list
from ticketing.reporting.order_list import OrderLine, OrderRow
from ticketing.reporting.purchase_list import PurchaseTotals
from ui import session, text
from ui.files import column_dialog
from ui.purchases import details, filters
from ui.purchases.filters import Choices, UrlState
from ui.runtime import sales_watch
from ui.session import PageContext
from ui.widgets import forms, paging, printing, tables
from ui.widgets.empty_page import render_empty_page
from ui.widgets.page_header import render_header
from ui.widgets.tables import Cell, Column, TwoLineCell, number_column

context, event = session.require_event()

PER_PAGE = 20
MAX_NAME_LENGTH = 60


def render_page(context: PageContext, event: Event) -> None:
    try:
        view = filters.parse_query_params()
    except InvalidInput as exc:
        stop_with_invalid_query(event, exc)
    sync_open_purchase(view.purchase_id)
    if not printing.is_requested():
        is_paused = details.is_open() or forms.is_open(column_dialog.FORM)
        sales_watch.rerun_on_change(event.id, paused=is_paused)
    chosen = view.active_filter
    choices, totals, page, rows = load_orders(context, event, view)
    actions = render_header("Purchasers", event)
    if not rows and chosen == PurchaseFilter(sort=chosen.sort):
        render_empty(context, event, choices)
    else:
        render_downloads(actions, event, chosen, is_empty=not rows)
        filters.render(chosen, choices)
        if rows:
            render_totals(totals, chosen)
            if page < view.page and not printing.is_requested():
                forms.render_hint(f"Page {view.page:,} no longer exists. This is the last page.")
            orders = totals[None].orders
            printing.render("Purchasers", event, describe_shown(chosen, choices, len(rows), orders))
            if printing.is_requested():
                printing.render_all(build_table(event, rows), len(rows), orders)
            else:
                render_rows(event, rows, orders, page, chosen)
        else:
            render_no_matches(chosen, choices)
    if forms.is_open(column_dialog.FORM):
        column_dialog.render(context, event)
    else:
        details.render(context, event, close_purchase)


def stop_with_invalid_query(event: Event, invalid: InvalidInput) -> NoReturn:
    """Show what is wrong with the URL, and no purchases that could be mistaken for the ones it meant."""
    render_header("Purchasers", event)
    problems = "\n".join(f"- {text.escape_markdown(sentence)}" for sentence in invalid.fields.values())
    st.error(f"This link has filters that do not work, so no purchases are shown.\n\n{problems}")
    st.button(
        "Show all purchases",
        icon=":material/arrow_forward:",
        on_click=filters.apply,
        args=(purchase_filter.ALL_PURCHASES,),
    )
    st.stop()


def sync_open_purchase(purchase_id: uuid.UUID | None) -> None:
    """Open the purchase that the URL names, or none; this is how the browser's Back button closes it."""
    if purchase_id is None:
        details.close()
    elif not details.is_open(purchase_id):
        details.open_purchase(purchase_id)


def load_orders(
    context: PageContext, event: Event, view: UrlState
) -> tuple[Choices, Mapping[str | None, PurchaseTotals], int, list[OrderRow]]:
    """Return the filter choices, the totals of all pages by status, the number of the page shown, and its rows."""
    with db.read_session() as s:
        choices = Choices(
            packages.list_names(s, context.actor, event.id), promo_codes.list_codes(s, context.actor, event.id)
        )
        try:
            filters.validate(view.active_filter, choices)
        except InvalidInput as exc:
            stop_with_invalid_query(event, exc)
        totals = purchase_list.get_status_totals(s, context.actor, event.id, view.active_filter)
        per_page = printing.get_row_count(PER_PAGE)
        page = min(view.page, max(-(-totals[None].orders // per_page), 1))
        rows = order_list.list_orders(s, context.actor, event.id, view.active_filter, page=page, per_page=per_page)
    return choices, totals, page, rows


def render_downloads(container: DeltaGenerator, event: Event, chosen: PurchaseFilter, *, is_empty: bool) -> None:
    """Link the two files, which hold exactly what the filters select, on all pages; `is_empty` when that is nothing."""
    query = urlencode(purchase_filter.to_query(chosen))
    for kind in ("purchases", "guests"):
        url = f"/export/{event.id}/{kind}.csv" + (f"?{query}" if query else "")
        container.link_button(f"{kind.capitalize()} CSV", url, icon=":material/download:", disabled=is_empty)
    column_dialog.render_button(container, "purchases", purchase_filter.to_query(chosen), disabled=is_empty)
    printing.render_button(container, disabled=is_empty)


def render_empty(context: PageContext, event: Event, choices: Choices) -> None:
    sentence = "Purchases appear here as they come in: from the box office, an import, or the donor site."
    with render_empty_page("No purchases yet", sentence, "purchasers-and-guests"):
        session.render_next_step(context, event, has_packages=bool(choices.packages))


def render_totals(totals: Mapping[str | None, PurchaseTotals], chosen: PurchaseFilter) -> None:
    """Show the totals of all pages by status, since only paid purchases are revenue, and pending ones beside it."""
    has_difference = any(find_difference(each) for each in totals.values())
    names = ["Orders", "Packages", "Seats", "List price", "Discount", *["Difference"] * has_difference, "Total"]
    tables.render(
        "Totals of all pages by status",
        [Column("Status"), *map(number_column, names)],
        [
            format_totals(label, totals[status], has_difference=has_difference)
            for status, label in text.STATUS_LABELS.items()
            if status in totals
        ],
        is_stacked=True,
    )
    if not chosen.statuses:
        orders = text.format_count(totals[None].orders, "order")
        forms.render_hint(f"{orders} in all. Revenue on Sales is what is paid.")


def format_totals(label: str, totals: PurchaseTotals, *, has_difference: bool) -> list[str]:
    """Return a row of the totals; the amounts lead from the list price to the total."""
    difference = find_difference(totals)
    return [
        label,
        f"{totals.orders:,}",
        f"{totals.packages:,}",
        f"{totals.seats:,}",
        money.format_dollars(totals.list_price),
        money.format_dollars(-totals.discount),
        *([money.format_dollars(difference)] if has_difference else []),
        money.format_dollars(totals.total),
    ]


def find_difference(totals: PurchaseTotals) -> Decimal:
    """Return how far imported totals are from list price less discount."""
    return totals.total - (totals.list_price - totals.discount)


def describe_shown(chosen: PurchaseFilter, choices: Choices, shown: int, total: int) -> str:
    """Return what the paper has: "all 3 orders, Pending, “gala”"."""
    search = [f"“{chosen.search}”"] if chosen.search else []
    labels = filters.describe(chosen, choices).values()
    return ", ".join([printing.describe_rows(shown, total, "order"), *labels, *search])


def build_table(event: Event, rows: list[OrderRow]) -> str:
    """Return all rows as a table for paper."""
    return tables.build(
        "Orders",
        [Column("Purchaser"), Column("Packages"), Column("Bought"), Column("Status"), number_column("Total")],
        [list_cells(event, row) for row in rows],
    )


def list_cells(event: Event, row: OrderRow) -> list[Cell]:
    purchase = row.lines[0].purchase
    packages_bought = ", ".join(f"{line.purchase.quantity:,} × {line.package}" for line in row.lines)
    seats = ", ".join(details.format_named_seats(line.purchase) for line in row.lines)
    discount = f"{row.promo_code or ''} {money.format_dollars(-row.discount)}" if row.discount else row.promo_code or ""
    return [
        TwoLineCell(purchase.purchaser_name, purchase.purchaser_email),
        TwoLineCell(packages_bought, seats),
        TwoLineCell(
            text.format_datetime(purchase.purchased_at, event.time_zone),
            f"{text.CHANNEL_LABELS[purchase.channel]} · {row.number}",
        ),
        text.ORDER_STATUS_LABELS[row.status],
        TwoLineCell(money.format_dollars(row.total), discount.strip()),
    ]


def render_rows(event: Event, rows: list[OrderRow], total: int, page: int, chosen: PurchaseFilter) -> None:
    with st.container(gap=None):
        for row in rows:
            render_row(event, row)
    key = f"purchasers_page_{filters.generation()}_{hash(chosen)}"
    paging.render(key, total, PER_PAGE, default=page, on_change=change_page, args=(chosen, key))


def render_row(event: Event, row: OrderRow) -> None:
    """Show one order; the purchaser's name is a button that CSS stretches over the whole row."""
    purchase = row.lines[0].purchase
    with st.container(key=f"purchaser_{purchase.id}", gap=None):
        name = text.escape_markdown(truncate(purchase.purchaser_name))
        email = text.escape_markdown(truncate(purchase.purchaser_email))
        st.button(
            f"{name} :small[{email}]",
            key=f"open_{purchase.id}",
            type="tertiary",
            on_click=open_purchase,
            args=(purchase.id,),
        )
        st.html(f'<div class="purchase">{"".join(format_cells(event, row))}</div>')


def truncate(name: str) -> str:
    """Cut a long name to fit a row of two lines; the details show it whole."""
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1]}…"


def format_cells(event: Event, row: OrderRow) -> list[str]:
    """Return the cells of a row as HTML: packages and guests, time and order number, status, total and discount."""
    purchase = row.lines[0].purchase
    when = text.format_datetime(purchase.purchased_at, event.time_zone)
    discount = money.format_dollars(-row.discount) if row.discount else ""
    return [
        f'<div class="what">{"".join(map(format_line, row.lines))}{format_other_lines(row)}</div>',
        format_cell("when", when, f"{text.CHANNEL_LABELS[purchase.channel]} · {row.number}"),
        format_cell(f"state {row.status}", text.ORDER_STATUS_LABELS[row.status]),
        format_cell("amount", money.format_dollars(row.total), f"{row.promo_code or ''} {discount}".strip()),
    ]


def format_line(line: OrderLine) -> str:
    """Return a line of an order as HTML; its seats are below it."""
    seats = details.format_named_seats(line.purchase)
    return f'{escape(f"{line.purchase.quantity:,} × {line.package}")}<div class="quiet">{escape(seats)}</div>'


def format_other_lines(row: OrderRow) -> str:
    """Say how many lines of the order the filters leave out."""
    others = row.line_count - len(row.lines)
    return f'<div class="quiet">and {text.format_count(others, "other package")}, not selected</div>' if others else ""


def format_cell(css_class: str, first: str, second: str = "") -> str:
    below = f'<div class="quiet">{escape(second)}</div>' if second else ""
    return f'<div class="{css_class}">{escape(first)}{below}</div>'


def open_purchase(purchase_id: uuid.UUID) -> None:
    details.open_purchase(purchase_id)
    st.query_params["purchase"] = str(purchase_id)


def close_purchase() -> None:
    details.close()
    st.query_params.pop("purchase", None)


def change_page(chosen: PurchaseFilter, key: str) -> None:
    filters.apply(chosen, st.session_state[key])
    filters.keep_widgets()


def render_no_matches(chosen: PurchaseFilter, choices: Choices) -> None:
    with st.container(border=True):
        st.header("No matching purchases", anchor=False)
        results = f"No results for “{text.escape_markdown(chosen.search)}”" if chosen.search else "No results"
        st.markdown(results + (" with these filters." if filters.describe(chosen, choices) else "."))
        st.button("Clear search and filters", on_click=filters.apply, args=(PurchaseFilter(sort=chosen.sort),))


render_page(context, event)

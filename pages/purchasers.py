"""Who bought what: found, filtered, summed up, opened and downloaded."""

from html import escape
from urllib.parse import urlencode

import streamlit as st

from ticketing import db, money, purchase_filter
from ticketing.catalog import packages, promo_codes
from ticketing.errors import InvalidInput
from ticketing.reporting import purchase_list
from ui import session, text
from ui.purchases import details, filters
from ui.runtime import sales_watch
from ui.widgets import forms, paging
from ui.widgets.page_header import render_header

context, event = session.require_event()

PER_PAGE = 20
MAX_NAME_LENGTH = 60


def render_invalid_query(wrong: InvalidInput) -> None:
    """What is not understood is told; nothing is shown in its place that somebody might take for what was asked."""
    problems = "\n".join(f"- {text.escape_markdown(sentence)}" for sentence in wrong.fields.values())
    st.error(f"This address does not say which purchases are meant, so none are shown.\n\n{problems}")
    st.button(
        "Show all purchases",
        icon=":material/arrow_forward:",
        on_click=filters.apply,
        args=(purchase_filter.ALL_PURCHASES,),
    )
    st.stop()


def open_purchase(purchase_id) -> None:
    details.open_purchase(purchase_id)
    st.query_params["purchase"] = str(purchase_id)


def close_purchase() -> None:
    details.close()
    st.query_params.pop("purchase", None)


def sync_open_purchase(purchase_id) -> None:
    """The address says which purchase is open; Back closes it."""
    if purchase_id is None:
        details.close()
    elif not details.is_open(purchase_id):
        details.open_purchase(purchase_id)


def change_page(chosen: purchase_filter.PurchaseFilter, key: str) -> None:
    filters.apply(chosen, st.session_state[key])
    filters.keep_widgets()


def render_downloads(container, chosen: purchase_filter.PurchaseFilter) -> None:
    """Exactly what the filters show, all pages of it."""
    query = urlencode(purchase_filter.to_query(chosen))
    for kind in ("purchases", "guests"):
        address = f"/export/{event.id}/{kind}.csv" + (f"?{query}" if query else "")
        container.link_button(f"{kind.capitalize()} CSV", address, icon=":material/download:")


def render_totals(totals: purchase_list.PurchaseTotals, statuses: tuple[str, ...]) -> None:
    """How many and how much, over all pages; amounts from the list price to the total."""
    figures = [
        ("Purchases", f"{totals.purchases:,}"),
        ("Packages", f"{totals.packages:,}"),
        ("Seats", f"{totals.seats:,}"),
        ("List price", money.format_dollars(totals.list_price)),
        ("Discount", money.format_dollars(-totals.discount)),
    ]
    if difference := totals.total - (totals.list_price - totals.discount):
        figures.append(("Imported difference", money.format_dollars(difference)))
    figures.append(("Total", money.format_dollars(totals.total)))
    st.html(
        '<div class="sums">'
        + "".join(f"<div><span>{name}</span> <strong>{value}</strong></div>" for name, value in figures)
        + "</div>"
    )
    if not statuses:
        forms.render_hint("Of every status. Revenue on the sales page is the total of those that are completed.")


def render_row(line: purchase_list.PurchaseRow) -> None:
    """One purchase: its name is the button, and the whole row leads there."""
    sold = line.purchase
    with st.container(key=f"purchaser_{sold.id}", gap=None):
        label = f"{text.escape_markdown(truncate_name(sold.purchaser_name))} :small[{text.escape_markdown(truncate_name(sold.purchaser_email))}]"
        st.button(label, key=f"open_{sold.id}", type="tertiary", on_click=open_purchase, args=(sold.id,))
        st.html(f'<div class="purchase">{"".join(format_cells(line))}</div>')


def truncate_name(name: str) -> str:
    """For a row of two lines; the details have the rest."""
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1]}…"


def format_cells(line: purchase_list.PurchaseRow) -> list[str]:
    """What was bought and who comes, when and how, its state, what it cost and what was taken off."""
    sold = line.purchase
    less = f"{line.promo_code or ''} {money.format_dollars(-sold.discount) if sold.discount else ''}"
    return [
        format_cell("what", f"{sold.quantity:,} × {line.package}", details.format_named_seats(sold)),
        format_cell(
            "when", text.format_datetime(sold.purchased_at, event.time_zone), text.CHANNEL_LABELS[sold.channel]
        ),
        format_cell(f"state {sold.payment_status}", text.STATUS_LABELS[sold.payment_status]),
        format_cell("amount", money.format_dollars(sold.total), less.strip()),
    ]


def format_cell(kind: str, first: str, second: str = "") -> str:
    below = f'<div class="quiet">{escape(second)}</div>' if second else ""
    return f'<div class="{kind}">{escape(first)}{below}</div>'


def render_empty() -> None:
    with st.container(border=True):
        st.subheader("No purchases yet", anchor=False)
        st.markdown("Purchases appear here as they come in: from the box office, an import, or the donor site.")
        session.render_next_step(context, event, has_packages=bool(choices.packages))


def render_no_matches(chosen: purchase_filter.PurchaseFilter) -> None:
    with st.container(border=True):
        st.subheader("No purchase matches", anchor=False)
        asked = f"Nothing has “{text.escape_markdown(chosen.search)}” in it" if chosen.search else "There is none"
        within = " within these filters." if filters.describe(chosen, choices) else "."
        st.markdown(asked + within)
        st.button(
            "Clear search and filters", on_click=filters.apply, args=(purchase_filter.PurchaseFilter(sort=chosen.sort),)
        )


try:
    view = filters.parse_query_params()
except InvalidInput as wrong:
    render_header("Purchasers", event)
    render_invalid_query(wrong)
sync_open_purchase(view.purchase_id)
sales_watch.rerun_on_change(event.id, paused=details.is_open())

with db.read_session() as s:
    choices = filters.Choices(
        packages.list_names(s, context.actor, event.id), promo_codes.list_codes(s, context.actor, event.id)
    )
    try:
        filters.validate(view.active_filter, choices)
    except InvalidInput as wrong:
        render_header("Purchasers", event)
        render_invalid_query(wrong)
    totals = purchase_list.get_totals(s, context.actor, event.id, view.active_filter)
    page = min(view.page, max(-(-totals.purchases // PER_PAGE), 1))
    lines = purchase_list.list_page(s, context.actor, event.id, view.active_filter, page=page, per_page=PER_PAGE)
    total = totals.purchases

actions = render_header("Purchasers", event)
if total:
    render_downloads(actions, view.active_filter)
is_everything = view.active_filter == purchase_filter.PurchaseFilter(sort=view.active_filter.sort)
if not total and is_everything:
    render_empty()
    details.render(context, event, close_purchase)
    st.stop()
filters.render(view.active_filter, choices)
if total:
    render_totals(totals, view.active_filter.statuses)
    if page < view.page:
        forms.render_hint(f"There is no page {view.page:,} any more; this is the last one.")
    with st.container(gap=None):
        for line in lines:
            render_row(line)
    key = f"purchasers_page_{filters.generation()}_{hash(view.active_filter)}"
    paging.render(key, total, PER_PAGE, default=page, on_change=change_page, args=(view.active_filter, key))
else:
    render_no_matches(view.active_filter)
details.render(context, event, close_purchase)

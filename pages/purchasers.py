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
from ui.widgets.page_header import show_header

here, event = session.require_event()

PER_PAGE = 20
LONGEST_NAME = 60


def refuse(wrong: InvalidInput) -> None:
    """What is not understood is told; nothing is shown in its place that somebody might take for what was asked."""
    problems = "\n".join(f"- {text.md(sentence)}" for sentence in wrong.fields.values())
    st.error(f"This address does not say which purchases are meant, so none are shown.\n\n{problems}")
    st.button(
        "Show all purchases", icon=":material/arrow_forward:", on_click=filters.go, args=(purchase_filter.EVERYTHING,)
    )
    st.stop()


def open_purchase(purchase_id) -> None:
    details.open_for(purchase_id)
    st.query_params["purchase"] = str(purchase_id)


def close_purchase() -> None:
    details.close()
    st.query_params.pop("purchase", None)


def follow_address(purchase_id) -> None:
    """The address says which purchase is open; Back closes it."""
    if purchase_id is None:
        details.close()
    elif not details.is_open(purchase_id):
        details.open_for(purchase_id)


def turn(chosen: purchase_filter.Selection, key: str) -> None:
    filters.go(chosen, st.session_state[key])
    filters.stay()


def downloads(place, chosen: purchase_filter.Selection) -> None:
    """Exactly what the filters show, all pages of it."""
    query = urlencode(purchase_filter.to_query(chosen))
    for kind in ("purchases", "guests"):
        address = f"/export/{event.id}/{kind}.csv" + (f"?{query}" if query else "")
        place.link_button(f"{kind.capitalize()} CSV", address, icon=":material/download:")


def sums(totals: purchase_list.Totals, statuses: tuple[str, ...]) -> None:
    """How many and how much, over all pages; amounts from the list price to the total."""
    figures = [
        ("Purchases", f"{totals.purchases:,}"),
        ("Packages", f"{totals.packages:,}"),
        ("Seats", f"{totals.seats:,}"),
        ("List price", money.dollars(totals.list_price)),
        ("Discount", money.dollars(-totals.discount)),
    ]
    if difference := totals.total - (totals.list_price - totals.discount):
        figures.append(("Imported difference", money.dollars(difference)))
    figures.append(("Total", money.dollars(totals.total)))
    st.html(
        '<div class="sums">'
        + "".join(f"<div><span>{name}</span> <strong>{value}</strong></div>" for name, value in figures)
        + "</div>"
    )
    if not statuses:
        forms.hint("Of every status. Revenue on the sales page is the total of those that are completed.")


def row(line: purchase_list.PurchaseLine) -> None:
    """One purchase: its name is the button, and the whole row leads there."""
    sold = line.purchase
    with st.container(key=f"purchaser_{sold.id}", gap=None):
        label = f"{text.md(shortened(sold.purchaser_name))} :small[{text.md(shortened(sold.purchaser_email))}]"
        st.button(label, key=f"open_{sold.id}", type="tertiary", on_click=open_purchase, args=(sold.id,))
        st.html(f'<div class="purchase">{"".join(cells(line))}</div>')


def shortened(name: str) -> str:
    """For a row of two lines; the details have the rest."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def cells(line: purchase_list.PurchaseLine) -> list[str]:
    """What was bought and who comes, when and how, its state, what it cost and what was taken off."""
    sold = line.purchase
    less = f"{line.promo_code or ''} {money.dollars(-sold.discount) if sold.discount else ''}"
    return [
        cell("what", f"{sold.quantity:,} × {line.package}", details.seats_named(sold)),
        cell("when", text.moment(sold.purchased_at, event.time_zone), text.CHANNELS[sold.channel]),
        cell(f"state {sold.payment_status}", text.STATUSES[sold.payment_status]),
        cell("amount", money.dollars(sold.total), less.strip()),
    ]


def cell(kind: str, first: str, second: str = "") -> str:
    below = f'<div class="quiet">{escape(second)}</div>' if second else ""
    return f'<div class="{kind}">{escape(first)}{below}</div>'


def nothing_yet() -> None:
    with st.container(border=True):
        st.subheader("No purchases yet", anchor=False)
        st.markdown("Purchases appear here as they come in: from the box office, an import, or the donor site.")
        session.show_first_step(here, event, has_packages=bool(choices.packages))


def nothing_found(chosen: purchase_filter.Selection) -> None:
    with st.container(border=True):
        st.subheader("No purchase matches", anchor=False)
        asked = f"Nothing has “{text.md(chosen.search)}” in it" if chosen.search else "There is none"
        within = " within these filters." if filters.in_words(chosen, choices) else "."
        st.markdown(asked + within)
        st.button("Clear search and filters", on_click=filters.go, args=(purchase_filter.Selection(sort=chosen.sort),))


try:
    view = filters.asked()
except InvalidInput as wrong:
    show_header("Purchasers", event)
    refuse(wrong)
follow_address(view.purchase_id)
sales_watch.rerun_on_change(event.id, paused=details.is_open())

with db.reading() as s:
    choices = filters.Choices(packages.names(s, here.actor, event.id), promo_codes.codes(s, here.actor, event.id))
    try:
        filters.judge(view.selection, choices)
    except InvalidInput as wrong:
        show_header("Purchasers", event)
        refuse(wrong)
    totals = purchase_list.totals(s, here.actor, event.id, view.selection)
    page = min(view.page, max(-(-totals.purchases // PER_PAGE), 1))
    lines = purchase_list.page_of(s, here.actor, event.id, view.selection, page=page, per_page=PER_PAGE)
    total = totals.purchases

actions = show_header("Purchasers", event)
if total:
    downloads(actions, view.selection)
is_everything = view.selection == purchase_filter.Selection(sort=view.selection.sort)
if not total and is_everything:
    nothing_yet()
    details.show(here, event, close_purchase)
    st.stop()
filters.show(view.selection, choices)
if total:
    sums(totals, view.selection.statuses)
    if page < view.page:
        forms.hint(f"There is no page {view.page:,} any more; this is the last one.")
    with st.container(gap=None):
        for line in lines:
            row(line)
    key = f"purchasers_page_{filters.generation()}_{hash(view.selection)}"
    paging.show(key, total, PER_PAGE, default=page, on_change=turn, args=(view.selection, key))
else:
    nothing_found(view.selection)
details.show(here, event, close_purchase)

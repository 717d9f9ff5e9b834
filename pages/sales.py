"""The page that is open all day: what came in, how it adds up, against the goal and an earlier event, from where."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import money, purchase_filter
from ticketing.db import replica
from ticketing.purchase_filter import NO_CODE, SOLD, Selection
from ticketing.reporting import comparison, purchase_list
from ticketing.reporting import figures as sales
from ui import menu, session, text
from ui.runtime import sales_watch
from ui.sales import comparison as comparing
from ui.widgets import charts, tables
from ui.widgets.forms import hint
from ui.widgets.page_header import show_header
from ui.widgets.tables import Bar, Cell, Column, Lines, Link, number

here, event = session.require_event()
sales_watch.rerun_on_change(event.id)

LATEST = 5
ROWS_AT_FIRST = 10
COMPLETED = Selection(statuses=("completed",))
zone = ZoneInfo(event.time_zone)
today = datetime.now(UTC).astimezone(zone).date()


def chosen(which: Selection) -> Selection:
    """These purchases, or the sponsorships among them while the page is about those alone."""
    return replace(which, sponsorships_only=only_sponsorships)


def address(which: Selection) -> dict[str, str]:
    return session.query(event) | purchase_filter.to_query(chosen(which))


def behind(words: str, which: Selection, purchases: int) -> None:
    """A link to the purchases behind a figure, or words alone when there are none. `words` are Markdown."""
    if purchases:
        st.page_link(menu.path("purchasers"), label=words, icon="", query_params=address(which))
    else:
        st.markdown(words, width="content")


def link(words: str, which: Selection, purchases: int) -> Cell:
    """The same in a table; plain words when there is nothing behind them."""
    return Link(words, "purchasers", address(which)) if purchases else words


def of_status(figures: sales.Figures, status: str) -> sales.StatusSales:
    return next(line for line in figures.by_status if line.status == status)


def tiles(figures: sales.Figures) -> None:
    unnamed = figures.seats_sold - figures.seats_named
    with st.container(horizontal=True):
        with tile(
            "Revenue",
            text.whole_dollars(figures.revenue),
            "Paid purchases after discounts. Pending, refunded and voided ones are not in it.",
        ):
            paid = of_status(figures, "completed").purchases
            behind(text.count(paid, "paid purchase"), COMPLETED, paid)
        if figures.goal_reached is not None and figures.revenue_goal is not None:
            goal = text.whole_dollars(figures.revenue_goal)
            with tile("Goal", f"{figures.goal_reached:.1f}%", f"Revenue against the event's goal of {goal}."):
                st.markdown(of_goal(figures.revenue, figures.revenue_goal))
        with tile("Packages sold", f"{figures.packages_sold:,}", "In paid and pending purchases, by quantity."):
            behind(f"in {text.count(figures.purchases, 'purchase')}", SOLD, figures.purchases)
        meaning = "Packages sold times the seats in each. Unnamed seats have no guest yet."
        with tile("Seats sold", f"{figures.seats_sold:,}", meaning):
            behind(f"{unnamed:,} unnamed", Selection(unnamed_only=True), unnamed)


def tile(label: str, value: str, meaning: str) -> st.delta_generator.DeltaGenerator:
    card = st.container(border=True, gap="xxsmall", width="stretch", key=f"figure_{label}")
    card.metric(label, value, help=meaning)
    return card


def of_goal(revenue: Decimal, goal: Decimal) -> str:
    """What the share means in dollars; the goal is the whole event's, also while sponsorships are shown alone."""
    if only_sponsorships:
        return f"of {text.whole_dollars(goal)} for all"
    return f"{text.whole_dollars(goal - revenue)} to go" if revenue < goal else "reached"


def bridge(figures: sales.Figures) -> None:
    """How list prices become revenue, and what is not revenue: each amount with its meaning and its purchases."""
    parts, paid = figures.bridge, of_status(figures, "completed").purchases
    st.subheader("How the revenue adds up", anchor=False)
    amount("List price", "What paid purchases cost before discounts.", parts.list_price, COMPLETED, paid)
    reduced = replace(COMPLETED, discounted_only=True)
    amount("Discounts", "By promo codes, comp sales and imports.", -parts.discount, reduced, parts.discount)
    if parts.difference:
        differing = replace(COMPLETED, differing_only=True)
        amount("Difference", "Imported totals that are not the two above.", parts.difference, differing, paid)
    amount("Revenue", "What paid purchases brought.", parts.revenue, COMPLETED, paid, is_sum=True)
    st.markdown("**Not in the revenue**")
    for status, meaning in (("pending", "Sold, but not paid yet."), ("refunded", "Paid back.")):
        line = of_status(figures, status)
        amount(text.STATUSES[status], meaning, line.total, Selection(statuses=(status,)), line.purchases)


def amount(
    label: str, meaning: str, dollars: Decimal, which: Selection, purchases: int, *, is_sum: bool = False
) -> None:
    bold = "**" if is_sum else ""
    with st.container(gap=None, key=f"figure_amount_{'sum' if is_sum else label}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", wrap=False):
            behind(f"{bold}{label}{bold}", which, purchases)
            st.markdown(f"{bold}{text.dollars(dollars)}{bold}", width="content")
        hint(meaning)


def latest(lines: Sequence[purchase_list.PurchaseLine], figures: sales.Figures) -> None:
    st.subheader("Latest sales", anchor=False)
    columns = [Column("Purchase"), number("Total")]
    tables.show("The latest purchases", columns, [latest_row(line) for line in lines], is_titled=False)
    recorded = sum(line.purchases for line in figures.by_status)
    with st.container(key="figure_latest"):
        behind(f"All purchases ({recorded:,})", purchase_filter.EVERYTHING, recorded)


def latest_row(line: purchase_list.PurchaseLine) -> list[Cell]:
    purchase = line.purchase
    when = text.moment(purchase.purchased_at, event.time_zone).replace(" ", "\N{NO-BREAK SPACE}")
    told = [f"{purchase.quantity} × {line.package}", when]
    if purchase.payment_status != "completed":
        told.append(text.STATUSES[purchase.payment_status])
    return [Lines(purchase.purchaser_name, " · ".join(told)), money.dollars(purchase.total)]


def over_time(figures: sales.Figures, lines: Sequence[purchase_list.PurchaseLine]) -> None:
    """Two charts of the days, each beside what is read with it; up to today, so that a quiet week is seen."""
    until = max(figures.by_day[-1].day, min(today, event.starts_at.astimezone(zone).date()))
    left, right = st.columns([4, 3])
    with left.container(border=True, height="stretch"):
        st.subheader("Revenue so far", anchor=False)
        charts.show(
            charts.so_far, figures.by_day, figures.revenue_goal, until, height="stretch",
            description="Revenue since the first sale, with the goal; its figures are in the table of days",
        )  # fmt: skip
    with right.container(border=True, height="stretch"):
        bridge(figures)
    left, right = st.columns([4, 3])
    with left.container(border=True, height="stretch"):
        st.subheader("Revenue by day", anchor=False)
        charts.show(
            charts.by_day, figures.by_day, until, height="stretch",
            description="Revenue of each day, as in the table of days",
        )  # fmt: skip
    with right.container(border=True, height="stretch"):
        latest(lines, figures)
    with st.expander("Day by day, as a table", key="table_of_days", on_change="rerun") as days:
        if days.open:
            tables.show(
                "Sales of each day, the latest first",
                [Column("Day"), number("Packages"), number("Revenue"), number("So far")],
                [day_row(day) for day in reversed(figures.by_day)],
                is_long=True,
            )


def day_row(line: sales.DaySales) -> list[Cell]:
    which = replace(SOLD, first_day=line.day, last_day=line.day)
    return [
        link(text.day(line.day, today), which, line.packages_sold),
        f"{line.packages_sold:,}",
        money.dollars(line.revenue),
        money.dollars(line.cumulative),
    ]


def by_package(figures: sales.Figures) -> None:
    with st.container(border=True):
        st.subheader("By package", anchor=False)
        in_parts(
            "Packages sold of their limit, seats and revenue, in display order",
            "package",
            [Column("Package"), Column("Sold"), number("Seats"), number("Revenue")],
            [package_row(line) for line in figures.by_package],
            ["Together", f"{figures.packages_sold:,}", f"{figures.seats_sold:,}", money.dollars(figures.revenue)],
        )


def package_row(line: sales.PackageSales) -> list[Cell]:
    which = replace(SOLD, package_ids=(line.package_id,))
    sold: Cell = f"{line.sold_count:,}, no limit"
    if line.quantity_limit is not None:
        words = f"{line.sold_count:,} of {line.quantity_limit:,}" + (", sold out" if line.is_sold_out else "")
        sold = Bar(words, Decimal(line.sold_count) / line.quantity_limit, line.is_sold_out)
    return [link(line.name, which, line.sold_count), sold, f"{line.seats_sold:,}", money.dollars(line.revenue)]


def by_promo_code(figures: sales.Figures) -> None:
    st.subheader("By promo code", anchor=False)
    in_parts(
        "Purchases, discount and revenue of each promo code",
        "code",
        [Column("Code"), number("Purchases"), number("Discount"), number("Revenue")],
        [code_row(line) for line in figures.by_promo_code],
        [
            "Together",
            f"{figures.purchases:,}",
            money.dollars(figures.discount),
            money.dollars(figures.revenue),
        ],
    )


def code_row(line: sales.CodeSales) -> list[Cell]:
    return [
        link(line.code or "Without a code", replace(SOLD, codes=(line.code or NO_CODE,)), line.purchases),
        f"{line.purchases:,}",
        money.dollars(line.discount),
        money.dollars(line.revenue),
    ]


def by_channel(figures: sales.Figures) -> None:
    st.subheader("By channel", anchor=False)
    tables.show(
        "Purchases and revenue of each channel",
        [Column("Channel"), number("Purchases"), number("Revenue")],
        [
            [
                link(text.CHANNELS[line.channel], replace(SOLD, channels=(line.channel,)), line.purchases),
                f"{line.purchases:,}",
                money.dollars(line.revenue),
            ]
            for line in figures.by_channel
        ],
        ["Together", f"{figures.purchases:,}", money.dollars(figures.revenue)],
    )


def in_parts(
    caption: str, noun: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], sums: Sequence[Cell]
) -> None:
    """A table that begins with its first rows and shows all on request."""
    key = f"all_{noun}s"
    is_whole = st.session_state.setdefault(key, False) or len(rows) <= ROWS_AT_FIRST
    tables.show(caption, columns, rows if is_whole else rows[:ROWS_AT_FIRST], sums)
    if len(rows) > ROWS_AT_FIRST:
        st.button(
            f"Show the first {ROWS_AT_FIRST}" if is_whole else f"Show all {text.count(len(rows), noun)}",
            key=f"show_{key}",
            on_click=lambda: st.session_state.update({key: not st.session_state[key]}),
        )


def nothing_sold(figures: sales.Figures) -> None:
    with st.container(border=True):
        if only_sponsorships:
            st.subheader("No sponsorships sold yet", anchor=False)
            st.markdown("Switch off **Sponsorships only** to see all sales.")
            return
        st.subheader("No sales yet", anchor=False)
        st.markdown("Sales appear here as they come in: from the box office, an import, or the donor site.")
        session.show_first_step(here, event, has_packages=bool(figures.by_package))


actions = show_header("Sales", event)
only_sponsorships = st.toggle("Sponsorships only", key="sponsorships_only", bind="query-params")
figures, lines, others = replica.read(
    lambda s: (
        sales.figures(s, here.actor, event.id, sponsorships_only=only_sponsorships),
        purchase_list.page_of(s, here.actor, event.id, chosen(SOLD), per_page=LATEST),
        comparison.candidates(s, here.actor, event.id),
    )
)
tiles(figures)
if not any(line.purchases for line in figures.by_status):
    nothing_sold(figures)
    st.stop()
query = urlencode(purchase_filter.to_query(chosen(purchase_filter.EVERYTHING)))
file = f"/export/{event.id}/purchases.csv" + (f"?{query}" if query else "")
actions.link_button("Download CSV", file, icon=":material/download:")
if figures.by_day:
    over_time(figures, lines)
else:
    with st.container(border=True):
        bridge(figures)
if others:
    with st.container(border=True):
        comparing.show(here.actor, event, others, sponsorships_only=only_sponsorships)
by_package(figures)
left, right = st.columns([3, 2])
with left.container(border=True):
    by_promo_code(figures)
with right.container(border=True):
    by_channel(figures)

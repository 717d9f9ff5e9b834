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
from ticketing.purchase_filter import NO_PROMO_CODE, SOLD_PURCHASES, PurchaseFilter
from ticketing.reporting import comparison, purchase_list
from ticketing.reporting import figures as sales
from ui import menu, session, text
from ui.runtime import sales_watch
from ui.sales import comparison as comparing
from ui.widgets import charts, tables
from ui.widgets.forms import render_hint
from ui.widgets.page_header import render_header
from ui.widgets.tables import Bar, Cell, Column, Link, TwoLineCell, number_column

context, event = session.require_event()
sales_watch.rerun_on_change(event.id)

LATEST_SALES_COUNT = 5
INITIAL_ROW_COUNT = 10
COMPLETED_PURCHASES = PurchaseFilter(statuses=("completed",))
zone = ZoneInfo(event.time_zone)
today = datetime.now(UTC).astimezone(zone).date()


def apply_sponsorships_only(base_filter: PurchaseFilter) -> PurchaseFilter:
    """These purchases, or the sponsorships among them while the page is about those alone."""
    return replace(base_filter, sponsorships_only=sponsorships_only)


def build_link_query(link_filter: PurchaseFilter) -> dict[str, str]:
    return session.event_query_params(event) | purchase_filter.to_query(apply_sponsorships_only(link_filter))


def render_figure_link(label: str, link_filter: PurchaseFilter, purchases: int) -> None:
    """A link to the purchases behind a figure, or words alone when there are none. `words` are Markdown."""
    if purchases:
        st.page_link(menu.path("purchasers"), label=label, icon="", query_params=build_link_query(link_filter))
    else:
        st.markdown(label, width="content")


def build_link_cell(label: str, link_filter: PurchaseFilter, purchases: int) -> Cell:
    """The same in a table; plain words when there is nothing behind them."""
    return Link(label, "purchasers", build_link_query(link_filter)) if purchases else label


def get_status_sales(figures: sales.SalesFigures, status: str) -> sales.StatusSales:
    return next(line for line in figures.by_status if line.status == status)


def render_tiles(figures: sales.SalesFigures) -> None:
    unnamed = figures.seats_sold - figures.seats_named
    with st.container(horizontal=True):
        with render_tile(
            "Revenue",
            text.format_whole_dollars(figures.revenue),
            "Paid purchases after discounts. Pending, refunded and voided ones are not in it.",
        ):
            paid = get_status_sales(figures, "completed").purchases
            render_figure_link(text.format_count(paid, "paid purchase"), COMPLETED_PURCHASES, paid)
        if figures.goal_percent is not None and figures.revenue_goal is not None:
            goal = text.format_whole_dollars(figures.revenue_goal)
            with render_tile("Goal", f"{figures.goal_percent:.1f}%", f"Revenue against the event's goal of {goal}."):
                st.markdown(format_goal_status(figures.revenue, figures.revenue_goal))
        with render_tile("Packages sold", f"{figures.packages_sold:,}", "In paid and pending purchases, by quantity."):
            render_figure_link(
                f"in {text.format_count(figures.purchases, 'purchase')}", SOLD_PURCHASES, figures.purchases
            )
        meaning = "Packages sold times the seats in each. Unnamed seats have no guest yet."
        with render_tile("Seats sold", f"{figures.seats_sold:,}", meaning):
            render_figure_link(f"{unnamed:,} unnamed", PurchaseFilter(unnamed_only=True), unnamed)


def render_tile(label: str, value: str, help_text: str) -> st.delta_generator.DeltaGenerator:
    card = st.container(border=True, gap="xxsmall", width="stretch", key=f"figure_{label}")
    card.metric(label, value, help=help_text)
    return card


def format_goal_status(revenue: Decimal, goal: Decimal) -> str:
    """What the share means in dollars; the goal is the whole event's, also while sponsorships are shown alone."""
    if sponsorships_only:
        return f"of {text.format_whole_dollars(goal)} for all"
    return f"{text.format_whole_dollars(goal - revenue)} to go" if revenue < goal else "reached"


def render_revenue_bridge(figures: sales.SalesFigures) -> None:
    """How list prices become revenue, and what is not revenue: each amount with its meaning and its purchases."""
    parts, paid = figures.bridge, get_status_sales(figures, "completed").purchases
    st.subheader("How the revenue adds up", anchor=False)
    render_amount(
        "List price", "What paid purchases cost before discounts.", parts.list_price, COMPLETED_PURCHASES, paid
    )
    reduced = replace(COMPLETED_PURCHASES, discounted_only=True)
    render_amount("Discounts", "By promo codes, comp sales and imports.", -parts.discount, reduced, parts.discount)
    if parts.difference:
        differing = replace(COMPLETED_PURCHASES, differing_only=True)
        render_amount("Difference", "Imported totals that are not the two above.", parts.difference, differing, paid)
    render_amount("Revenue", "What paid purchases brought.", parts.revenue, COMPLETED_PURCHASES, paid, is_total=True)
    st.markdown("**Not in the revenue**")
    for status, meaning in (("pending", "Sold, but not paid yet."), ("refunded", "Paid back.")):
        line = get_status_sales(figures, status)
        render_amount(
            text.STATUS_LABELS[status], meaning, line.total, PurchaseFilter(statuses=(status,)), line.purchases
        )


def render_amount(
    label: str, help_text: str, dollars: Decimal, link_filter: PurchaseFilter, purchases: int, *, is_total: bool = False
) -> None:
    bold = "**" if is_total else ""
    with st.container(gap=None, key=f"figure_amount_{'sum' if is_total else label}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", wrap=False):
            render_figure_link(f"{bold}{label}{bold}", link_filter, purchases)
            st.markdown(f"{bold}{text.format_dollars(dollars)}{bold}", width="content")
        render_hint(help_text)


def render_latest_sales(lines: Sequence[purchase_list.PurchaseRow], figures: sales.SalesFigures) -> None:
    st.subheader("Latest sales", anchor=False)
    columns = [Column("Purchase"), number_column("Total")]
    tables.render(
        "The latest purchases", columns, [build_latest_sale_row(line) for line in lines], is_header_visible=False
    )
    recorded = sum(line.purchases for line in figures.by_status)
    with st.container(key="figure_latest"):
        render_figure_link(f"All purchases ({recorded:,})", purchase_filter.ALL_PURCHASES, recorded)


def build_latest_sale_row(line: purchase_list.PurchaseRow) -> list[Cell]:
    purchase = line.purchase
    when = text.format_datetime(purchase.purchased_at, event.time_zone).replace(" ", "\N{NO-BREAK SPACE}")
    told = [f"{purchase.quantity} × {line.package}", when]
    if purchase.payment_status != "completed":
        told.append(text.STATUS_LABELS[purchase.payment_status])
    return [TwoLineCell(purchase.purchaser_name, " · ".join(told)), money.format_dollars(purchase.total)]


def render_sales_over_time(figures: sales.SalesFigures, lines: Sequence[purchase_list.PurchaseRow]) -> None:
    """Two charts of the days, each beside what is read with it; up to today, so that a quiet week is seen."""
    until = max(figures.by_day[-1].day, min(today, event.starts_at.astimezone(zone).date()))
    left, right = st.columns([4, 3])
    with left.container(border=True, height="stretch"):
        st.subheader("Revenue so far", anchor=False)
        charts.render(
            charts.build_cumulative_revenue_chart, figures.by_day, figures.revenue_goal, until, height="stretch",
            description="Revenue since the first sale, with the goal; its figures are in the table of days",
        )  # fmt: skip
    with right.container(border=True, height="stretch"):
        render_revenue_bridge(figures)
    left, right = st.columns([4, 3])
    with left.container(border=True, height="stretch"):
        st.subheader("Revenue by day", anchor=False)
        charts.render(
            charts.build_daily_revenue_chart, figures.by_day, until, height="stretch",
            description="Revenue of each day, as in the table of days",
        )  # fmt: skip
    with right.container(border=True, height="stretch"):
        render_latest_sales(lines, figures)
    with st.expander("Day by day, as a table", key="table_of_days", on_change="rerun") as days:
        if days.open:
            tables.render(
                "Sales of each day, the latest first",
                [Column("Day"), number_column("Packages"), number_column("Revenue"), number_column("So far")],
                [build_day_row(day) for day in reversed(figures.by_day)],
                is_scrollable=True,
            )


def build_day_row(line: sales.DaySales) -> list[Cell]:
    which = replace(SOLD_PURCHASES, first_day=line.day, last_day=line.day)
    return [
        build_link_cell(text.format_day(line.day, today), which, line.packages_sold),
        f"{line.packages_sold:,}",
        money.format_dollars(line.revenue),
        money.format_dollars(line.cumulative),
    ]


def render_sales_by_package(figures: sales.SalesFigures) -> None:
    with st.container(border=True):
        st.subheader("By package", anchor=False)
        render_expandable_table(
            "Packages sold of their limit, seats and revenue, in display order",
            "package",
            [Column("Package"), Column("Sold"), number_column("Seats"), number_column("Revenue")],
            [build_package_row(line) for line in figures.by_package],
            [
                "Together",
                f"{figures.packages_sold:,}",
                f"{figures.seats_sold:,}",
                money.format_dollars(figures.revenue),
            ],
        )


def build_package_row(line: sales.PackageSales) -> list[Cell]:
    which = replace(SOLD_PURCHASES, package_ids=(line.package_id,))
    sold: Cell = f"{line.sold_count:,}, no limit"
    if line.quantity_limit is not None:
        words = f"{line.sold_count:,} of {line.quantity_limit:,}" + (", sold out" if line.is_sold_out else "")
        sold = Bar(words, Decimal(line.sold_count) / line.quantity_limit, line.is_sold_out)
    return [
        build_link_cell(line.name, which, line.sold_count),
        sold,
        f"{line.seats_sold:,}",
        money.format_dollars(line.revenue),
    ]


def render_sales_by_promo_code(figures: sales.SalesFigures) -> None:
    st.subheader("By promo code", anchor=False)
    render_expandable_table(
        "Purchases, discount and revenue of each promo code",
        "code",
        [Column("Code"), number_column("Purchases"), number_column("Discount"), number_column("Revenue")],
        [build_promo_code_row(line) for line in figures.by_promo_code],
        [
            "Together",
            f"{figures.purchases:,}",
            money.format_dollars(figures.discount),
            money.format_dollars(figures.revenue),
        ],
    )


def build_promo_code_row(line: sales.PromoCodeSales) -> list[Cell]:
    return [
        build_link_cell(
            line.code or "Without a code", replace(SOLD_PURCHASES, codes=(line.code or NO_PROMO_CODE,)), line.purchases
        ),
        f"{line.purchases:,}",
        money.format_dollars(line.discount),
        money.format_dollars(line.revenue),
    ]


def render_sales_by_channel(figures: sales.SalesFigures) -> None:
    st.subheader("By channel", anchor=False)
    tables.render(
        "Purchases and revenue of each channel",
        [Column("Channel"), number_column("Purchases"), number_column("Revenue")],
        [
            [
                build_link_cell(
                    text.CHANNEL_LABELS[line.channel], replace(SOLD_PURCHASES, channels=(line.channel,)), line.purchases
                ),
                f"{line.purchases:,}",
                money.format_dollars(line.revenue),
            ]
            for line in figures.by_channel
        ],
        ["Together", f"{figures.purchases:,}", money.format_dollars(figures.revenue)],
    )


def render_expandable_table(
    caption: str, noun: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], sums: Sequence[Cell]
) -> None:
    """A table that begins with its first rows and shows all on request."""
    key = f"all_{noun}s"
    is_whole = st.session_state.setdefault(key, False) or len(rows) <= INITIAL_ROW_COUNT
    tables.render(caption, columns, rows if is_whole else rows[:INITIAL_ROW_COUNT], sums)
    if len(rows) > INITIAL_ROW_COUNT:
        st.button(
            f"Show the first {INITIAL_ROW_COUNT}" if is_whole else f"Show all {text.format_count(len(rows), noun)}",
            key=f"show_{key}",
            on_click=lambda: st.session_state.update({key: not st.session_state[key]}),
        )


def render_no_sales(figures: sales.SalesFigures) -> None:
    with st.container(border=True):
        if sponsorships_only:
            st.subheader("No sponsorships sold yet", anchor=False)
            st.markdown("Switch off **Sponsorships only** to see all sales.")
            return
        st.subheader("No sales yet", anchor=False)
        st.markdown("Sales appear here as they come in: from the box office, an import, or the donor site.")
        session.render_next_step(context, event, has_packages=bool(figures.by_package))


actions = render_header("Sales", event)
sponsorships_only = st.toggle("Sponsorships only", key="sponsorships_only", bind="query-params")
figures, lines, others = replica.read(
    lambda s: (
        sales.get_figures(s, context.actor, event.id, sponsorships_only=sponsorships_only),
        purchase_list.list_page(
            s, context.actor, event.id, apply_sponsorships_only(SOLD_PURCHASES), per_page=LATEST_SALES_COUNT
        ),
        comparison.list_candidates(s, context.actor, event.id),
    )
)
render_tiles(figures)
if not any(line.purchases for line in figures.by_status):
    render_no_sales(figures)
    st.stop()
query = urlencode(purchase_filter.to_query(apply_sponsorships_only(purchase_filter.ALL_PURCHASES)))
download_url = f"/export/{event.id}/purchases.csv" + (f"?{query}" if query else "")
actions.link_button("Download CSV", download_url, icon=":material/download:")
if figures.by_day:
    render_sales_over_time(figures, lines)
else:
    with st.container(border=True):
        render_revenue_bridge(figures)
if others:
    with st.container(border=True):
        comparing.render(context.actor, event, others, sponsorships_only=sponsorships_only)
render_sales_by_package(figures)
left, right = st.columns([3, 2])
with left.container(border=True):
    render_sales_by_promo_code(figures)
with right.container(border=True):
    render_sales_by_channel(figures)

"""Sales page: revenue against the goal and an earlier event, by day, package, promo code and channel."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing import money, purchase_filter
from ticketing.catalog.events import Event
from ticketing.db import replica
from ticketing.purchase_filter import ALL_PURCHASES, NO_PROMO_CODE, SOLD_PURCHASES, PurchaseFilter
from ticketing.reporting import comparison, figures, purchase_list
from ticketing.reporting.figures import SalesFigures
from ticketing.reporting.purchase_list import PurchaseRow
from ui import menu, session, text
from ui.runtime import sales_watch
from ui.sales import comparison as comparison_panel
from ui.widgets import charts, tables
from ui.widgets.forms import render_hint
from ui.widgets.page_header import render_header
from ui.widgets.tables import Bar, Cell, Column, Link, TwoLineCell, number_column

context, event = session.require_event()
sales_watch.rerun_on_change(event.id)

LATEST_SALES_COUNT = 5
INITIAL_ROW_COUNT = 10
COMPLETED_PURCHASES = PurchaseFilter(statuses=("completed",))


@dataclass(frozen=True)
class View:
    """What the page shows: an event, all of its sales or its sponsorships only, and the event's current day."""

    event: Event
    sponsorships_only: bool
    today: date

    def narrow(self, purchases: PurchaseFilter) -> PurchaseFilter:
        return replace(purchases, sponsorships_only=self.sponsorships_only)

    def build_link_query(self, purchases: PurchaseFilter) -> dict[str, str]:
        return session.event_query_params(self.event) | purchase_filter.to_query(self.narrow(purchases))


def render_figure_link(view: View, label: str, purchases: PurchaseFilter, count: int) -> None:
    """Link a figure to its purchases, or render its label when there are none. `label` is Markdown."""
    if count:
        st.page_link(menu.path("purchasers"), label=label, icon="", query_params=view.build_link_query(purchases))
    else:
        st.markdown(label, width="content")


def build_link_cell(view: View, label: str, purchases: PurchaseFilter, count: int) -> Cell:
    """Return a table cell that links to its purchases, or its label when there are none."""
    return Link(label, "purchasers", view.build_link_query(purchases)) if count else label


def get_status_sales(sales: SalesFigures, status: str) -> figures.StatusSales:
    return next(line for line in sales.by_status if line.status == status)


def render_tiles(view: View, sales: SalesFigures) -> None:
    unnamed = sales.seats_sold - sales.seats_named
    with st.container(horizontal=True):
        with render_tile(
            "Revenue",
            text.format_whole_dollars(sales.revenue),
            "Paid orders after discounts. Pending, refunded and voided orders are not included.",
        ):
            paid = get_status_sales(sales, "completed").purchases
            render_figure_link(view, text.format_count(paid, "paid purchase"), COMPLETED_PURCHASES, paid)
        if sales.goal_percent is not None and sales.revenue_goal is not None:
            goal = text.format_whole_dollars(sales.revenue_goal)
            with render_tile("Goal", f"{sales.goal_percent:.1f}%", f"Revenue as a share of the {goal} event goal."):
                st.markdown(
                    format_goal_status(sales.revenue, sales.revenue_goal, sponsorships_only=view.sponsorships_only)
                )
        with render_tile("Packages sold", f"{sales.packages_sold:,}", "Packages in paid and pending orders."):
            render_figure_link(
                view, f"in {text.format_count(sales.purchases, 'purchase')}", SOLD_PURCHASES, sales.purchases
            )
        with render_tile("Seats sold", f"{sales.seats_sold:,}", "Packages sold times the seats in each."):
            label = f"{text.format_count(unnamed, 'guest')} to name"
            render_figure_link(view, label, PurchaseFilter(unnamed_only=True), unnamed)


def render_tile(label: str, value: str, help_text: str) -> DeltaGenerator:
    card = st.container(border=True, gap="xxsmall", width="stretch", key=f"figure_{label}")
    card.metric(label, value, help=help_text)
    return card


def format_goal_status(revenue: Decimal, goal: Decimal, *, sponsorships_only: bool) -> str:
    """Return what is missing to the goal; the goal is always the whole event's."""
    if sponsorships_only:
        return f"of the {text.format_whole_dollars(goal)} event goal"
    return f"{text.format_whole_dollars(goal - revenue)} to go" if revenue < goal else "reached"


def render_revenue_bridge(view: View, sales: SalesFigures) -> None:
    """Render how list prices add up to the revenue, and the amounts that are not part of it."""
    parts, paid = sales.bridge, get_status_sales(sales, "completed").purchases
    st.subheader("Revenue breakdown", anchor=False)
    render_amount(view, "List price", "Paid orders before discounts.", parts.list_price, COMPLETED_PURCHASES, paid)
    reduced = replace(COMPLETED_PURCHASES, discounted_only=True)
    render_amount(
        view,
        "Discounts",
        "From promo codes, comp sales and imports.",
        -parts.discount,
        reduced,
        paid if parts.discount else 0,
    )
    if parts.difference:
        differing = replace(COMPLETED_PURCHASES, differing_only=True)
        render_amount(
            view,
            "Difference",
            "Imported totals that differ from list price less discounts.",
            parts.difference,
            differing,
            paid,
        )
    render_amount(
        view, "Revenue", "Paid orders after discounts.", parts.revenue, COMPLETED_PURCHASES, paid, is_total=True
    )
    st.markdown("**Not included in revenue**")
    for status, help_text in (("pending", "Sold, but not paid yet."), ("refunded", "Money returned to donors.")):
        line = get_status_sales(sales, status)
        render_amount(
            view, text.STATUS_LABELS[status], help_text, line.total, PurchaseFilter(statuses=(status,)), line.purchases
        )


def render_amount(
    view: View,
    label: str,
    help_text: str,
    dollars: Decimal,
    purchases: PurchaseFilter,
    count: int,
    *,
    is_total: bool = False,
) -> None:
    bold = "**" if is_total else ""
    with st.container(gap=None, key=f"figure_amount_{'sum' if is_total else label}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", wrap=False):
            render_figure_link(view, f"{bold}{label}{bold}", purchases, count)
            st.markdown(f"{bold}{text.format_dollars(dollars)}{bold}", width="content")
        render_hint(help_text)


def render_latest_sales(view: View, latest: Sequence[PurchaseRow], sales: SalesFigures) -> None:
    st.subheader("Latest sales", anchor=False)
    columns = [Column("Purchase"), number_column("Total")]
    tables.render(
        "The latest purchases",
        columns,
        [build_latest_sale_row(row, view.event.time_zone) for row in latest],
        is_header_visible=False,
    )
    recorded = sum(line.purchases for line in sales.by_status)
    with st.container(key="figure_latest"):
        render_figure_link(view, f"All purchases ({recorded:,})", ALL_PURCHASES, recorded)


def build_latest_sale_row(row: PurchaseRow, time_zone: str) -> list[Cell]:
    purchase = row.purchase
    when = text.format_datetime(purchase.purchased_at, time_zone).replace(" ", "\N{NO-BREAK SPACE}")
    details = [f"{purchase.quantity} × {row.package}", when]
    if purchase.payment_status != "completed":
        details.append(text.STATUS_LABELS[purchase.payment_status])
    return [TwoLineCell(purchase.purchaser_name, " · ".join(details)), money.format_dollars(purchase.total)]


def render_sales_over_time(view: View, sales: SalesFigures, latest: Sequence[PurchaseRow]) -> None:
    """Render two charts of the days up to today, so that days without sales since the last one are visible."""
    event_day = view.event.starts_at.astimezone(ZoneInfo(view.event.time_zone)).date()
    until = max(sales.by_day[-1].day, min(view.today, event_day))
    left, right = st.columns([4, 3])
    with left.container(border=True, height="stretch"):
        st.subheader("Total revenue", anchor=False)
        charts.render(
            charts.build_cumulative_revenue_chart,
            sales.by_day,
            sales.revenue_goal,
            until,
            height="stretch",
            description="Revenue since the first sale, with the goal; its figures are in the table of days",
        )
    with right.container(border=True, height="stretch"):
        render_revenue_bridge(view, sales)
    left, right = st.columns([4, 3])
    with left.container(border=True, height="stretch"):
        st.subheader("Daily revenue", anchor=False)
        charts.render(
            charts.build_daily_revenue_chart,
            sales.by_day,
            until,
            height="stretch",
            description="Revenue of each day, as in the table of days",
        )
    with right.container(border=True, height="stretch"):
        render_latest_sales(view, latest, sales)
    with st.expander("Day by day, as a table", key="table_of_days", on_change="rerun") as days:
        if days.open:
            tables.render(
                "Sales of each day, the latest first",
                [Column("Day"), number_column("Packages"), number_column("Revenue"), number_column("Total")],
                [build_day_row(view, day) for day in reversed(sales.by_day)],
                is_scrollable=True,
            )


def build_day_row(view: View, line: figures.DaySales) -> list[Cell]:
    purchases = replace(SOLD_PURCHASES, first_day=line.day, last_day=line.day)
    return [
        build_link_cell(view, text.format_day(line.day, view.today), purchases, line.packages_sold),
        f"{line.packages_sold:,}",
        money.format_dollars(line.revenue),
        money.format_dollars(line.cumulative),
    ]


def render_sales_by_package(view: View, sales: SalesFigures) -> None:
    with st.container(border=True):
        st.subheader("By package", anchor=False)
        render_expandable_table(
            "Packages sold out of their limit, seats and revenue, in display order",
            "package",
            [Column("Package"), Column("Sold"), number_column("Seats"), number_column("Revenue")],
            [build_package_row(view, line) for line in sales.by_package],
            [
                "Total",
                f"{sales.packages_sold:,}",
                f"{sales.seats_sold:,}",
                money.format_dollars(sales.revenue),
            ],
        )


def build_package_row(view: View, line: figures.PackageSales) -> list[Cell]:
    purchases = replace(SOLD_PURCHASES, package_ids=(line.package_id,))
    sold: Cell = f"{line.sold_count:,}, no limit"
    if line.quantity_limit is not None:
        label = f"{line.sold_count:,} of {line.quantity_limit:,}" + (", sold out" if line.is_sold_out else "")
        sold = Bar(label, Decimal(line.sold_count) / line.quantity_limit, line.is_sold_out)
    return [
        build_link_cell(view, line.name, purchases, line.sold_count),
        sold,
        f"{line.seats_sold:,}",
        money.format_dollars(line.revenue),
    ]


def render_sales_by_promo_code(view: View, sales: SalesFigures) -> None:
    st.subheader("By promo code", anchor=False)
    render_expandable_table(
        "Purchases, discount and revenue of each promo code",
        "code",
        [Column("Code"), number_column("Purchases"), number_column("Discount"), number_column("Revenue")],
        [build_promo_code_row(view, line) for line in sales.by_promo_code],
        [
            "Total",
            f"{sales.purchases:,}",
            money.format_dollars(sales.discount),
            money.format_dollars(sales.revenue),
        ],
    )


def build_promo_code_row(view: View, line: figures.PromoCodeSales) -> list[Cell]:
    return [
        build_link_cell(
            view,
            line.code or "Without a code",
            replace(SOLD_PURCHASES, codes=(line.code or NO_PROMO_CODE,)),
            line.purchases,
        ),
        f"{line.purchases:,}",
        money.format_dollars(line.discount),
        money.format_dollars(line.revenue),
    ]


def render_sales_by_channel(view: View, sales: SalesFigures) -> None:
    st.subheader("By channel", anchor=False)
    tables.render(
        "Purchases and revenue of each channel",
        [Column("Channel"), number_column("Purchases"), number_column("Revenue")],
        [
            [
                build_link_cell(
                    view,
                    text.CHANNEL_LABELS[line.channel],
                    replace(SOLD_PURCHASES, channels=(line.channel,)),
                    line.purchases,
                ),
                f"{line.purchases:,}",
                money.format_dollars(line.revenue),
            ]
            for line in sales.by_channel
        ],
        ["Total", f"{sales.purchases:,}", money.format_dollars(sales.revenue)],
    )


def render_expandable_table(
    caption: str, noun: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], totals: Sequence[Cell]
) -> None:
    """Render the first rows of a table, and all of them on request."""
    key = f"all_{noun}s"
    is_whole = st.session_state.setdefault(key, False) or len(rows) <= INITIAL_ROW_COUNT
    tables.render(caption, columns, rows if is_whole else rows[:INITIAL_ROW_COUNT], totals)
    if len(rows) > INITIAL_ROW_COUNT:
        st.button(
            f"Show the first {INITIAL_ROW_COUNT}" if is_whole else f"Show all {text.format_count(len(rows), noun)}",
            key=f"show_{key}",
            on_click=lambda: st.session_state.update({key: not st.session_state[key]}),
        )


def render_no_sales(context: session.PageContext, view: View, *, has_packages: bool) -> None:
    with st.container(border=True):
        if view.sponsorships_only:
            st.subheader("No sponsorships sold yet", anchor=False)
            st.markdown("Turn off **Sponsorships only** to see all sales.")
            return
        st.subheader("No sales yet", anchor=False)
        st.markdown("Sales appear here as they come in: from the box office, an import, or the donor site.")
        session.render_next_step(context, view.event, has_packages=has_packages)


actions = render_header("Sales", event)
view = View(
    event,
    st.toggle("Sponsorships only", key="sponsorships_only", bind="query-params"),
    datetime.now(UTC).astimezone(ZoneInfo(event.time_zone)).date(),
)
sales, latest, other_events = replica.read(
    lambda s: (
        figures.get_figures(s, context.actor, event.id, sponsorships_only=view.sponsorships_only),
        purchase_list.list_page(s, context.actor, event.id, view.narrow(SOLD_PURCHASES), per_page=LATEST_SALES_COUNT),
        comparison.list_candidates(s, context.actor, event.id),
    )
)
render_tiles(view, sales)
if not any(line.purchases for line in sales.by_status):
    render_no_sales(context, view, has_packages=bool(sales.by_package))
    st.stop()
query = urlencode(purchase_filter.to_query(view.narrow(ALL_PURCHASES)))
download_url = f"/export/{event.id}/purchases.csv" + (f"?{query}" if query else "")
actions.link_button("Download CSV", download_url, icon=":material/download:")
if sales.by_day:
    render_sales_over_time(view, sales, latest)
else:
    with st.container(border=True):
        render_revenue_bridge(view, sales)
if other_events:
    with st.container(border=True):
        comparison_panel.render(context.actor, event, other_events, sponsorships_only=view.sponsorships_only)
render_sales_by_package(view, sales)
left, right = st.columns([3, 2])
with left.container(border=True):
    render_sales_by_promo_code(view, sales)
with right.container(border=True):
    render_sales_by_channel(view, sales)

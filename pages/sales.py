"""The page that is open all day: what came in, against the goal, by day and by package, and each purchase."""

import pandas as pd
import streamlit as st

from ticketing import db, purchasers, sales
from ticketing.selection import EVERYTHING
from ui import charts, live, menu, paging, session, text
from ui.header import show_header

here, event = session.require_event()
live.rerun_on_change(event.id)

PER_PAGE = 20


def figures(summary: sales.Summary) -> None:
    seats_unnamed = summary.seats_sold - summary.seats_named
    with st.container(horizontal=True):
        st.metric(
            "Revenue",
            text.whole_dollars(summary.revenue),
            border=True,
            width="stretch",
            help="Paid purchases after discounts. Pending, refunded and voided ones are not in it.",
            delta=f"{text.whole_dollars(summary.pending)} pending",
            delta_color="off",
            delta_arrow="off",
        )
        if summary.goal_reached is not None:
            to_go = max(summary.revenue_goal - summary.revenue, 0)
            st.metric(
                "Goal",
                f"{summary.goal_reached:.1f}%",
                border=True,
                width="stretch",
                delta=f"{text.whole_dollars(to_go)} to go" if to_go else "reached",
                delta_color="off",
                delta_arrow="off",
                help=f"Revenue against the goal of {text.whole_dollars(summary.revenue_goal)}.",
            )
        st.metric(
            "Packages sold",
            f"{summary.packages_sold:,}",
            border=True,
            width="stretch",
            delta=f"in {text.count(summary.purchases, 'purchase')}",
            delta_color="off",
            delta_arrow="off",
            help="Paid and pending purchases, by quantity.",
        )
        st.metric(
            "Seats sold",
            f"{summary.seats_sold:,}",
            border=True,
            width="stretch",
            delta=f"{seats_unnamed:,} unnamed",
            delta_color="off",
            delta_arrow="off",
            help="Packages sold times the seats in each; unnamed seats have no guest yet.",
        )


def over_time(summary: sales.Summary, days: tuple[sales.DaySales, ...]) -> None:
    left, right = st.columns(2)
    with left, st.container(border=True):
        st.subheader("Revenue so far", anchor=False)
        st.altair_chart(charts.cumulative(days, summary.revenue_goal), alt="Cumulative revenue by day, with the goal")
    with right, st.container(border=True):
        st.subheader("Revenue by day", anchor=False)
        st.altair_chart(charts.by_day(days), alt="Revenue of each day")
    with st.expander("The figures behind the charts"):
        st.dataframe(
            pd.DataFrame(
                [(d.day, d.packages_sold, d.revenue, d.cumulative) for d in reversed(days)],
                columns=["Day", "Packages sold", "Revenue", "So far"],
            ),
            hide_index=True, alt="Sales by day",
            column_config={
                "Day": st.column_config.DateColumn(format="D MMM YYYY"),
                "Revenue": st.column_config.NumberColumn(format="dollar"),
                "So far": st.column_config.NumberColumn(format="dollar"),
            },
        )  # fmt: skip


def by_package(summary: sales.Summary) -> None:
    with st.container(border=True):
        st.subheader("By package", anchor=False)
        rows = [
            {
                "Package": package.name,
                "Sold": f"{package.sold_count:,} of {package.quantity_limit:,}"
                if package.quantity_limit
                else f"{package.sold_count:,}, unlimited",
                "Share of limit": package.sold_count * 100 // package.quantity_limit
                if package.quantity_limit
                else None,
                "Seats": package.seats_sold,
                "Revenue": package.revenue,
                "Status": "Sold out" if package.is_sold_out else "",
            }
            for package in summary.by_package
        ]
        st.dataframe(
            pd.DataFrame(rows), hide_index=True, alt="Sold of limit, seats and revenue of each package",
            column_config={
                "Share of limit": st.column_config.ProgressColumn(format="%d%%", min_value=0, max_value=100),
                "Revenue": st.column_config.NumberColumn(format="dollar"),
            },
        )  # fmt: skip


def purchases_table(lines: list[purchasers.PurchaseLine], total: int) -> None:
    st.subheader(text.count(total, "purchase"), anchor=False)
    rows = [
        {
            "When": text.moment(line.purchase.purchased_at, event.time_zone),
            "Purchaser": line.purchase.purchaser_name,
            "Package": line.package,
            "Qty": line.purchase.quantity,
            "Total": line.purchase.total,
            "Status": text.STATUSES[line.purchase.payment_status],
            "Code": line.promo_code or "",
            "Discount": line.purchase.discount,
            "Guests named": f"{line.guests_named} of {line.purchase.seats}",
            "Channel": text.CHANNELS[line.purchase.channel],
            "E-mail": line.purchase.purchaser_email,
        }
        for line in lines
    ]
    dollars = st.column_config.NumberColumn(format="dollar")
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, alt="Purchases, the latest first", height="content",
        column_config={"Discount": dollars, "Total": dollars, "Code": st.column_config.Column(width=110)},
    )  # fmt: skip
    paging.show("purchases_page", total, PER_PAGE)


with db.reading() as s:
    summary = sales.summary(s, here.actor, event.id)
    days = sales.by_day(s, here.actor, event.id)
    lines, total = paging.load(
        "purchases_page",
        lambda page: purchasers.list_purchases(s, here.actor, event.id, EVERYTHING, page=page, per_page=PER_PAGE),
    )

actions = show_header("Sales", event)
if total:
    actions.link_button("Download CSV", f"/export/{event.id}/purchases.csv", icon=":material/download:")
figures(summary)
if not total:
    with st.container(border=True):
        st.subheader("No sales yet", anchor=False)
        st.markdown("Sales appear here as they come in: from the box office, an import, or the donor site.")
        if here.may("change"):
            name, label = ("box_office", "Record a sale") if summary.by_package else ("packages", "Add what is sold")
            st.page_link(
                menu.path(name), label=label, icon=":material/arrow_forward:", query_params=session.query(event)
            )
    st.stop()
if days:
    over_time(summary, days)
by_package(summary)
purchases_table(lines, total)

"""Sales page: revenue against its goal, by day, package, promo code and channel, for the days and sales of its bar."""

import uuid
from datetime import UTC, date, datetime
from functools import partial
from typing import NoReturn
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import purchase_filter
from ticketing.catalog import packages
from ticketing.catalog.events import Event
from ticketing.db import replica
from ticketing.errors import InvalidInput
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting import sales_report
from ticketing.reporting.sales_report import SalesReport
from ui import session, text
from ui.runtime import sales_watch
from ui.sales import (
    breakdown,
    chart,
    comparison,
    days_table,
    filter_bar,
    forecast_panel,
    goal,
    print_sheet,
    query,
    tiles,
)
from ui.sales.breakdown import Addresses
from ui.sales.query import View
from ui.session import PageContext
from ui.widgets.empty_page import render_empty_page
from ui.widgets.page_header import render_header

context, event = session.require_event()
CHART_LABELS = {"total": "Total", "daily": "Daily", "packages": "Packages", "channels": "Channels"}


def render_page(context: PageContext, event: Event) -> None:
    sales_watch.rerun_on_change(event.id)
    actions = render_header("Sales", event)
    today = datetime.now(UTC).astimezone(ZoneInfo(event.time_zone)).date()
    try:
        view = query.read(today)
    except InvalidInput as exc:
        stop_with_invalid_query(exc)
    report = replica.read(lambda s: sales_report.get_report(s, context.actor, event.id, view.report, event))
    if report.is_empty and view.report == query.NO_QUERY:
        render_no_sales(context, event, has_packages=bool(report.figures.by_package))
        return
    purchases = urlencode(purchase_filter.to_query(PurchaseFilter.of_sales(view.sales_filter)))
    actions.link_button(
        "Download CSV",
        f"/export/{event.id}/purchases.csv" + (f"?{purchases}" if purchases else ""),
        icon=":material/download:",
    )
    filter_bar.render(view, today, partial(list_package_names, context, event))
    st.html(print_sheet.build_head(report) + tiles.build(report, is_month_first=text.is_month_first()))
    if report.is_empty:
        render_no_matches()
    else:
        render_cockpit(context, event, view, report)


def render_cockpit(context: PageContext, event: Event, view: View, report: SalesReport) -> None:
    """Render the cards in two columns, which are one on a phone."""
    is_month_first = text.is_month_first()
    with st.container(key="cockpit", gap=None):
        with st.container(key="cockpit_main", gap=None):
            if report.chart is not None:
                render_chart_card(view, report)
            tables = breakdown.build_tables(
                report, view.whole_tables, build_table_addresses(view), is_month_first=is_month_first
            )
            st.html(print_sheet.build_chart_image(report) + tables)
            comparison.render(context.actor, event, view.compare_with, view.sales_filter)
        with st.container(key="cockpit_side", gap=None):
            with st.container(key="goal_card", gap=None):
                st.html(goal.build(report, is_month_first=is_month_first))
                forecast_panel.render(context.actor, report)
            st.html(breakdown.build_side(report, is_month_first=is_month_first))


def render_chart_card(view: View, report: SalesReport) -> None:
    st.session_state.sales_chart_kind = view.report.chart
    with st.container(key="chart_card", gap="small"):
        with st.container(key="chart_head", horizontal=True, horizontal_alignment="distribute", wrap=False):
            st.segmented_control(
                "Chart",
                list(CHART_LABELS),
                key="sales_chart_kind",
                format_func=CHART_LABELS.__getitem__,
                required=True,
                label_visibility="collapsed",
                on_change=lambda: query.write(chart=st.session_state.sales_chart_kind),
            )
            st.html(print_sheet.build_download_link(report), width="content")
        chart.render(report, change_days)
        days_table.render(report)


def change_days(days: tuple[date, date] | None) -> None:
    """For a callback: choose the days over which somebody dragged, or all of them."""
    if days is None:
        query.write(range="")
    else:
        query.write(first_day=days[0], last_day=days[1])


def list_package_names(context: PageContext, event: Event) -> dict[uuid.UUID, str]:
    return replica.read(lambda s: packages.list_names(s, context.actor, event.id))


def build_table_addresses(view: View) -> tuple[Addresses, Addresses]:
    """Return the queries of this page that show all packages and codes, or the first ones again."""
    whole = set(view.whole_tables)
    packages, codes = (query.build(whole_tables=tuple(sorted(whole ^ {name}))) for name in query.TABLES)
    return tuple(packages.items()), tuple(codes.items())


def stop_with_invalid_query(invalid: InvalidInput) -> NoReturn:
    """Show what is wrong with the address, and no figures that could be mistaken for those that it meant."""
    problems = "\n".join(f"- {text.escape_markdown(sentence)}" for sentence in invalid.fields.values())
    st.error(f"This link has filters that do not work, so no sales are shown.\n\n{problems}")
    st.button("Show all sales", icon=":material/arrow_forward:", on_click=query.reset)
    st.stop()


def render_no_matches() -> None:
    with st.container(border=True):
        st.header("No matching sales", anchor=False)
        st.markdown("No sales with these filters.")
        st.button("Clear filters", key="clear_no_matches", on_click=filter_bar.clear)


def render_no_sales(context: PageContext, event: Event, *, has_packages: bool) -> None:
    sentence = "Sales appear here as they come in: from the box office, an import, or the donor site."
    with render_empty_page("No sales yet", sentence, "sales"):
        session.render_next_step(context, event, has_packages=has_packages)


render_page(context, event)

"""The table behind the sales chart, for keyboards and screen readers: by day, or by the series of a stacked chart."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from ticketing import money
from ticketing.reporting.sales_chart import GROUPS, SalesChart
from ticketing.reporting.sales_report import SalesReport
from ticketing.reporting.timeline import DaySales
from ui import text
from ui.sales.breakdown import SOLD
from ui.sales.chart import format_period
from ui.sales.links import build_address
from ui.widgets import tables
from ui.widgets.tables import Cell, Column, Link, number_column

KEY = "table_of_days"


def render(report: SalesReport) -> None:
    """Render the table, drawn only while it is open."""
    with st.expander("The chart as a table", key=KEY, on_change="rerun") as panel:
        if panel.open and report.chart is not None:
            if report.chart.kind in GROUPS:
                _render_series(report, report.chart)
            else:
                _render_days(report)


def _render_days(report: SalesReport) -> None:
    tables.render(
        "Sales of each day, the latest first",
        [Column("Day"), *map(number_column, ("Packages", "Revenue", "Total", "Pending"))],
        [_build_row(report, line) for line in reversed(report.timeline.days)],
        is_scrollable=True,
    )


def _render_series(report: SalesReport, chart: SalesChart) -> None:
    """Render a stacked chart, with a column for each series; periods without sales are left out."""
    names = ["Other" if series.key is None else report.series_names[series.key] for series in chart.series]
    rows: list[list[Cell]] = [
        [format_period(chart, number), *map(_format_amount, amounts), money.format_dollars(total)]
        for number, (total, *amounts) in enumerate(
            zip(chart.totals, *(series.amounts for series in chart.series), strict=True)
        )
        if total
    ]
    period = {1: "day", 7: "week", 28: "four weeks"}[chart.period]
    tables.render(
        f"Revenue of each {period} by {GROUPS[chart.kind]}, the latest first",
        [Column(period.capitalize()), *map(number_column, names), number_column("All")],
        rows[::-1],
        is_scrollable=True,
    )


def _format_amount(amount: Decimal) -> str:
    return money.format_dollars(amount) if amount else "–"


def _build_row(report: SalesReport, line: DaySales) -> list[Cell]:
    return [
        Link(
            text.format_day(line.day, report.today),
            build_address(report, statuses=SOLD, first_day=line.day, last_day=line.day),
        ),
        f"{line.packages:,}",
        money.format_dollars(line.revenue),
        money.format_dollars(line.cumulative),
        _format_amount(line.pending),
    ]

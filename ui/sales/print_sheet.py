"""What the sales page shows on paper only, and the link to the chart as a file."""

from __future__ import annotations

import base64
from functools import lru_cache
from html import escape
from urllib.parse import urlencode

from ticketing import sales_filter
from ticketing.reporting import sales_svg
from ticketing.reporting.sales_report import SalesReport
from ui import text
from ui.widgets import printing

SVG_SIZE = (690, 270)


def build_head(report: SalesReport) -> str:
    """Return the head and the footer of the paper as HTML."""
    return printing.build("Sales", report.event, describe(report))


def describe(report: SalesReport) -> str:
    """Return the days and the filters of a report in words."""
    chosen, names = report.query.sales_filter, report.series_names
    parts = [format_days(report), *(names[channel] for channel in chosen.channels)]
    if chosen.package_ids:
        parts.append(text.format_count(len(chosen.package_ids), "package"))
    if chosen.sponsorships_only:
        parts.append("sponsorships only")
    return ", ".join(parts)


def format_days(report: SalesReport) -> str:
    """Return the days that the figures cover, as the chart has them: "Oct 5 to Nov 29, 2026"."""
    chosen, chart = report.query.sales_filter, report.chart
    first = chosen.first_day or (chart.starts[0] if chart else report.today)
    last = chosen.last_day or (chart.last_day if chart else report.today)
    return text.format_date_range(first, max(first, last))


@lru_cache(maxsize=64)
def build_chart_image(report: SalesReport) -> str:
    """Return the chart as a picture that shows on paper only, where the one of the page would keep its width."""
    if report.chart is None:
        return ""
    width, height = SVG_SIZE
    svg = sales_svg.draw(report.chart, report.series_names, None, width=width, height=height)
    data = base64.b64encode(svg.encode()).decode()
    image = f'<img alt="" width="{width}" height="{height}" src="data:image/svg+xml;base64,{data}"/>'
    return f'<div class="card paper-only">{image}</div>'


def build_download_link(report: SalesReport) -> str:
    """Return the HTML of the link to the chart as an SVG file."""
    query = {"chart": report.query.chart} | sales_filter.to_query(report.query.sales_filter)
    if report.query.learn_from:
        query["learn"] = ",".join(map(str, report.query.learn_from))
    url = f"/export/{report.event.id}/chart.svg?{urlencode(query)}"
    return f'<a class="chart-file" href="{escape(url)}" download="" aria-label="Download the chart as SVG">SVG</a>'

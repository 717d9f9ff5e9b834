"""Links from the figures of a sales report to what they count."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import urlencode

from ticketing import purchase_filter
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting.sales_report import SalesReport
from ui.widgets.tables import Cell, Link


def build_query(report: SalesReport, **fields: Any) -> dict[str, str]:
    """Return the query of the purchases of a report, narrowed by fields of PurchaseFilter."""
    purchases = PurchaseFilter.of_sales(report.query.sales_filter, **fields)
    return {"event": str(report.event.id)} | purchase_filter.to_query(purchases)


def build_cell(report: SalesReport, label: str, count: int, **fields: Any) -> Cell:
    """Return a table cell that links to its purchases, or its label when there are none."""
    return Link(label, "purchasers", build_query(report, **fields)) if count else label


def build_link(report: SalesReport, label: str, count: int, **fields: Any) -> str:
    """Return the HTML of a link to some purchases, or its label when there are none."""
    return build_page_link("purchasers", build_query(report, **fields), label) if count else escape(label)


def build_page_link(page: str, query: Mapping[str, str], label: str, css_class: str = "") -> str:
    """Return the HTML of a link to a page of the menu, which shell.js opens without loading the app again."""
    look = f' class="{css_class}"' if css_class else ""
    return f'<a{look} data-page="" href="{escape(f"/{page}?{urlencode(query)}")}" target="_self">{escape(label)}</a>'

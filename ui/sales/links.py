"""Links from the figures of a sales report to what they count."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import urlencode

from ticketing import purchase_filter
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting.sales_report import SalesReport
from ticketing.sales_filter import SalesFilter
from ui.widgets.tables import Cell, Link


def build_address(report: SalesReport, **fields: Any) -> str:
    """Return the address of the purchases of a report, narrowed by fields of PurchaseFilter."""
    return _build_address(report.event.id, report.query.sales_filter, **fields)


@lru_cache(maxsize=4096)  # a page has the same links after each sale
def _build_address(event_id: uuid.UUID, sales_filter: SalesFilter, **fields: Any) -> str:
    purchases = PurchaseFilter.of_sales(sales_filter, **fields)
    query = {"event": str(event_id)} | purchase_filter.to_query(purchases)
    return f"/purchasers?{urlencode(query)}"


def build_cell(report: SalesReport, label: str, count: int, **fields: Any) -> Cell:
    """Return a table cell that links to its purchases, or its label when there are none."""
    return Link(label, build_address(report, **fields)) if count else label


def build_link(report: SalesReport, label: str, count: int, **fields: Any) -> str:
    """Return the HTML of a link to some purchases, or its label when there are none."""
    return _build_link(build_address(report, **fields), label) if count else escape(label)


def build_page_link(page: str, query: Mapping[str, str], label: str) -> str:
    """Return the HTML of a link to a page of the menu."""
    return _build_link(f"/{page}?{urlencode(query)}", label)


def _build_link(address: str, label: str) -> str:
    """Return the HTML of a link that links.js opens without loading the app again."""
    return f'<a data-page="" href="{escape(address)}" target="_self">{escape(label)}</a>'

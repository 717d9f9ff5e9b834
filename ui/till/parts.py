"""The parts of the till that a browser changes by itself: tiles with live stock, lines with a stepper, copy and print.

The script is ui/scripts/till.js, which every page loads; a component only gives it data and a way to answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from ticketing import money
from ticketing.models import Package
from ticketing.reporting.live_stock import Stock
from ui import text
from ui.till.state import Till


def _register(name: str, html: str) -> Any:
    """Register a component without a shadow root: ui/scripts/forms.js finds its fields, and the page styles it."""
    return st.components.v2.component(
        f"ticketdesk_till_{name}",
        html=html,
        js=f'export default component => window.ticketdeskTill("{name}", component)',
        isolate_styles=False,
    )


_tiles = _register(
    "tiles",
    '<div class="till-tiles"><div class="donors" role="group" aria-label="Known donors" hidden></div>'
    '<input type="search" placeholder="Search packages" aria-label="Search packages" autocomplete="off">'
    '<ul class="tiles" aria-label="Packages" tabindex="-1"></ul><p class="news" role="status"></p></div>',
)
_line = _register("line", '<div class="till-line"></div>')
_RECEIPT_BUTTONS = {
    'class="copy"': "Copy codes",
    'data-paper="80mm"': "Print 80 mm",
    'data-paper="letter"': "Print letter",
}
_receipt = _register(
    "receipt",
    '<div class="till-actions">'
    + "".join(f'<button type="button" {how}>{label}</button>' for how, label in _RECEIPT_BUTTONS.items())
    + "</div>",
)


def render_tiles(till: Till, packages: Mapping[uuid.UUID, Package], stock: Stock) -> None:
    """Render a tile for each package on sale. Those that were sold out when the order was begun are last."""
    on_sale = {package.id: not package.is_sold_out for package in packages.values() if package.is_enabled}
    for package_id, had_stock in sorted(on_sale.items(), key=lambda each: not each[1]):
        till.tiles.setdefault(package_id, had_stock)
    shown = {package_id: had_stock for package_id, had_stock in till.tiles.items() if package_id in on_sale}
    _tiles(
        key=till.key,
        data={
            "order": till.form.form_id,
            "number": till.number,
            "lines": [[line["package_id"], line["quantity"]] for line in till.lines],
            "answered": till.answered,
            "event": str(till.event_id),
            "tab": till.tab,
            "state": stock.state,
            "left": dict(stock.left),
            "html": "".join(_build_tile(packages[each], had_stock) for each, had_stock in shown.items()),
        },
        on_order_change=_do_nothing,
        on_seen_change=_do_nothing,
        on_typed_change=_do_nothing,
    )


def render_line(till: Till, package_id: str, package: Package | None) -> None:
    """Render name, price and quantity of a line; of a package that was deleted only that it is gone."""
    name = package.name if package else "Deleted package"
    problem = "Deleted" if package is None else "" if package.is_enabled else "Off sale"
    _line(
        key=till.form.key(f"quantity_{package_id}"),
        data={"id": package_id, "problem": problem, "html": _build_line(name, package)},
    )


def render_receipt_actions(till: Till, order_number: str) -> None:
    """Render the buttons that copy and print, and give the receipt the focus when it is new."""
    _receipt(key=f"receipt_actions_{till.event_id}", data={"order": order_number})


def _build_tile(package: Package, had_stock: bool) -> str:
    """Return a tile; stock, quantity and key are filled in by the script. Keys are for those that could be sold."""
    name, key = escape(package.name), " data-can-have-key" if had_stock else ""
    return (
        f'<li><button type="button" data-id="{package.id}" data-name="{name}" title="{name}"{key}>'
        f'<span class="name" dir="auto">{name}</span>{_build_price(package)}'
        '<span class="left"></span><kbd aria-hidden="true"></kbd><span class="count"></span></button></li>'
    )


def _build_line(name: str, package: Package | None) -> str:
    label, price = escape(name), _build_price(package) if package else ""
    return (
        f'<span class="name" dir="auto">{label}</span><span class="about">{price}</span>'
        f'<div class="stepper"><button type="button" class="less" aria-label="One less: {label}">−</button>'
        f'<input inputmode="numeric" autocomplete="off" maxlength="5" aria-label="Quantity: {label}">'
        f'<button type="button" class="more" aria-label="One more: {label}">+</button></div>'
        f'<button type="button" class="remove" aria-label="Remove: {label}">×</button>'
        '<p class="short" role="status"></p>'
    )


def _build_price(package: Package) -> str:
    seats = text.format_count(package.seats_per_package, "seat")
    return f'<span class="price">{money.format_dollars(package.price)}</span><span class="seats">{seats}</span>'


def _do_nothing() -> None:
    """Let a value of a component run the page, which reads it (ui.till.state.sync)."""

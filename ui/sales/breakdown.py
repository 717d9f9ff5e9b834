"""The cards of the sales page that break the figures down: by package, promo code and channel, and the latest sales."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from html import escape

from ticketing import money
from ticketing.purchase_filter import NO_PROMO_CODE
from ticketing.reporting.figures import PackageSales
from ticketing.reporting.purchase_list import PurchaseRow
from ticketing.reporting.sales_report import SalesReport
from ticketing.reporting.status_totals import NOTHING, StatusTotals
from ui import text
from ui.sales.links import build_cell, build_link, build_page_link
from ui.widgets import tables
from ui.widgets.tables import Bar, Cell, Column, TwoLineCell, number_column

INITIAL_ROW_COUNT = 10
MAX_CODES = 200
SOLD = ("completed", "pending")
_PAID_COLUMNS = tuple(map(number_column, ("Orders", "Seats", "Discount", "Revenue", "Pending")))
Addresses = tuple[tuple[str, str], ...]


@lru_cache(maxsize=64)
def build_tables(
    report: SalesReport, whole: tuple[str, ...], addresses: tuple[Addresses, Addresses], *, is_month_first: bool
) -> str:
    """Return the cards of packages and codes as HTML; those in `whole` show all rows.

    `addresses` are the queries of this page that show more or fewer packages and codes. `is_month_first` is part of
    the cache key, as dates depend on it.
    """
    return _build_packages(report, addresses[0], is_whole="packages" in whole) + _build_codes(
        report, addresses[1], is_whole="codes" in whole
    )


@lru_cache(maxsize=64)
def build_side(report: SalesReport, *, is_month_first: bool) -> str:
    """Return the cards of the revenue breakdown, channels and latest sales as HTML."""
    cards = _build_bridge(report) + _build_channels(report) + _build_latest(report)
    return f'<div class="side-cards">{cards}</div>'


def _card(title: str, content: str) -> str:
    return f'<section class="card"><h2>{escape(title)}</h2>{content}</section>'


def _list_paid_and_pending(paid: StatusTotals, pending: StatusTotals) -> list[Cell]:
    """Return orders, seats, discount and revenue of what is paid, and what is pending."""
    return [
        f"{paid.orders:,}",
        f"{paid.seats:,}",
        money.format_dollars(paid.discount),
        money.format_dollars(paid.total),
        money.format_dollars(pending.total) if pending.total else "–",
    ]


def _build_packages(report: SalesReport, address: Addresses, *, is_whole: bool) -> str:
    lines = report.figures.by_package
    table = tables.build(
        "Packages sold of their limit, and what is paid and pending, in display order",
        [Column("Package"), Column("Sold of limit"), *_PAID_COLUMNS],
        [_build_package_row(report, line) for line in lines],
        ["Total", "", *_list_paid_and_pending(report.figures.paid, report.figures.pending)],
        is_stacked=True,
        is_short=not is_whole and len(lines) > INITIAL_ROW_COUNT,
    )
    note = '<p class="hint">Sold of limit counts paid and pending packages of the whole event.</p>'
    return _card("By package", table + note + _build_more(len(lines), "package", address, is_whole=is_whole))


def _build_package_row(report: SalesReport, line: PackageSales) -> list[Cell]:
    sold_out_on = report.whole.sold_out_on.get(line.package_id)
    hint = f"at this pace sold out on {text.format_date(sold_out_on, has_year=False)}" if sold_out_on else ""
    sold: Cell = f"{line.sold_count:,}, no limit"
    if line.quantity_limit is not None:
        label = f"{line.sold_count:,} of {line.quantity_limit:,}" + (", sold out" if line.is_sold_out else "")
        sold = Bar(label, Decimal(line.sold_count) / line.quantity_limit, line.is_sold_out, hint)
    count = line.paid.purchases + line.pending.purchases
    return [
        build_cell(report, line.name, count, statuses=SOLD, package_ids=(line.package_id,)),
        sold,
        *_list_paid_and_pending(line.paid, line.pending),
    ]


def _build_codes(report: SalesReport, address: Addresses, *, is_whole: bool) -> str:
    lines = report.figures.by_promo_code
    if not lines:
        return ""
    shown, others = lines[:MAX_CODES], lines[MAX_CODES:]
    rows = [
        [
            build_cell(report, line.code or "Without a code", 1, statuses=SOLD, codes=(line.code or NO_PROMO_CODE,)),
            *_list_paid_and_pending(line.paid, line.pending),
        ]
        for line in shown
    ]
    if others:
        sums = (sum((line.paid for line in others), NOTHING), sum((line.pending for line in others), NOTHING))
        rows.append([f"{len(others):,} others", *_list_paid_and_pending(*sums)])
    table = tables.build(
        "What is paid and pending with each promo code",
        [Column("Code"), *_PAID_COLUMNS],
        rows,
        ["Total", *_list_paid_and_pending(report.figures.paid, report.figures.pending)],
        is_stacked=True,
        is_short=not is_whole and len(rows) > INITIAL_ROW_COUNT,
    )
    return _card("By promo code", table + _build_more(len(rows), "code", address, is_whole=is_whole))


def _build_more(count: int, noun: str, address: Addresses, *, is_whole: bool) -> str:
    """Return the link that shows all rows or the first ones again, for a table that has more."""
    if count <= INITIAL_ROW_COUNT:
        return ""
    label = f"Show the first {INITIAL_ROW_COUNT}" if is_whole else f"Show all {text.format_count(count, noun)}"
    return f'<p class="more">{build_page_link("sales", dict(address), label)}</p>'


def _build_channels(report: SalesReport) -> str:
    if not report.figures.by_channel:
        return ""
    columns = [Column("Channel"), *map(number_column, ("Orders", "Revenue", "Pending"))]
    rows = [
        [
            build_cell(report, text.CHANNEL_LABELS[line.channel], 1, statuses=SOLD, channels=(line.channel,)),
            *_pick(_list_paid_and_pending(line.paid, line.pending)),
        ]
        for line in report.figures.by_channel
    ]
    totals = ["Total", *_pick(_list_paid_and_pending(report.figures.paid, report.figures.pending))]
    return _card("By channel", tables.build("What is paid and pending in each channel", columns, rows, totals))


def _pick(cells: Sequence[Cell]) -> list[Cell]:
    """Return orders, revenue and pending, for which a narrow card has room."""
    return [cells[0], cells[3], cells[4]]


def _build_bridge(report: SalesReport) -> str:
    """Return how list prices add up to the revenue, and the amounts that are not part of it."""
    parts, paid = report.figures.bridge, report.figures.paid.orders
    pending, refunded = (report.figures.by_status[status] for status in ("pending", "refunded"))
    completed = ("completed",)
    rows = [
        _build_amount(build_link(report, "List price", paid, statuses=completed), parts.list_price),
        _build_amount(
            build_link(report, "Discounts", paid if parts.discount else 0, statuses=completed, discounted_only=True),
            -parts.discount,
            "From promo codes, comp sales and imports.",
        ),
    ]
    if parts.difference:
        link = build_link(report, "Difference", paid, statuses=completed, differing_only=True)
        rows.append(
            _build_amount(link, parts.difference, "Imported totals that differ from list price less discounts.")
        )
    rows += [
        _build_amount(build_link(report, "Revenue", paid, statuses=completed), parts.revenue, look="sum"),
        _build_amount(
            build_link(report, "Pending", pending.orders, statuses=("pending",)), pending.total, "Sold, not paid yet."
        ),
        _build_amount(
            build_link(report, "Refunded", refunded.orders, statuses=("refunded",)),
            refunded.total,
            "Money returned to donors.",
        ),
    ]
    return _card("Revenue breakdown", f'<dl class="pairs amounts">{"".join(rows)}</dl>')


def _build_amount(name: str, amount: Decimal, hint: str = "", look: str = "") -> str:
    """Return one line; `name` is HTML."""
    below = f"<small>{escape(hint)}</small>" if hint else ""
    return f'<div class="{look}"><dt>{name}{below}</dt><dd>{escape(money.format_dollars(amount))}</dd></div>'


def _build_latest(report: SalesReport) -> str:
    recorded = sum(totals.purchases for totals in report.figures.by_status.values())
    table = tables.build(
        "The latest purchases",
        [Column("Purchase"), number_column("Total")],
        [_build_latest_row(row, report.event.time_zone) for row in report.latest],
        is_header_visible=False,
    )
    link = build_link(report, f"All purchases ({recorded:,})", recorded)
    return _card("Latest sales", f'{table}<p class="more">{link}</p>')


def _build_latest_row(row: PurchaseRow, time_zone: str) -> list[Cell]:
    purchase = row.purchase
    when = text.format_datetime(purchase.purchased_at, time_zone).replace(" ", "\N{NO-BREAK SPACE}")
    details = [f"{purchase.quantity} × {row.package}", when]
    if purchase.payment_status != "completed":
        details.append(text.STATUS_LABELS[purchase.payment_status])
    return [TwoLineCell(purchase.purchaser_name, " · ".join(details)), money.format_dollars(purchase.total)]

"""The tiles of the sales page: the headline figures, each with its change against the days before."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from html import escape

from ticketing import money
from ticketing.reporting.sales_report import SalesReport
from ticketing.reporting.status_totals import NOTHING
from ui import text
from ui.sales.links import build_link


@dataclass(frozen=True)
class _Tile:
    """A figure and the same of the days before; `below` is HTML.

    `is_better_with_more` is None for a figure of which more is neither good nor bad.
    """

    label: str
    value: str
    below: str
    amount: Decimal | int
    before: Decimal | int
    is_better_with_more: bool | None = True


@lru_cache(maxsize=64)
def build(report: SalesReport, *, is_month_first: bool) -> str:
    """Return the tiles as HTML. `is_month_first` is part of the cache key, as dates depend on it."""
    tiles = "".join(_build_tile(tile, is_compared=report.figures.before is not None) for tile in _list_tiles(report))
    earlier = report.query.sales_filter.find_days_before(report.today)
    note = ""
    if earlier and earlier.first_day and earlier.last_day:
        days = text.format_date_range(earlier.first_day, earlier.last_day)
        note = f'<p class="hint">Changes compare with {escape(days)}.</p>'
    return f'<div class="sales-tiles">{tiles}</div>{note}'


def _list_tiles(report: SalesReport) -> list[_Tile]:
    sales, before = report.figures, report.figures.before
    paid, pending = sales.paid, sales.pending
    was_paid, was_pending = ((before or {}).get(status, NOTHING) for status in ("completed", "pending"))
    unnamed = sales.seats_sold - sales.seats_named
    return [
        _Tile(
            "Revenue",
            money.format_whole_dollars(paid.total),
            build_link(report, text.format_count(paid.orders, "paid order"), paid.orders, statuses=("completed",)),
            paid.total,
            was_paid.total,
        ),
        _Tile(
            "Average order",
            money.format_whole_dollars(_average(paid.total, paid.orders)),
            "after discounts",
            _average(paid.total, paid.orders),
            _average(was_paid.total, was_paid.orders),
        ),
        _Tile(
            "Packages",
            f"{paid.packages:,}",
            build_link(report, f"{pending.packages:,} pending", pending.packages, statuses=("pending",)),
            paid.packages,
            was_paid.packages,
        ),
        _Tile(
            "Seats",
            f"{paid.seats:,}",
            build_link(report, f"{text.format_count(unnamed, 'guest')} to name", unnamed, unnamed_only=True),
            paid.seats,
            was_paid.seats,
        ),
        _Tile(
            "Pending",
            money.format_whole_dollars(pending.total),
            build_link(report, text.format_count(pending.orders, "order"), pending.orders, statuses=("pending",))
            + ", not in revenue",
            pending.total,
            was_pending.total,
            None,
        ),
    ]


def _average(total: Decimal, orders: int) -> Decimal:
    return money.round_to_cents(total / orders) if orders else money.ZERO


def _build_tile(tile: _Tile, *, is_compared: bool) -> str:
    change = _build_change(tile) if is_compared else ""
    return (
        f'<div class="tile"><span class="label">{escape(tile.label)}</span>'
        f'<span class="value">{escape(tile.value)}</span>{change}<span class="below">{tile.below}</span></div>'
    )


def _build_change(tile: _Tile) -> str:
    words = format_change(tile.amount, tile.before)
    is_more = tile.amount > tile.before
    look = ""
    if tile.is_better_with_more is not None and tile.amount != tile.before:
        look = " good" if is_more == tile.is_better_with_more else " bad"
    return f'<span class="change{look}">{escape(words)}</span>'


def format_change(amount: Decimal | int, before: Decimal | int) -> str:
    """Return "▲ 12%", "▼ 8%", "no change", or "none before"; a change below half a percent is "▲ under 1%"."""
    if amount == before:
        return "no change"
    if not before:
        return "none before"
    percent = (abs(Decimal(amount) / Decimal(before) - 1) * 100).quantize(Decimal(1), ROUND_HALF_UP)
    return f"{'▲' if amount > before else '▼'} {f'{percent:,}%' if percent else 'under 1%'}"

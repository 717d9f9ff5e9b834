"""Draw the sales chart as SVG, for downloads, print and reports: always on white, and without script.

The page has an interactive drawer of the same data (`ui/sales/chart.py`); a test compares their ticks and sums.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from html import escape
from zoneinfo import ZoneInfo

from ticketing import money
from ticketing.reporting.chart_frame import build_frame, format_amount_tick, format_short_dollars
from ticketing.reporting.sales_chart import GroupKey, SalesChart
from ticketing.reporting.sales_report import SalesReport

COLORS = ("#0B6E6E", "#D08A2E", "#5B5EA6", "#B3382C", "#6B8E23", "#8C6A5D", "#2F7FB8")
OTHER_COLOR = "#8B929B"
_TEXT, _QUIET, _GRID, _GOAL = "#1D2530", "#565D67", "#E6E1D6", "#B5651D"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_DASHED = 'stroke-width="2" stroke-dasharray="5 4"'
_LEGEND_ROW_HEIGHT, _LEGEND_COLUMN_WIDTH, _MAX_NAME_LENGTH = 18, 215, 18


@dataclass(frozen=True)
class Caption:
    """What a picture says about itself: its title, and event, range and moment below it."""

    title: str
    subtitle: str


def draw_file(report: SalesReport, now: datetime) -> str:
    """Return the chart of a report as a document of its own, with title, event, days and moment."""
    event, chart = report.event, report.chart
    moment = now.astimezone(ZoneInfo(event.time_zone))
    as_of = f"as of {_format_date(moment.date())}, {moment.hour % 12 or 12}:{moment:%M %p}"
    if chart is None:
        caption = Caption("No sales", f"{event.name} · {as_of}")
        return _wrap([_format_caption(caption)], "No sales", 960, 80)
    days = f"{_format_date(chart.starts[0])} to {_format_date(chart.last_day)}"
    return draw(chart, report.series_names, Caption(format_title(chart), f"{event.name} · {days} · {as_of}"))


def format_title(chart: SalesChart) -> str:
    """Return "Total revenue", "Daily revenue", "Weekly revenue by package" and so on."""
    if chart.kind == "total":
        return "Total revenue"
    title = {1: "Daily revenue", 7: "Weekly revenue", 28: "Revenue of four weeks each"}[chart.period]
    return title + {"daily": "", "packages": " by package", "channels": " by channel"}[chart.kind]


def _format_date(day: date) -> str:
    return f"{day:%b} {day.day}, {day.year}"


def draw(
    chart: SalesChart, names: Mapping[GroupKey, str], caption: Caption | None, *, width: int = 960, height: int = 420
) -> str:
    """Return the chart as an SVG document; `names` are those of its packages or channels."""
    canvas = _Canvas(chart, names, caption, width, height)
    return canvas.draw()


class _Canvas:
    """One drawing: where its days and amounts are, and its parts."""

    def __init__(
        self, chart: SalesChart, names: Mapping[GroupKey, str], caption: Caption | None, width: int, height: int
    ) -> None:
        self._chart, self._names, self._caption = chart, names, caption
        self._width, self._height = width, height
        self._frame = build_frame(chart)
        self._is_stacked = chart.kind in ("packages", "channels")
        legend_columns = max(1, (width - 60) // _LEGEND_COLUMN_WIDTH)
        legend_rows = math.ceil(len(chart.series) / legend_columns) if self._is_stacked else 0
        self._legend_columns, self._legend_top = legend_columns, 58 if caption else 14
        self._left, self._right = 62, width - (110 if chart.forecast else 16)
        self._top = self._legend_top + legend_rows * _LEGEND_ROW_HEIGHT + 14
        self._bottom = height - 30

    def draw(self) -> str:
        parts = [_format_caption(self._caption)] if self._caption else []
        parts += [*self._draw_axes(), *self._draw_legend()]
        parts += self._draw_bars() if self._chart.kind != "total" else self._draw_total()
        label = self._caption.title if self._caption else format_title(self._chart)
        return _wrap(parts, label, self._width, self._height)

    def _x(self, day: date, part: float = 0.5) -> float:
        """Return the place of a day; `part` 0 is its beginning, 1 its end."""
        days = (self._frame.last - self._frame.first).days + 1
        return self._left + (self._right - self._left) * ((day - self._frame.first).days + part) / days

    def _y(self, amount: Decimal | float) -> float:
        return self._bottom - (self._bottom - self._top) * float(amount) / self._frame.highest

    def _draw_axes(self) -> list[str]:
        parts = []
        for amount in self._frame.list_amount_ticks():
            y = f"{self._y(amount):.1f}"
            parts.append(f'<path d="M{self._left} {y}H{self._right}" stroke="{_GRID}"/>')
            label = format_amount_tick(amount)
            parts.append(
                f'<text x="{self._left - 8}" y="{y}" dy=".35em" text-anchor="end" fill="{_QUIET}">{label}</text>'
            )
        for day in self._frame.list_day_ticks():
            x, label = self._x(day), f"{day:%b %Y}" if self._frame.spans_years else f"{day:%b} {day.day}"
            anchor = "end" if x > self._width - 28 else "middle"
            parts.append(
                f'<text x="{x:.1f}" y="{self._bottom + 19}" text-anchor="{anchor}" fill="{_QUIET}">{label}</text>'
            )
        return parts

    def _draw_legend(self) -> list[str]:
        if not self._is_stacked:
            return []
        parts = []
        for number, series in enumerate(self._chart.series):
            x = 16 + number % self._legend_columns * _LEGEND_COLUMN_WIDTH
            y = self._legend_top + number // self._legend_columns * _LEGEND_ROW_HEIGHT
            name = "Other" if series.key is None else self._names[series.key]
            if len(name) > _MAX_NAME_LENGTH:
                name = f"{name[: _MAX_NAME_LENGTH - 1].rstrip()}…"
            color = get_color(self._chart, number)
            parts.append(f'<rect x="{x}" y="{y}" width="10" height="10" rx="2" fill="{color}"/>')
            total = money.format_whole_dollars(series.total)
            parts.append(
                f'<text x="{x + 15}" y="{y + 9}">{escape(name)} <tspan font-weight="650">{total}</tspan></text>'
            )
        return parts

    def _draw_bars(self) -> list[str]:
        """Return one path for each series, with all of its bars, so that the size depends little on the days."""
        floors, parts = [money.ZERO] * len(self._chart.starts), []
        gap = min(0.1 * self._chart.period, 0.45)
        for number, series in enumerate(self._chart.series):
            path = []
            for index, (start, amount) in enumerate(zip(self._chart.starts, series.amounts, strict=True)):
                if amount:
                    left, right = self._x(start, gap), self._x(self._chart.get_last_day(start), 1 - gap)
                    base, top = self._y(floors[index]), self._y(floors[index] + amount)
                    path.append(f"M{left:.1f} {base:.1f}V{top:.1f}H{right:.1f}V{base:.1f}Z")
                    floors[index] += amount
            parts.append(f'<path d="{"".join(path)}" fill="{get_color(self._chart, number)}"/>')
        return parts

    def _draw_total(self) -> list[str]:
        chart, bottom, first = self._chart, self._y(0), self._x(self._frame.first, 0)
        steps = "".join(
            f"H{self._x(chart.get_last_day(start)):.1f}V{self._y(total):.1f}"
            for start, total in zip(chart.starts, chart.totals, strict=True)
        )
        line = f"M{first:.1f} {self._y(chart.revenue_before):.1f}{steps}"
        today = f'cx="{self._x(chart.last_day):.1f}" cy="{self._y(chart.totals[-1]):.1f}"'
        return [
            f'<path d="{line}V{bottom:.1f}H{first:.1f}Z" fill="{COLORS[0]}" fill-opacity=".14"/>',
            f'<path d="{line}" fill="none" stroke="{COLORS[0]}" stroke-width="2"/>',
            *self._draw_goal(),
            *self._draw_forecast(),
            f'<circle {today} r="4" fill="{COLORS[0]}"/>',
        ]

    def _draw_goal(self) -> list[str]:
        if not self._chart.goal:
            return []
        y, label = self._y(self._chart.goal), f"Goal {money.format_whole_dollars(self._chart.goal)}"
        return [
            f'<path d="M{self._left} {y:.1f}H{self._right}" stroke="{_GOAL}" {_DASHED}/>',
            f'<text x="{self._left + 4}" y="{y - 5:.1f}">{label}</text>',
        ]

    def _draw_forecast(self) -> list[str]:
        forecast = self._chart.forecast
        if forecast is None:
            return []
        x0, y0 = self._x(self._chart.last_day), self._y(self._chart.totals[-1])
        x1 = self._x(self._chart.event_day)
        labels = [(forecast.middle, "", ' font-weight="650"')]
        parts = []
        if forecast.low is not None and forecast.high is not None:
            wedge = f"M{x0:.1f} {y0:.1f}L{x1:.1f} {self._y(forecast.high):.1f}V{self._y(forecast.low):.1f}Z"
            parts.append(f'<path d="{wedge}" fill="{COLORS[0]}" fill-opacity=".16"/>')
            labels += [(forecast.high, "to ", ""), (forecast.low, "from ", "")]
        y1 = self._y(forecast.middle)
        parts.append(f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="{COLORS[0]}" {_DASHED}/>')
        parts.append(
            f'<circle cx="{x1:.1f}" cy="{y1:.1f}" r="4.5" fill="#FFFFFF" stroke="{COLORS[0]}" stroke-width="2"/>'
        )
        places = spread_labels([self._y(amount) for amount, _, _ in labels])
        for (amount, prefix, weight), y in zip(labels, places, strict=True):
            label = f"{prefix}{format_short_dollars(amount)}"
            parts.append(f'<text x="{x1 + 10:.1f}" y="{y:.1f}" dy=".35em"{weight}>{label}</text>')
        return parts


def _format_caption(caption: Caption) -> str:
    return (
        f'<text x="16" y="26" font-size="17" font-weight="650">{escape(caption.title)}</text>'
        f'<text x="16" y="45" fill="{_QUIET}">{escape(caption.subtitle)}</text>'
    )


def _wrap(parts: Sequence[str], label: str, width: int, height: int) -> str:
    """Return the document around its parts."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(label, quote=True)}" font-family="{_FONT}" font-size="12" fill="{_TEXT}">'
        f'<rect width="{width}" height="{height}" fill="#FFFFFF"/>{"".join(parts)}</svg>'
    )


def get_color(chart: SalesChart, number: int) -> str:
    """Return the color of a series; what has no name of its own is gray."""
    is_other = chart.kind in ("packages", "channels") and chart.series[number].key is None
    return OTHER_COLOR if is_other else COLORS[number % len(COLORS)]


def spread_labels(places: Sequence[float], distance: float = 16) -> list[float]:
    """Return the places of three labels, of which the second must be above the first and the third below it."""
    if len(places) < 3:
        return list(places)
    middle, high, low = places
    return [middle, min(high, middle - distance), max(low, middle + distance)]

"""The interactive sales chart: one Vega-Lite specification per shape, kept, and its data as named datasets.

Everything that differs between two runs is in the datasets, ticks and words too, so that the browser keeps the chart
and exchanges its data (docs/decisions/0035). Days are numbers, as timestamps would be drawn in the browser's zone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import streamlit as st

from ticketing import money
from ticketing.reporting.chart_frame import Frame, build_frame, format_amount_tick, format_short_dollars
from ticketing.reporting.sales_chart import GroupKey, SalesChart
from ticketing.reporting.sales_report import SalesReport
from ui import text
from ui.sales import chart_spec, datasets
from ui.sales.chart_spec import OTHER, Shape
from ui.sales.datasets import Rows

Dates = tuple[date, date] | None
KEY = "sales_chart"
HEIGHT_PX = 430
SELECTIONS = ("brush", "lift")
_EPOCH = date(1970, 1, 1)


def render(report: SalesReport, on_range: Callable[[Dates], None]) -> None:
    """Render the chart of a report; `on_range` gets the days over which somebody drags, None at a double click."""
    chart = report.chart
    assert chart is not None
    shape = choose_shape(chart)
    spec = chart_spec.get_spec(shape)
    key = f"{KEY}_{shape}_{report.query.sales_filter.first_day}_{report.query.sales_filter.last_day}"
    st.vega_lite_chart(
        {**spec, "datasets": build_datasets(report, is_month_first=text.is_month_first())},
        height=HEIGHT_PX,
        key=key,
        on_select=lambda: _on_select(key, chart, on_range),
        selection_mode=SELECTIONS,
        alt="Sales chart; its figures are in the table below it",
    )


def choose_shape(chart: SalesChart) -> Shape:
    if chart.kind == "total":
        return "forecast" if chart.forecast else "total"
    return "daily" if chart.kind == "daily" else "stacked"


def _on_select(key: str, chart: SalesChart, on_range: Callable[[Dates], None]) -> None:
    """Call `on_range` with whole periods, when something was chosen."""
    selection = st.session_state[key].selection
    if dragged := selection.get("brush", {}).get("x"):
        on_range(find_range(chart, *dragged))
    elif selection.get("lift"):
        on_range(None)


def find_range(chart: SalesChart, first: float, last: float) -> tuple[date, date]:
    """Return the first and the last day of the periods whose middle, or whose nearest middle, is between two places."""
    middles = [_to_place(start, chart.get_last_day(start)) for start in chart.starts]
    inside = [number for number, middle in enumerate(middles) if first <= middle <= last]
    if not inside:
        nearest = min(range(len(middles)), key=lambda number: abs(middles[number] - (first + last) / 2))
        inside = [nearest]
    return chart.starts[inside[0]], chart.get_last_day(chart.starts[inside[-1]])


# --- Data ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def build_datasets(report: SalesReport, *, is_month_first: bool) -> dict[str, bytes]:
    """Return the rows of each dataset as Arrow. `is_month_first` is part of the cache key, as dates depend on it."""
    chart = report.chart
    assert chart is not None
    frame = build_frame(chart)
    points = _build_point_rows(chart)
    rows = {
        "frame": _build_frame_rows(frame),
        "amounts": _build_amount_rows(frame),
        "days": _build_day_rows(frame),
        "points": points,
        "headline": [_build_headline(chart)],
        "goal": _build_goal_rows(chart),
    }
    if chart.kind == "total":
        line = _build_line_rows(chart, frame, points)
        rows |= {"line": line, "last": line[-1:], "outlook": _build_outlook_rows(chart)}
        rows |= {"wedge": _build_wedge_rows(chart)}
    elif chart.kind != "daily":
        rows |= {"parts": _build_part_rows(chart), "legend": _build_legend_rows(chart, report.series_names)}
    return datasets.encode(rows)


def _to_place(first: date, last: date) -> float:
    """Return the middle of some days as days since January 1, 1970; the middle of a day is its number."""
    return ((first - _EPOCH).days + (last - _EPOCH).days) / 2


def _build_frame_rows(frame: Frame) -> Rows:
    edges = (_to_place(frame.first, frame.first) - 0.5, _to_place(frame.last, frame.last) + 0.5)
    return [{"x": edges[0], "y": 0.0}, {"x": edges[1], "y": frame.highest}]


def _build_amount_rows(frame: Frame) -> Rows:
    return [{"y": amount, "label": format_amount_tick(amount)} for amount in frame.list_amount_ticks()]


def _build_day_rows(frame: Frame) -> Rows:
    span = (frame.last - frame.first).days
    return [
        {
            "x": _to_place(day, day),
            "label": f"{day:%b %Y}" if frame.spans_years else text.format_date(day, has_year=False),
            "align": "right" if (frame.last - day).days < span / 20 else "center",
        }
        for day in frame.list_day_ticks(5)
    ]


def _build_point_rows(chart: SalesChart) -> Rows:
    gap = min(0.1 * chart.period, 0.45)
    rows = []
    periods = _format_periods(chart.starts, chart.last_day, chart.period, is_month_first=text.is_month_first())
    for number, (start, total, period) in enumerate(zip(chart.starts, chart.totals, periods, strict=True)):
        last = chart.get_last_day(start)
        rows.append(
            {
                "x": _to_place(last, last) if chart.kind == "total" else _to_place(start, last),
                "x0": _to_place(start, start) - 0.5 + gap,
                "x1": _to_place(last, last) + 0.5 - gap,
                "y": float(total),
                "value": money.format_dollars(total),
                "when": _format_point(chart, number, period),
            }
        )
    return rows


def _format_point(chart: SalesChart, number: int, period: str) -> str:
    """Return the days of a period; in a chart of totals with what they added."""
    if chart.kind != "total":
        return period
    totals = chart.totals
    added = totals[number] - (totals[number - 1] if number else chart.revenue_before)
    return f"{period} · +{money.format_dollars(added)}"


def format_period(chart: SalesChart, number: int) -> str:
    """Return "Fri, Nov 27, 2026", or "Nov 23 to Nov 29, 2026" for a longer period."""
    start = chart.starts[number]
    return _format_period(start, chart.get_last_day(start), chart.period)


def _format_period(start: date, last: date, period: int) -> str:
    return text.format_date(start, has_weekday=True) if period == 1 else text.format_date_range(start, last)


@lru_cache(maxsize=64)  # the days are the same after a sale
def _format_periods(starts: tuple[date, ...], last_day: date, period: int, *, is_month_first: bool) -> tuple[str, ...]:
    """Return the words of each period. `is_month_first` is part of the cache key, as dates depend on it."""
    lasts = (min(start + timedelta(days=period - 1), last_day) for start in starts)
    return tuple(_format_period(start, last, period) for start, last in zip(starts, lasts, strict=True))


def _build_headline(chart: SalesChart) -> dict[str, Any]:
    """Return what stands above the chart while no day is pointed at."""
    days = text.format_date_range(chart.starts[0], chart.last_day)
    amount = chart.totals[-1] if chart.kind == "total" else sum(chart.totals, money.ZERO)
    return {"value": money.format_whole_dollars(amount), "when": days}


def _build_goal_rows(chart: SalesChart) -> Rows:
    if chart.goal is None:
        return []
    return [{"y": float(chart.goal), "label": f"Goal {money.format_whole_dollars(chart.goal)}"}]


def _build_line_rows(chart: SalesChart, frame: Frame, points: Rows) -> Rows:
    begin = {"x": _to_place(frame.first, frame.first) - 0.5, "y": float(chart.revenue_before)}
    return [begin, *({"x": row["x"], "y": row["y"]} for row in points)]


def _build_outlook_rows(chart: SalesChart) -> Rows:
    forecast = chart.forecast
    if forecast is None:
        return []
    has_band = forecast.low is not None and forecast.high is not None
    return [
        {
            "x": _to_place(chart.last_day, chart.last_day),
            "x1": _to_place(chart.event_day, chart.event_day),
            "y": float(chart.totals[-1]),
            "y1": forecast.middle,
            "label": format_short_dollars(forecast.middle),
            "low_label": f"from {format_short_dollars(forecast.low or 0)}" if has_band else "",
            "high_label": f"to {format_short_dollars(forecast.high or 0)}" if has_band else "",
        }
    ]


def _build_wedge_rows(chart: SalesChart) -> Rows:
    """Return the band of the forecast, from nothing today to its width on the day of the event."""
    forecast, total = chart.forecast, float(chart.totals[-1])
    if forecast is None or forecast.low is None:
        return []
    today, event_day = _to_place(chart.last_day, chart.last_day), _to_place(chart.event_day, chart.event_day)
    return [{"x": today, "y": total, "y1": total}, {"x": event_day, "y": forecast.low, "y1": forecast.high}]


def _build_part_rows(chart: SalesChart) -> Rows:
    """Return a row for each part of each bar, with the amounts between which it is drawn."""
    gap = min(0.1 * chart.period, 0.45)
    rows, floors = [], [0.0] * len(chart.starts)
    for place, series in enumerate(chart.series):
        for number, (start, amount) in enumerate(zip(chart.starts, series.amounts, strict=True)):
            last, top = chart.get_last_day(start), floors[number] + float(amount)
            rows.append(
                {
                    "x": _to_place(start, last),
                    "x0": _to_place(start, start) - 0.5 + gap,
                    "x1": _to_place(last, last) + 0.5 - gap,
                    "y": floors[number],
                    "y1": top,
                    "color": _find_color(chart, place),
                    "place": place,
                    "value": money.format_dollars(amount),
                }
            )
            floors[number] = top
    return rows


def _build_legend_rows(chart: SalesChart, names: Mapping[GroupKey, str]) -> Rows:
    return [
        {
            "place": place,
            "color": _find_color(chart, place),
            "name": "Other" if series.key is None else names[series.key],
            "value": money.format_whole_dollars(series.total),
        }
        for place, series in enumerate(chart.series)
    ]


def _find_color(chart: SalesChart, place: int) -> int:
    return OTHER if chart.series[place].key is None else place

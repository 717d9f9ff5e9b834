"""Sales charts in the theme's colors.

Days are numbers (days since January 1, 1970, or days before an event) that are formatted by label expressions: as
timestamps, a browser in another time zone would draw them on the day before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

import altair as alt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no type information
import streamlit as st

from ticketing import money
from ticketing.reporting.figures import DaySales

_LIGHT_COLORS = {
    "line": "#0B6E6E",
    "earlier": "#8A5A14",
    "goal": "#B5651D",
    "full": "#B3382C",
    "text": "#1D2530",
    "quiet": "#565D67",
    "grid": "#E6E1D6",
    "ground": "#FBFAF7",
}
_DARK_COLORS = {
    "line": "#4FB8B0",
    "earlier": "#E0A550",
    "goal": "#E0A550",
    "full": "#E07A6E",
    "text": "#E8E6E1",
    "quiet": "#B0B5BB",
    "grid": "#343C46",
    "ground": "#14181D",
}
_HEIGHT = 330
_EPOCH = date(1970, 1, 1)
_DAY_LABEL_EXPR = "utcFormat(datum.value * 86400000, '%-d %b')"
DOLLAR_LABEL_EXPR = (
    "'$' + (datum.value >= 1e6 ? format(datum.value / 1e6, ',~f') + 'M'"
    " : datum.value >= 1000 ? format(datum.value / 1000, ',~f') + 'k' : format(datum.value, ',~f'))"
)
_MAX_TICKS = 6
LayeredChart = alt.LayerChart | alt.FacetChart  # what alt.layer() returns
_build_lock = threading.Lock()
alt.theme.enable("none")  # sizes and fonts come from the page
_TICK_STEP_DAYS = (1, 2, 7, 14, 28, 56, 91, 182, 364)


def get_colors() -> dict[str, str]:
    """Return the colors of the scheme that the browser shows, light or dark."""
    return _DARK_COLORS if st.context.theme.type == "dark" else _LIGHT_COLORS


def render(
    build: Callable[..., LayeredChart],
    *figures: Hashable,
    height: Literal["stretch", "content"] | int = "content",
    description: str,
) -> None:
    """Render the chart that `build(*figures)` returns; `description` is its text alternative.

    The chart is built once for all sessions that show the same figures in the same scheme: each sale redraws every
    open page, and building a chart takes longer than everything else on the page.
    """
    with _build_lock:
        spec = _build_spec(build, figures, scheme=st.context.theme.type)
    st.vega_lite_chart(spec=spec, height=height, alt=description)


@lru_cache(maxsize=64)
def _build_spec(
    build: Callable[..., LayeredChart], figures: tuple[Hashable, ...], *, scheme: str | None
) -> dict[str, Any]:
    """Return the Vega-Lite spec with rows as Arrow. `scheme` is part of the cache key, since colors depend on it."""
    spec = build(*figures).to_dict(validate=False)
    spec["datasets"] = {name: _to_arrow_bytes(rows) for name, rows in spec["datasets"].items()}
    return spec


def _to_arrow_bytes(rows: list[dict[str, Any]]) -> bytes:
    table, sink = pa.Table.from_pylist(rows), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def build_cumulative_revenue_chart(days: Sequence[DaySales], goal: Decimal | None, until: date) -> LayeredChart:
    """Return the chart of the revenue since the first sale up to `until`, with a labeled line for the goal."""
    colors, frame = get_colors(), _build_frame(days, until)
    x = _build_calendar_axis(frame, colors)
    y = alt.Y(
        "cumulative:Q",
        axis=build_amount_axis(colors, DOLLAR_LABEL_EXPR),
        scale=build_zero_based_scale(frame["cumulative"].max(), goal),
    )
    base = alt.Chart(frame).encode(x=x, y=y)
    layers: list[alt.Chart] = [
        base.mark_area(color=colors["line"], opacity=0.15, interpolate="step-after"),
        base.mark_line(color=colors["line"], strokeWidth=2, interpolate="step-after"),
        base.transform_filter(alt.datum.day == int(frame["day"].max())).mark_point(
            color=colors["line"], filled=True, opacity=1, size=50
        ),
    ]
    if goal:
        mark = pd.DataFrame({"goal": [float(goal)], "label": [f"Goal {money.format_whole_dollars(goal)}"]})
        line = alt.Chart(mark).encode(y="goal:Q")
        layers += [
            line.mark_rule(color=colors["goal"], strokeDash=[5, 4], strokeWidth=1.5),
            line.mark_text(color=colors["text"], align="left", baseline="bottom", dx=4, dy=-3).encode(
                x=alt.value(0), text="label:N"
            ),
        ]
    tips = ["name:N/Day", "so_far:N/Total revenue", "amount:N/Daily revenue"]
    return alt.layer(*layers, build_hover_layer(frame, x, tips)).properties(height=_HEIGHT)


def build_daily_revenue_chart(days: Sequence[DaySales], until: date) -> LayeredChart:
    """Return the chart of each day's revenue up to `until`."""
    colors, frame = get_colors(), _build_frame(days, until)
    x = _build_calendar_axis(frame, colors)
    bars = (
        alt.Chart(frame)
        .mark_bar(color=colors["line"])
        .encode(
            x=_build_calendar_axis(frame, colors, "from:Q"),
            x2="to:Q",
            y2=alt.Y2Datum(0),
            y=alt.Y(
                "revenue:Q",
                axis=build_amount_axis(colors, DOLLAR_LABEL_EXPR),
                scale=build_zero_based_scale(frame["revenue"].max()),
            ),
        )
    )
    tips = ["name:N/Day", "amount:N/Daily revenue", "packages:Q/Packages sold"]
    return alt.layer(bars, build_hover_layer(frame, x, tips)).properties(height=_HEIGHT)


def _build_frame(days: Sequence[DaySales], until: date) -> pd.DataFrame:
    """Return one row per day up to `until`, also for days without sales since the last one."""
    last = days[-1]
    quiet = [
        DaySales(last.day + timedelta(days=n), money.ZERO, last.cumulative, 0)
        for n in range(1, (until - last.day).days + 1)
    ]
    rows = [*days, *quiet]
    frame = pd.DataFrame(
        {
            "day": [_to_epoch_day(row.day) for row in rows],
            "name": [f"{row.day:%a} {row.day.day} {row.day:%b %Y}" for row in rows],
            "revenue": [float(row.revenue) for row in rows],
            "cumulative": [float(row.cumulative) for row in rows],
            "amount": [money.format_dollars(row.revenue) for row in rows],
            "so_far": [money.format_dollars(row.cumulative) for row in rows],
            "packages": [row.packages_sold for row in rows],
        }
    )
    return frame.assign(**{"from": frame["day"] - 0.4, "to": frame["day"] + 0.4})


def _to_epoch_day(day: date) -> int:
    return (day - _EPOCH).days


def _build_calendar_axis(frame: pd.DataFrame, colors: dict[str, str], field: str = "day:Q") -> alt.X:
    """Return an axis of at least two weeks, so that the bar of a single day is not as wide as the chart."""
    last = int(frame["day"].max())
    first = min(int(frame["day"].min()), last - 13)
    return build_day_axis(first, last, _DAY_LABEL_EXPR, colors, anchor_day=last, field=field)


def build_day_axis(
    first: int,
    last: int,
    label_expr: str,
    colors: dict[str, str],
    *,
    anchor_day: int,
    field: str = "day:Q",
    has_labels: bool = True,
) -> alt.X:
    """Return an axis of whole days with ticks at `anchor_day` and at regular steps from it, such as weeks."""
    step = next((step for step in _TICK_STEP_DAYS if (last - first) // step < _MAX_TICKS), _TICK_STEP_DAYS[-1])
    axis = alt.Axis(
        title=None,
        values=[*range(anchor_day, first - 1, -step), *range(anchor_day + step, last + 1, step)],
        labelExpr=label_expr,
        labels=has_labels,
        labelColor=colors["quiet"],
        labelFlush=24,
        labelOverlap=True,
        labelSeparation=10,
        ticks=False,
        grid=False,
        domainColor=colors["grid"],
    )
    return alt.X(field, axis=axis, scale=alt.Scale(domain=[first - 0.6, last + 0.6], nice=False))


def build_amount_axis(colors: dict[str, str], label_expr: str, **axis_options: Any) -> alt.Axis:
    """Return the left axis, with few grid lines."""
    return alt.Axis(
        title=None,
        labelExpr=label_expr,
        labelColor=colors["quiet"],
        gridColor=colors["grid"],
        domain=False,
        ticks=False,
        **{"tickCount": 5} | axis_options,
    )


def build_zero_based_scale(highest: float, *others: Decimal | None) -> alt.Scale:
    """Return a scale from 0 to a little above the highest value; up to 1 when all values are 0."""
    top = max([highest, *(float(each) for each in others if each)]) * 1.08
    return alt.Scale(domain=[0, top or 1], nice=False)


def build_hover_layer(frame: pd.DataFrame, x: alt.X, tips: Sequence[str]) -> alt.Chart:
    """Return a layer that shows tooltips anywhere above a day, however low its bar. `tips` are "field:type/title"."""
    tooltips = [alt.Tooltip(field, title=title) for field, title in (tip.split("/") for tip in tips)]
    strips = alt.Chart(frame).mark_rule(opacity=0, strokeWidth=12, color="transparent")
    layer: alt.Chart = strips.encode(x=x, tooltip=tooltips)
    return layer

"""Charts: each answers a question, in the theme's colours, with people's units."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import altair as alt
import pandas as pd
import streamlit as st

from ticketing.sales import DaySales

_LIGHT = {"line": "#0B6E6E", "goal": "#B5651D", "text": "#1D2530", "grid": "#E6E1D6"}
_DARK = {"line": "#4FB8B0", "goal": "#E0A550", "text": "#E8E6E1", "grid": "#343C46"}
DOLLARS = "$,.2f"


def _colours() -> dict[str, str]:
    return _DARK if st.context.theme.type == "dark" else _LIGHT


def _frame(days: Sequence[DaySales]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "day": pd.to_datetime([day.day for day in days]),
            "revenue": [float(day.revenue) for day in days],
            "cumulative": [float(day.cumulative) for day in days],
            "packages": [day.packages_sold for day in days],
        }
    )


def _dollar_axis(colours: dict[str, str]) -> alt.Axis:
    return alt.Axis(
        title=None,
        labelExpr="'$' + (datum.value >= 1000 ? format(datum.value / 1000, ',~f') + 'k' : format(datum.value, ',~f'))",
        tickCount=5,
        grid=True,
        gridColor=colours["grid"],
        domain=False,
        ticks=False,
    )


def _day_axis(days: Sequence[DaySales]) -> alt.X:
    """At least two weeks wide, so that a first day of sales is a bar and not a wall."""
    last = pd.Timestamp(days[-1].day)
    first = min(pd.Timestamp(days[0].day), last - pd.Timedelta(days=13))
    return alt.X(
        "day:T",
        axis=alt.Axis(title=None, format="%-d %b", grid=False, tickCount=6, labelOverlap=True),
        scale=alt.Scale(domain=[_date_time(first - _HALF_A_DAY), _date_time(last + _HALF_A_DAY)]),
    )


_HALF_A_DAY = pd.Timedelta(hours=14)


def _date_time(moment: pd.Timestamp) -> dict[str, int]:
    return {"year": moment.year, "month": moment.month, "date": moment.day, "hours": moment.hour}


def cumulative(days: Sequence[DaySales], goal: Decimal | None) -> alt.LayerChart:
    """Revenue so far, with the goal as a named line where there is one."""
    colours, frame = _colours(), _frame(days)
    top = max([float(days[-1].cumulative), *([float(goal)] if goal else [])]) * 1.08 or 1
    y = alt.Y("cumulative:Q", axis=_dollar_axis(colours), scale=alt.Scale(domain=[0, top]))
    tips = [
        alt.Tooltip("day:T", title="Day", format="%a %-d %b %Y"),
        alt.Tooltip("cumulative:Q", title="So far", format=DOLLARS),
        alt.Tooltip("revenue:Q", title="That day", format=DOLLARS),
    ]
    base = alt.Chart(frame).encode(x=_day_axis(days), y=y, tooltip=tips)
    layers = [
        base.mark_area(color=colours["line"], opacity=0.15, interpolate="step-after"),
        base.mark_line(color=colours["line"], strokeWidth=2, interpolate="step-after", point=len(days) == 1),
    ]
    if goal:
        mark = pd.DataFrame({"goal": [float(goal)], "label": ["Goal"]})
        rule = alt.Chart(mark).encode(y="goal:Q")
        layers += [
            rule.mark_rule(color=colours["goal"], strokeDash=[5, 4], strokeWidth=1.5).encode(
                tooltip=[alt.Tooltip("goal:Q", title="Goal", format=DOLLARS)]
            ),
            rule.mark_text(color=colours["text"], align="left", baseline="bottom", dx=4, dy=-3).encode(
                x=alt.value(0), text="label:N"
            ),
        ]
    return alt.layer(*layers).properties(height=280)


def by_day(days: Sequence[DaySales]) -> alt.Chart:
    """Revenue of each day."""
    colours = _colours()
    return (
        alt.Chart(_frame(days))
        .mark_bar(color=colours["line"], width=max(2, min(18, 360 // max(len(days), 14))))
        .encode(
            x=_day_axis(days),
            y=alt.Y("revenue:Q", axis=_dollar_axis(colours)),
            tooltip=[
                alt.Tooltip("day:T", title="Day", format="%a %-d %b %Y"),
                alt.Tooltip("revenue:Q", title="Revenue", format=DOLLARS),
                alt.Tooltip("packages:Q", title="Packages sold", format=","),
            ],
        )
        .properties(height=280)
    )

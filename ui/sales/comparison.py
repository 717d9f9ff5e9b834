"""Compare an event with an earlier one: a sentence, and two charts over the same days before the event."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import altair as alt
import pandas as pd
import streamlit as st

from ticketing import money
from ticketing.actors import Actor
from ticketing.db import replica
from ticketing.models import Event
from ticketing.reporting import comparison as comparisons
from ticketing.reporting.comparison import ComparedDay, Comparison
from ui import text
from ui.widgets import charts, tables
from ui.widgets.forms import render_hint
from ui.widgets.tables import Column, number_column

THIS_EVENT = "This event"
_TITLES = {"revenue": "Revenue", "seats": "Seats sold"}
_HEIGHTS = {"revenue": 260, "seats": 190}
_DAY_LABEL_EXPR = (
    "datum.value == 0 ? 'event day' : datum.value < 0 ? format(-datum.value, ',') + ' before' : datum.value + ' after'"
)
_Y_AXIS_WIDTH_PX = 58


def render(actor: Actor, event: Event, others: Sequence[Event], *, sponsorships_only: bool) -> None:
    """Render the choice of the other event and, once chosen, the comparison. The URL carries the choice."""
    names = text.unique_labels({other.id: (other.name, f"{other.starts_at:%-d %b %Y}") for other in others})
    title, choice = st.columns([3, 2], vertical_alignment="center")
    title.subheader("Compare with an earlier event", anchor=False)
    chosen = choice.selectbox(
        "Compare with",
        list(names),
        index=None,
        key="compare_with",
        format_func=lambda event_id: names.get(event_id, ""),
        placeholder="Choose an event",
        label_visibility="collapsed",
        bind="query-params",
    )
    if chosen is None:
        render_hint("Revenue and seats of both events, the same number of days before each.")
        return
    comparison = replica.read(
        lambda session: comparisons.compare(session, actor, event.id, chosen, sponsorships_only=sponsorships_only)
    )
    st.markdown(f"**{text.escape_markdown(format_comparison(comparison, names[chosen]))}**")
    if not comparison.days:
        return
    with st.container(gap=None):
        for measure, label in _TITLES.items():
            description = f"{label} of both events by days before each, as in the table"
            charts.render(build_chart, comparison, names[chosen], measure, description=description)
    with st.expander("The comparison as a table", key="table_of_comparison", on_change="rerun") as table:
        if table.open:
            tables.render(
                "Revenue and seats of both events by the end of each day, the latest first",
                [Column("Day"), number_column(THIS_EVENT), number_column(names[chosen])],
                [_build_table_row(day) for day in reversed(comparison.days)],
                is_scrollable=True,
            )


def _build_table_row(day: ComparedDay) -> list[tables.Cell]:
    sides = ((day.revenue, day.seats), (day.earlier_revenue, day.earlier_seats))
    return [
        format_days_before(day.days_before).capitalize(),
        *(_format_totals(revenue, seats) for revenue, seats in sides),
    ]


def format_days_before(number: int) -> str:
    """ "13 days before", "on the day", "2 days after"."""
    if number == 0:
        return "on the day"
    return f"{text.format_count(number, 'day')} before" if number > 0 else f"{text.format_count(-number, 'day')} after"


def format_comparison(comparison: Comparison, earlier_name: str) -> str:
    """Return how this event compares with the earlier one the same number of days before it, not escaped."""
    revenue, seats = comparison.revenue_ahead, comparison.seats_ahead
    today = comparison.today.days_before
    when = "on the day of the event" if today == 0 else f"{format_days_before(today)} the event"
    if revenue is None or seats is None:
        return f"{earlier_name} is more days away than this event, so the two cannot be compared yet."
    dollars, seat_count = money.format_whole_dollars(abs(revenue)), text.format_count(abs(seats), "seat")
    if not revenue and not seats:
        return f"Level with {earlier_name}, {when}."
    if not seats:
        return f"{_format_lead(revenue > 0)} {earlier_name} by {dollars} and level on seats, {when}."
    if not revenue:
        return f"{_format_lead(seats > 0)} {earlier_name} by {seat_count} and level on revenue, {when}."
    if (revenue > 0) == (seats > 0):
        return f"{_format_lead(revenue > 0)} {earlier_name} by {dollars} and {seat_count}, {when}."
    seat_lead = "ahead" if seats > 0 else "behind"
    return f"{_format_lead(revenue > 0)} {earlier_name} by {dollars}, but {seat_lead} by {seat_count}, {when}."


def _format_lead(is_more: bool) -> str:
    return "Ahead of" if is_more else "Behind"


def build_chart(comparison: Comparison, earlier_name: str, measure: str) -> charts.LayeredChart:
    """Return the chart of "revenue" or "seats": this event as a solid line, the earlier one dashed.

    The two charts share their axis of days. They are not one concatenated chart, which would overflow a phone's width.
    """
    colors, is_revenue = charts.get_colors(), measure == "revenue"
    days = _to_wide_frame(comparison)
    lines = _to_long_frame(days, earlier_name, measure)
    first, last = int(days["day"].min()), int(days["day"].max())
    x = charts.build_day_axis(first, last, _DAY_LABEL_EXPR, colors, anchor_day=0, has_labels=not is_revenue)
    amounts = charts.build_amount_axis(
        colors,
        charts.DOLLAR_LABEL_EXPR if is_revenue else "format(datum.value, ',~f')",
        minExtent=_Y_AXIS_WIDTH_PX,
        maxExtent=_Y_AXIS_WIDTH_PX,
        tickCount=4 if is_revenue else 3,
    )
    legend = _build_legend(colors["text"]) if is_revenue else None
    names = [THIS_EVENT, earlier_name]
    base = alt.Chart(lines).encode(
        x=x,
        y=alt.Y("amount:Q", axis=amounts, scale=charts.build_zero_based_scale(lines["amount"].max())),
        color=alt.Color(
            "event:N", scale=alt.Scale(domain=names, range=[colors["line"], colors["earlier"]]), legend=legend
        ),
        strokeDash=alt.StrokeDash("event:N", scale=alt.Scale(domain=names, range=[[1, 0], [5, 3]]), legend=legend),
    )
    title = alt.Chart(pd.DataFrame({"measure": [_TITLES[measure]]}))
    layers = [
        base.mark_line(strokeWidth=2, interpolate="step-after"),
        title.mark_text(color=colors["text"], align="left", baseline="bottom", fontWeight="bold", dy=-6).encode(
            x=alt.value(0), y=alt.value(0), text="measure:N"
        ),
    ]
    if first <= -comparison.today.days_before <= last:
        layers += _build_today_marker(comparison, x, colors)
    tips = ["name:N/Day", "this:N/This event", "that:N/Earlier event"]
    return alt.layer(*layers, charts.build_hover_layer(days, x, tips)).properties(height=_HEIGHTS[measure])


def _build_legend(label_color: str) -> alt.Legend:
    return alt.Legend(
        title=None,
        orient="top",
        symbolType="stroke",
        symbolSize=400,
        symbolStrokeWidth=2.5,
        labelLimit=240,
        labelColor=label_color,
    )


def _build_today_marker(comparison: Comparison, x: alt.X, colors: dict[str, str]) -> list[alt.Chart]:
    """Return a vertical line at today, with its label on the side that has room."""
    days_to_go = comparison.today.days_before
    mark = alt.Chart(pd.DataFrame({"day": [-days_to_go], "label": ["today"]})).encode(x=x)
    is_left = days_to_go > len(comparison.days) // 8
    return [
        mark.mark_rule(color=colors["quiet"], strokeWidth=1, strokeDash=[1, 3]),
        mark.mark_text(
            color=colors["quiet"],
            baseline="bottom",
            dy=-6,
            align="left" if is_left else "right",
            dx=5 if is_left else -5,
        ).encode(y=alt.value("height"), text="label:N"),
    ]


def _to_wide_frame(comparison: Comparison) -> pd.DataFrame:
    """Return one row per day; days before the event are negative, so that time runs to the right."""
    return pd.DataFrame([_build_frame_row(day) for day in comparison.days])


def _build_frame_row(day: ComparedDay) -> dict[str, object]:
    return {
        "day": -day.days_before,
        "name": format_days_before(day.days_before).capitalize(),
        "revenue": None if day.revenue is None else float(day.revenue),
        "earlier_revenue": None if day.earlier_revenue is None else float(day.earlier_revenue),
        "seats_sold": day.seats,
        "earlier_seats": day.earlier_seats,
        "this": _format_totals(day.revenue, day.seats),
        "that": _format_totals(day.earlier_revenue, day.earlier_seats),
    }


def _format_totals(revenue: Decimal | None, seats: int | None) -> str:
    """Return an event's totals; a dash for a day that is still to come."""
    return (
        "–"
        if revenue is None or seats is None
        else f"{money.format_dollars(revenue)}, {text.format_count(seats, 'seat')}"
    )


def _to_long_frame(days: pd.DataFrame, earlier_name: str, measure: str) -> pd.DataFrame:
    """Return one row per day and event, without days that are still to come."""
    column, earlier_column = ("revenue", "earlier_revenue") if measure == "revenue" else ("seats_sold", "earlier_seats")
    parts = [
        days[["day", each]].rename(columns={each: "amount"}).assign(event=name)
        for each, name in ((column, THIS_EVENT), (earlier_column, earlier_name))
    ]
    return pd.concat(parts).dropna().astype({"amount": float})

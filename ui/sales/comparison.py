"""An event against an earlier one: in a sentence, and as two charts over the same days."""

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
from ticketing.reporting import comparison as compared
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
    """The choice of the other event and, once made, the answer. It stays in the address, to be sent or come back to."""
    names = text.unique_labels({other.id: (other.name, f"{other.starts_at:%-d %b %Y}") for other in others})
    title, choice = st.columns([3, 2], vertical_alignment="center")
    title.subheader("Against an earlier event", anchor=False)
    chosen = choice.selectbox(
        "Compare with",
        list(names),
        index=None,
        key="compare_with",
        format_func=lambda event_id: names.get(event_id, ""),
        placeholder="Choose an event to compare with",
        label_visibility="collapsed",
        bind="query-params",
    )
    if chosen is None:
        render_hint("Revenue and seats of both events, at equal days before each.")
        return
    against = replica.read(
        lambda session: compared.compare(session, actor, event.id, chosen, sponsorships_only=sponsorships_only)
    )
    st.markdown(f"**{text.escape_markdown(format_comparison(against, names[chosen]))}**")
    if not against.days:
        return
    with st.container(gap=None):
        for measure, title in _TITLES.items():
            told = f"{title} of both events by days before each, as in the table"
            charts.render(build_chart, against, names[chosen], measure, description=told)
    with st.expander("The comparison as a table", key="table_of_comparison", on_change="rerun") as table:
        if table.open:
            tables.render(
                "Revenue and seats of both events by the end of each day, the latest first",
                [Column("Day"), number_column(THIS_EVENT), number_column(names[chosen])],
                [_build_table_row(day) for day in reversed(against.days)],
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
    """Where this event stands against the earlier one at as many days before it; not yet safe in Markdown."""
    revenue, seats = comparison.revenue_ahead, comparison.seats_ahead
    today = comparison.today.days_before
    when = f"at {format_days_before(today)}" if today > 0 else format_days_before(today)
    if revenue is None or seats is None:
        return f"{earlier_name} is further from its day than this event, so the two cannot be compared yet."
    dollars, places = money.format_whole_dollars(abs(revenue)), text.format_count(abs(seats), "seat")
    if not revenue and not seats:
        return f"Level with {earlier_name} {when}."
    if not seats:
        return f"{_format_lead(revenue > 0)} {earlier_name} by {dollars} and level on seats {when}."
    if not revenue:
        return f"{_format_lead(seats > 0)} {earlier_name} by {places} and level on revenue {when}."
    if (revenue > 0) == (seats > 0):
        return f"{_format_lead(revenue > 0)} {earlier_name} by {dollars} and {places} {when}."
    return f"{_format_lead(revenue > 0)} {earlier_name} by {dollars}, but {'ahead' if seats > 0 else 'behind'} by {places}, {when}."


def _format_lead(is_more: bool) -> str:
    return "Ahead of" if is_more else "Behind"


def build_chart(comparison: Comparison, earlier_name: str, measure: str) -> alt.LayerChart:
    """Revenue or seats: this event drawn through, the earlier one dashed.

    One stands above the other over one axis of days. Two charts, because a concatenated one does not keep to the width
    of a phone.
    """
    paint, is_revenue = charts.get_colors(), measure == "revenue"
    days = _to_wide_frame(comparison)
    lines = _to_long_frame(days, earlier_name, measure)
    first, last = int(days["day"].min()), int(days["day"].max())
    x = charts.build_day_axis(first, last, _DAY_LABEL_EXPR, paint, anchor_day=0, has_labels=not is_revenue)
    amounts = charts.build_amount_axis(
        paint, charts.DOLLAR_LABEL_EXPR if is_revenue else "format(datum.value, ',~f')",
        minExtent=_Y_AXIS_WIDTH_PX, maxExtent=_Y_AXIS_WIDTH_PX, tickCount=4 if is_revenue else 3,
    )  # fmt: skip
    legend = alt.Legend(
        title=None, orient="top", symbolType="stroke", symbolSize=400, symbolStrokeWidth=2.5, labelLimit=240,
        labelColor=paint["text"],
    ) if is_revenue else None  # fmt: skip
    names = [THIS_EVENT, earlier_name]
    base = alt.Chart(lines).encode(
        x=x,
        y=alt.Y("amount:Q", axis=amounts, scale=charts.build_zero_based_scale(lines["amount"].max())),
        color=alt.Color(
            "event:N", scale=alt.Scale(domain=names, range=[paint["line"], paint["earlier"]]), legend=legend
        ),
        strokeDash=alt.StrokeDash("event:N", scale=alt.Scale(domain=names, range=[[1, 0], [5, 3]]), legend=legend),
    )
    name = alt.Chart(pd.DataFrame({"measure": [_TITLES[measure]]}))
    layers = [
        base.mark_line(strokeWidth=2, interpolate="step-after"),
        name.mark_text(color=paint["text"], align="left", baseline="bottom", fontWeight="bold", dy=-6).encode(
            x=alt.value(0), y=alt.value(0), text="measure:N"
        ),
    ]
    if first <= -comparison.today.days_before <= last:
        layers += _build_today_marker(comparison, x, paint)
    tips = ["name:N/Day", "this:N/This event", "that:N/Earlier event"]
    return alt.layer(*layers, charts.build_hover_layer(days, x, tips)).properties(height=_HEIGHTS[measure])


def _build_today_marker(comparison: Comparison, x: alt.X, paint: dict[str, str]) -> list[alt.Chart]:
    """A named line where the sentence compares, with its name on the side that has room."""
    days_to_go = comparison.today.days_before
    mark = alt.Chart(pd.DataFrame({"day": [-days_to_go], "label": ["today"]})).encode(x=x)
    side = {"align": "left", "dx": 5} if days_to_go > len(comparison.days) // 8 else {"align": "right", "dx": -5}
    return [
        mark.mark_rule(color=paint["quiet"], strokeWidth=1, strokeDash=[1, 3]),
        mark.mark_text(color=paint["quiet"], baseline="bottom", dy=-6, **side).encode(
            y=alt.value("height"), text="label:N"
        ),
    ]


def _to_wide_frame(comparison: Comparison) -> pd.DataFrame:
    """One row per day, days before the event as negative numbers so that time runs to the right."""
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
    """How far an event had come; a dash for a day that has not."""
    return (
        "–"
        if revenue is None or seats is None
        else f"{money.format_dollars(revenue)}, {text.format_count(seats, 'seat')}"
    )


def _to_long_frame(days: pd.DataFrame, earlier_name: str, measure: str) -> pd.DataFrame:
    """One row per day and event that has come so far."""
    mine, theirs = ("revenue", "earlier_revenue") if measure == "revenue" else ("seats_sold", "earlier_seats")
    parts = [
        days[["day", column]].rename(columns={column: "amount"}).assign(event=name)
        for column, name in ((mine, THIS_EVENT), (theirs, earlier_name))
    ]
    return pd.concat(parts).dropna().astype({"amount": float})

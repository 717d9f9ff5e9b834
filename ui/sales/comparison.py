"""Compare an event with an earlier one: a sentence, and two charts over the same days before the event."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from html import escape
from operator import attrgetter
from typing import Any

import streamlit as st

from ticketing import money
from ticketing.actors import Actor
from ticketing.db import replica
from ticketing.models import Event
from ticketing.reporting import comparison as comparisons
from ticketing.reporting.chart_frame import find_amount_ticks, find_day_step, format_amount_tick
from ticketing.reporting.comparison import ComparedDay, Comparison
from ticketing.sales_filter import SalesFilter
from ui import text
from ui.sales import chart_spec, datasets, query
from ui.sales.datasets import Rows
from ui.widgets import tables
from ui.widgets.forms import render_hint
from ui.widgets.tables import Column, number_column

THIS_EVENT = "This event"
KEY = "compare_with"
_TITLES = {"revenue": "Revenue", "seats": "Seats"}
_HEIGHT_PX = 250
_MAX_TICKS = 6


def render(actor: Actor, event: Event, chosen_id: uuid.UUID | None, sales_filter: SalesFilter) -> None:
    """Render the choice of the other event and, once chosen, the comparison; drawn only while it is open."""
    with st.expander(
        "Compare with an earlier event", key="comparison", expanded=chosen_id is not None, on_change="rerun"
    ) as panel:
        if panel.open:
            others = replica.read(lambda session: comparisons.list_candidates(session, actor, event.id))
            _render_panel(actor, event, others, chosen_id, sales_filter)


def _render_panel(
    actor: Actor, event: Event, others: Sequence[Event], chosen_id: uuid.UUID | None, sales_filter: SalesFilter
) -> None:
    if not others:
        render_hint("There is no other event with sales yet.")
        return
    names = text.unique_labels({other.id: (other.name, text.format_venue_date(other)) for other in others})
    st.session_state[KEY] = chosen_id if chosen_id in names else None
    st.selectbox(
        "Compare with",
        list(names),
        index=None,
        key=KEY,
        format_func=lambda event_id: names.get(event_id, ""),
        placeholder="Choose an event",
        on_change=lambda: query.write(compare_with=st.session_state[KEY]),
    )
    if chosen_id not in names:
        render_hint("Revenue and seats of both events, the same number of days before each.")
        return
    if sales_filter.package_ids:
        render_hint("Events have different packages, so all packages are compared.")
    comparison = replica.read(
        lambda session: comparisons.compare(session, actor, event.id, chosen_id, sales_filter=sales_filter)
    )
    _render_comparison(comparison, names[chosen_id])


def _render_comparison(comparison: Comparison, earlier_name: str) -> None:
    st.markdown(f"**{text.escape_markdown(format_comparison(comparison, earlier_name))}**")
    if not comparison.days:
        return
    st.html(f'<p class="line-legend"><i></i>{escape(THIS_EVENT)} <i class="earlier"></i>{escape(earlier_name)}</p>')
    spec = chart_spec.get_spec("compared")
    for measure, title in _TITLES.items():
        st.vega_lite_chart(
            {**spec, "datasets": build_datasets(comparison, earlier_name, measure)},
            height=_HEIGHT_PX,
            key=f"comparison_{measure}",
            alt=f"{title} of both events by days before each, as in the table",
        )
    with st.expander("The comparison as a table", key="table_of_comparison", on_change="rerun") as table:
        if table.open:
            tables.render(
                "Revenue and seats of both events by the end of each day, the latest first",
                [Column("Day"), number_column(THIS_EVENT), number_column(earlier_name)],
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


def _format_totals(revenue: Decimal | None, seats: int | None) -> str:
    """Return an event's totals; a dash for a day that is still to come."""
    return (
        "–"
        if revenue is None or seats is None
        else f"{money.format_dollars(revenue)}, {text.format_count(seats, 'seat')}"
    )


@lru_cache(maxsize=32)
def build_datasets(comparison: Comparison, earlier_name: str, measure: str) -> dict[str, bytes]:
    """Return the rows of the chart of "revenue" or "seats"; days before the event are negative, so time runs right."""
    line, earlier = (
        [
            {"x": float(-day.days_before), "y": float(amount)}
            for day in comparison.days
            if (amount := side(day)) is not None
        ]
        for side in _get_sides(measure)
    )
    first, last = -comparison.days[0].days_before, -comparison.days[-1].days_before
    highest = max((row["y"] for row in (*line, *earlier)), default=0) * 1.06 or 1.0
    points: Rows = [
        {"x": float(-day.days_before), "y": float(_get_sides(measure)[0](day) or 0)}
        | _describe(day, earlier_name, measure)
        for day in comparison.days
    ]
    step = find_day_step(last - first, _MAX_TICKS)
    ticks = range(-(-first // step) * step, last + 1, step)
    return datasets.encode(
        {
            "frame": [{"x": first - 0.5, "y": 0.0}, {"x": last + 0.5, "y": highest}],
            "amounts": [
                {"y": amount, "label": format_amount_tick(amount) if measure == "revenue" else f"{amount:,.10g}"}
                for amount in find_amount_ticks(highest, 3)
            ],
            "days": [{"x": float(tick), "label": _format_tick(tick), "align": "center"} for tick in ticks],
            "points": points,
            "headline": [_describe(comparison.today, earlier_name, measure)],
            "line": line,
            "earlier": earlier,
            "last": line[-1:],
        }
    )


def _get_sides(measure: str) -> tuple[Callable[[ComparedDay], Any], Callable[[ComparedDay], Any]]:
    if measure == "revenue":
        return attrgetter("revenue"), attrgetter("earlier_revenue")
    return attrgetter("seats"), attrgetter("earlier_seats")


def _describe(day: ComparedDay, earlier_name: str, measure: str) -> dict[str, str]:
    """Return the words above the chart: this event's figure, then the day with the earlier event's."""
    this, that = (_format_side(side(day), measure) for side in _get_sides(measure))
    when = format_days_before(day.days_before).capitalize()
    return {"value": f"{_TITLES[measure]} {this}", "when": f"{when} · {earlier_name} {that}"}


def _format_side(amount: Decimal | int | None, measure: str) -> str:
    if amount is None:
        return "–"
    return money.format_dollars(Decimal(amount)) if measure == "revenue" else f"{amount:,}"


def _format_tick(day: int) -> str:
    return "event day" if day == 0 else f"{abs(day):,} {'before' if day < 0 else 'after'}"

"""The choice of finished events to learn a forecast from, and how the forecast would have done on them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ticketing.actors import Actor
from ticketing.db import replica
from ticketing.models import Event
from ticketing.reporting import forecast
from ticketing.reporting.forecast import BacktestLine
from ticketing.reporting.sales_report import SalesReport
from ui import text
from ui.sales import query
from ui.widgets import tables
from ui.widgets.forms import render_hint
from ui.widgets.tables import Cell, Column, number_column

_KEY = "sales_learn_from"


def render(actor: Actor, report: SalesReport) -> None:
    """Render the panel of an event that is still to come; its content is drawn only while it is open."""
    if report.whole.pace.days_to_go < 0:
        return
    with st.popover("Forecast", icon=":material/monitoring:", key="sales_forecast", on_change="rerun") as panel:
        if panel.open:
            finished = replica.read(lambda s: forecast.list_finished(s, actor, report.event.id, report.today))
            _render_panel(report, finished)


def _render_panel(report: SalesReport, finished: Sequence[Event]) -> None:
    if not finished:
        render_hint("A forecast learns from finished events with sales. You have none yet.")
        return
    names = text.unique_labels({each.id: (each.name, text.format_venue_date(each)) for each in finished})
    st.session_state[_KEY] = [each for each in report.query.learn_from if each in names]
    st.multiselect(
        "Learn from",
        list(names),
        key=_KEY,
        format_func=lambda event_id: names.get(event_id, ""),
        placeholder="Choose finished events",
        on_change=lambda: query.write(learn_from=tuple(st.session_state[_KEY])),
    )
    if report.forecast is None:
        render_hint("Choose 3 or more events like this one. The forecast compares how much each had sold by this day.")
        return
    st.markdown("**How it would have done** on these events, each learned from the others")
    tables.render(
        "The forecast, so many days before the chosen events",
        [Column("Days before"), *map(number_column, ("Inside", "Median miss", "Too early"))],
        [_build_row(line) for line in report.forecast.backtest],
    )
    render_hint("Without sponsorships. 8 in 10 should end inside; an event is judged once it had sold 5%.")


def _build_row(line: BacktestLine) -> list[Cell]:
    return [
        f"{line.days_before}",
        "–" if line.inside is None else f"{line.inside} of {line.judged}",
        "–" if line.median_miss is None else f"{line.median_miss:.0%}",
        f"{line.too_early}" if line.too_early else "–",
    ]

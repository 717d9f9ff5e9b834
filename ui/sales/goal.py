"""The card of goal, pace and forecast, which are those of the whole event, whatever the filter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from html import escape

from ticketing import money
from ticketing.reporting.forecast import Forecast
from ticketing.reporting.pace import LONGER_DAYS, RECENT_DAYS
from ticketing.reporting.projection import Projection
from ticketing.reporting.sales_report import SalesReport
from ticketing.sales_filter import ALL_SALES
from ui import text

Pairs = Sequence[tuple[str, str]]


@lru_cache(maxsize=64)
def build(report: SalesReport, *, is_month_first: bool) -> str:
    """Return the card as HTML. `is_month_first` is part of the cache key, as dates depend on it."""
    goal = report.event.revenue_goal
    parts = [
        f"<h2>{'Goal and pace' if goal else 'Pace'}</h2>",
        _build_goal(report.whole.revenue, goal) if goal else "",
        _build_pairs(_list_pace(report)),
        _build_outlook(report),
        _build_forecast(report.forecast) if report.forecast else "",
    ]
    if report.query.sales_filter != ALL_SALES:
        parts.append('<p class="hint">Of the whole event, whatever is chosen above.</p>')
    return f'<section class="card goal">{"".join(parts)}</section>'


def _build_goal(revenue: Decimal, goal: Decimal) -> str:
    percent = (revenue * 1000 // goal) / 10  # 100 only when it is reached
    width = min(percent, Decimal(100))
    full = " full" if revenue >= goal else ""
    return (
        f'<p class="share"><strong>{percent:.1f}%</strong> of {escape(money.format_whole_dollars(goal))}</p>'
        f'<div class="track{full}" role="img" aria-label="{percent:.1f}% of the goal">'
        f'<i style="width:{width:.1f}%"></i></div>'
    )


def _list_pace(report: SalesReport) -> list[tuple[str, str]]:
    pace = report.whole.pace
    pairs = []
    if pace.to_go is not None:
        pairs.append(("To go", money.format_whole_dollars(pace.to_go)))
    if pace.days_to_go >= 0:
        pairs.append(("Days to go", f"{pace.days_to_go:,}"))
        if pace.needed_a_day is not None:
            pairs.append(("Needed a day", money.format_whole_dollars(pace.needed_a_day)))
        pairs += [
            (f"Last {days} days, a day", money.format_whole_dollars(amount))
            for days, amount in ((RECENT_DAYS, pace.recent), (LONGER_DAYS, pace.longer))
        ]
    return pairs


def _build_pairs(pairs: Pairs) -> str:
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="pairs">{items}</dl>' if pairs else ""


def _build_outlook(report: SalesReport) -> str:
    sentence, is_good = format_outlook(report)
    return f'<p class="note{" good" if is_good else ""}">{escape(sentence)}</p>' if sentence else ""


def format_outlook(report: SalesReport) -> tuple[str, bool]:
    """Return what the pace of the last 28 days comes to, "" without a goal, and whether that reaches it."""
    pace, goal = report.whole.pace, report.event.revenue_goal
    if goal is None:
        return "", False
    if not pace.to_go:
        return "The goal is reached.", True
    if pace.days_to_go < 0:
        return f"{money.format_whole_dollars(pace.to_go)} short of the goal.", False
    if pace.reached_on is None or pace.at_event is None:
        return "Nothing was sold in the last 28 days.", False
    if pace.reached_on <= report.event_day:
        return f"At this pace the goal is reached on {_format_day(pace.reached_on, report.today)}.", True
    short = money.format_whole_dollars(goal - pace.at_event)
    at_event = money.format_whole_dollars(pace.at_event)
    return f"At this pace revenue is {at_event} at the event, {short} short of the goal.", False


def _format_day(day: date, today: date) -> str:
    return text.format_date(day, has_year=day.year != today.year)


def _build_forecast(forecast: Forecast) -> str:
    pairs = [*_list_projection("Forecast", forecast.revenue, is_money=True)]
    pairs += _list_projection("Seats", forecast.seats, is_money=False)
    return _build_pairs(pairs) + "".join(f'<p class="hint">{escape(each)}</p>' for each in describe(forecast))


def _list_projection(name: str, projection: Projection | None, *, is_money: bool) -> list[tuple[str, str]]:
    if projection is None:
        return []
    pairs = [(name, _format_figure(projection.middle, is_money=is_money))]
    if projection.low is not None and projection.high is not None:
        low, high = (_format_figure(each, is_money=is_money) for each in (projection.low, projection.high))
        pairs.append(("8 in 10 end between", f"{low} and {high}"))
    return pairs


def _format_figure(figure: float, *, is_money: bool) -> str:
    return money.format_whole_dollars(Decimal(round(figure))) if is_money else f"{figure:,.0f}"


def describe(forecast: Forecast) -> list[str]:
    """Return what a forecast was learned from, and how far to trust it."""
    count, revenue = len(forecast.names), forecast.revenue
    if revenue is None:
        return [f"Too early to say by {text.format_count(count, 'earlier event')}."]
    if revenue.low is None or revenue.high is None:
        sentences = [f"As in {' and '.join(forecast.names)}. Choose 3 or more events for a range."]
    else:
        sentences = [f"From {count} earlier events."]
        if revenue.high > 2 * revenue.low:
            sentences[0] += " They differ too much for a narrower range."
    if forecast.sponsorships:
        sold = money.format_whole_dollars(forecast.sponsorships)
        sentences.append(f"Sponsorships are counted as sold so far, {sold}.")
    return sentences

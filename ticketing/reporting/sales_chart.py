"""The data of the sales chart, for both of its drawers: the interactive one of the page, and the SVG of files.

Amounts are USD of completed purchases, days those of the event's time zone.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import Literal, get_args

from ticketing import money
from ticketing.reporting import periods
from ticketing.reporting.figures import SalesFigures
from ticketing.reporting.projection import Projection
from ticketing.reporting.timeline import DaySales, GroupBy, Timeline
from ticketing.sales_filter import SalesFilter

ChartKind = Literal["total", "daily", "packages", "channels"]
KINDS: tuple[ChartKind, ...] = get_args(ChartKind)
MAX_SERIES = 7
GROUPS: dict[ChartKind, GroupBy] = {"packages": "package", "channels": "channel"}
GroupKey = uuid.UUID | str


@dataclass(frozen=True)
class Series:
    """One color of a stacked chart: a package or a channel, or None for all others; an amount for each period."""

    key: GroupKey | None
    amounts: tuple[Decimal, ...]

    @property
    def total(self) -> Decimal:
        return sum(self.amounts, money.ZERO)


@dataclass(frozen=True)
class SalesChart:
    """A chart of `kind` by periods of 1, 7 or 28 days, without gaps; `starts` are their first days.

    A "total" chart has one series: the revenue since the first sale by the end of each period, with `revenue_before`
    the first period in it. The others have the revenue of each period, in one series, or in one for each package or
    channel, the largest first and the rest last. `last_day` is the last day that is drawn. `goal`, and the `forecast`
    for `event_day`, are those of a "total" chart.
    """

    kind: ChartKind
    period: int
    starts: tuple[date, ...]
    last_day: date
    event_day: date
    series: tuple[Series, ...]
    revenue_before: Decimal = money.ZERO
    goal: Decimal | None = None
    forecast: Projection | None = None

    @cached_property
    def totals(self) -> tuple[Decimal, ...]:
        """The sum of all series in each period."""
        return tuple(sum(amounts, money.ZERO) for amounts in zip(*(each.amounts for each in self.series), strict=True))

    def get_last_day(self, start: date) -> date:
        """Return the last day of the period that begins on `start`."""
        return min(start + timedelta(days=self.period - 1), self.last_day)


@dataclass(frozen=True)
class Span:
    """The days that a chart shows, both included."""

    first: date
    last: date

    @property
    def period(self) -> int:
        return periods.choose_period((self.last - self.first).days + 1)


def find_span(timeline: Timeline, sales_filter: SalesFilter, event_day: date, today: date) -> Span | None:
    """Return the days to show: those of the filter, else from the first sale to today; None when nothing was sold.

    A chart ends with the day of the event, or with the last sale when that is later.
    """
    days, first_day = timeline.days, sales_filter.first_day
    if not days and not (first_day and timeline.revenue_before):
        return None
    until = max(min(today, event_day), *(day.day for day in days[-1:]), *([first_day] if first_day else []))
    return Span(first_day or days[0].day, min(sales_filter.last_day or until, until))


def choose_largest(sales: SalesFigures, kind: ChartKind) -> tuple[GroupKey, ...]:
    """Return the packages or channels of a stacked chart that get a series of their own, the largest first."""
    lines: list[tuple[Decimal, GroupKey]] = (
        [(line.revenue, line.package_id) for line in sales.by_package]
        if kind == "packages"
        else [(line.paid.total, line.channel) for line in sales.by_channel]
    )
    largest = sorted((line for line in lines if line[0]), key=lambda line: -line[0])
    return tuple(key for _, key in largest[:MAX_SERIES])


def build_total(
    timeline: Timeline,
    span: Span,
    event_day: date,
    goal: Decimal | None = None,
    forecast: Projection | None = None,
) -> SalesChart:
    """Return the chart of the revenue since the first sale."""
    starts = periods.list_starts(span.first, span.last, span.period)
    totals = list(accumulate(_sum_by_period(timeline.days, starts, span), initial=timeline.revenue_before))[1:]
    series = (Series(None, tuple(totals)),)
    return SalesChart(
        "total", span.period, tuple(starts), span.last, event_day, series, timeline.revenue_before, goal, forecast
    )


def build_daily(timeline: Timeline, span: Span, event_day: date) -> SalesChart:
    """Return the chart of the revenue of each period."""
    starts = periods.list_starts(span.first, span.last, span.period)
    series = (Series(None, tuple(_sum_by_period(timeline.days, starts, span))),)
    return SalesChart("daily", span.period, tuple(starts), span.last, event_day, series)


def build_stacked(
    kind: ChartKind,
    largest: Sequence[GroupKey],
    stacks: Mapping[GroupKey | None, Mapping[date, Decimal]],
    span: Span,
    event_day: date,
) -> SalesChart:
    """Return the chart of the revenue of each period by `largest`, and by all others (None) if they have any."""
    starts = periods.list_starts(span.first, span.last, span.period)
    # Without revenue there is one series of nothing.
    keys = [*largest, *([None] if any(stacks.get(None, {}).values()) or not largest else [])]
    series = tuple(Series(key, tuple(stacks.get(key, {}).get(start, money.ZERO) for start in starts)) for key in keys)
    return SalesChart(kind, span.period, tuple(starts), span.last, event_day, series)


def _sum_by_period(days: Sequence[DaySales], starts: Sequence[date], span: Span) -> list[Decimal]:
    sums = dict.fromkeys(starts, money.ZERO)
    for line in days:
        sums[periods.find_start(line.day, span.period)] += line.revenue
    return list(sums.values())

"""The frame of the sales chart: which days and amounts it spans, and their ticks, for both drawers of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

from ticketing.reporting.sales_chart import SalesChart

MIN_DAYS = 14  # so that the bar of a single day is not as wide as the chart
_MAX_AMOUNT_TICKS, _MAX_DAY_TICKS = 5, 6
_DAY_STEPS = (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 1820, 3640, 7280)


@dataclass(frozen=True)
class Frame:
    """What a chart spans: its first and last day, and USD from 0 to `highest`, which leaves room above the marks."""

    first: date
    last: date
    highest: float

    def list_day_ticks(self, most: int = _MAX_DAY_TICKS) -> list[date]:
        """Return some days at regular steps, the last one among them."""
        span = (self.last - self.first).days
        step = find_day_step(span, most)
        return [self.last - timedelta(days=number) for number in range(span - span % step, -1, -step)]

    def list_amount_ticks(self) -> list[float]:
        """Return round amounts from 0 on, at most six."""
        return find_amount_ticks(self.highest)

    @property
    def spans_years(self) -> bool:
        """Whether a tick is a month of a year rather than a day."""
        return (self.last - self.first).days > 400


def build_frame(chart: SalesChart) -> Frame:
    """Return the frame of a chart; a forecast needs the days to the event, too."""
    last = max(chart.last_day, chart.event_day) if chart.forecast else chart.last_day
    highest = [float(max(chart.totals)), float(chart.goal or 0)]
    if chart.forecast:
        highest.append(chart.forecast.high or chart.forecast.middle)
    return Frame(min(chart.starts[0], last - timedelta(days=MIN_DAYS - 1)), last, max(highest) * 1.06 or 1.0)


def find_day_step(span: int, most: int) -> int:
    """Return a number of days of which at most `most` ticks fit into a span."""
    return next((each for each in _DAY_STEPS if span // each < most), _DAY_STEPS[-1])


def find_amount_ticks(highest: float, most: int = _MAX_AMOUNT_TICKS) -> list[float]:
    """Return 0 and round amounts up to `highest`, at most `most` of them: steps of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(highest / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if highest / (power * factor) <= most + 1e-9)
    return [step * number for number in range(int(highest / step + 1e-9) + 1)]


def format_amount_tick(amount: float) -> str:
    """Return "$200", "$5k", "$1.5M"."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"${amount / size:,.10g}{suffix}"
    return f"${amount:,.10g}"


def format_short_dollars(amount: float) -> str:
    """Return "$279k", "$1.26M" or "$950": a forecast, with three digits that count."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"${float(f'{amount / size:.3g}'):,.10g}{suffix}"
    return f"${amount:,.0f}"

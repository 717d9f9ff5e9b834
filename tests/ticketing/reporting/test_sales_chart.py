"""Data of the sales chart: which days it shows, by which periods, and its series."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ticketing.reporting import sales_chart
from ticketing.reporting.chart_frame import build_frame, find_amount_ticks, format_amount_tick, format_short_dollars
from ticketing.reporting.figures import ChannelSales
from ticketing.reporting.projection import Projection
from ticketing.reporting.sales_chart import SalesChart, Series, Span
from ticketing.reporting.status_totals import NOTHING, StatusTotals
from ticketing.reporting.timeline import DaySales, Timeline
from ticketing.sales_filter import SalesFilter

FIRST = date(2026, 10, 5)  # a Monday
EVENT_DAY = date(2026, 12, 12)
TODAY = date(2026, 11, 29)


def make_timeline(*sales, before=0):
    """Return a timeline of sales that are (days after FIRST, USD)."""
    total, days = Decimal(before), []
    for number, amount in sales:
        total += Decimal(amount)
        days.append(DaySales(FIRST + timedelta(days=number), 1, Decimal(amount), total, Decimal(0)))
    return Timeline(Decimal(before), tuple(days))


class TestSpan:
    def find(self, timeline, today=TODAY, **days):
        return sales_chart.find_span(timeline, SalesFilter(**days), EVENT_DAY, today)

    def test_goes_from_first_sale_to_today(self):
        assert self.find(make_timeline((0, 100), (3, 100))) == Span(FIRST, TODAY)

    def test_ends_with_the_event_or_a_later_sale(self):
        after = EVENT_DAY + timedelta(days=30)
        assert self.find(make_timeline((0, 100)), after) == Span(FIRST, EVENT_DAY)
        late = make_timeline((0, 100), ((EVENT_DAY - FIRST).days + 2, 100))
        assert self.find(late, after).last == EVENT_DAY + timedelta(days=2)

    def test_days_of_the_filter_come_first(self):
        timeline = make_timeline((10, 100))
        chosen = {"first_day": FIRST, "last_day": FIRST + timedelta(days=20)}
        assert self.find(timeline, **chosen) == Span(FIRST, FIRST + timedelta(days=20))
        future = {"first_day": FIRST, "last_day": EVENT_DAY}
        assert self.find(timeline, **future).last == TODAY

    def test_days_without_sales_show_what_was_before_them(self):
        days = {"first_day": TODAY - timedelta(days=6), "last_day": TODAY}
        assert self.find(make_timeline(before=500), **days) == Span(TODAY - timedelta(days=6), TODAY)
        assert self.find(make_timeline(), **days) is None
        assert self.find(make_timeline()) is None

    @pytest.mark.parametrize(("days", "period"), [(1, 1), (120, 1), (121, 7), (400, 7), (401, 28)])
    def test_period_grows_with_the_days(self, days, period):
        assert Span(FIRST, FIRST + timedelta(days=days - 1)).period == period


class TestTotal:
    def test_adds_up_without_gaps(self):
        chart = sales_chart.build_total(
            make_timeline((0, 100), (2, 50)), Span(FIRST, FIRST + timedelta(days=3)), EVENT_DAY, Decimal(1000)
        )
        assert chart.totals == (100, 100, 150, 150)
        assert chart.starts == tuple(FIRST + timedelta(days=number) for number in range(4))
        assert (chart.goal, chart.forecast, chart.period) == (1000, None, 1)

    def test_has_revenue_before_its_first_day(self):
        chart = sales_chart.build_total(
            make_timeline((1, 50), before=500), Span(FIRST, FIRST + timedelta(days=1)), EVENT_DAY
        )
        assert (chart.revenue_before, chart.totals) == (500, (500, 550))

    def test_weeks_begin_on_monday_and_the_last_one_ends_today(self):
        span = Span(FIRST + timedelta(days=2), FIRST + timedelta(days=150))
        chart = sales_chart.build_total(make_timeline((2, 100), (6, 100), (7, 50)), span, EVENT_DAY)
        assert chart.starts[:2] == (FIRST, FIRST + timedelta(days=7))
        assert chart.totals[:3] == (200, 250, 250)
        assert chart.get_last_day(chart.starts[0]) == FIRST + timedelta(days=6)
        assert chart.get_last_day(chart.starts[-1]) == span.last

    def test_five_years_are_few_points(self):
        chart = sales_chart.build_daily(
            make_timeline((0, 100), (1825, 100)), Span(FIRST, FIRST + timedelta(days=1825)), EVENT_DAY
        )
        assert (chart.period, len(chart.starts)) == (28, 66)
        assert sum(chart.totals) == 200


def test_daily_chart_has_the_revenue_of_each_day():
    chart = sales_chart.build_daily(
        make_timeline((0, 100), (2, 50), before=500), Span(FIRST, FIRST + timedelta(days=2)), EVENT_DAY
    )
    assert chart.totals == (100, 0, 50)


class TestStacked:
    def test_series_are_the_largest_and_the_rest(self):
        stacks = {
            "cash": {FIRST: Decimal(5)},
            None: {FIRST + timedelta(days=1): Decimal(2)},
            "online": {FIRST: Decimal(9)},
        }
        chart = sales_chart.build_stacked(
            "channels", ["online", "cash"], stacks, Span(FIRST, FIRST + timedelta(days=1)), EVENT_DAY
        )
        assert chart.series == (Series("online", (9, 0)), Series("cash", (5, 0)), Series(None, (0, 2)))
        assert chart.totals == (14, 2)
        assert [each.total for each in chart.series] == [9, 5, 2]

    def test_without_others_there_is_no_rest(self):
        chart = sales_chart.build_stacked(
            "channels", ["cash"], {"cash": {FIRST: Decimal(5)}}, Span(FIRST, FIRST), EVENT_DAY
        )
        assert [each.key for each in chart.series] == ["cash"]

    def test_at_most_seven_have_a_series_of_their_own(self):
        class Figures:
            by_channel = tuple(
                ChannelSales(str(number), StatusTotals(total=Decimal(number)), NOTHING) for number in range(9)
            )

        assert sales_chart.choose_largest(Figures, "channels") == ("8", "7", "6", "5", "4", "3", "2")


class TestFrame:
    def frame(self, *totals, period=1, **fields):
        starts = tuple(FIRST + timedelta(days=period * number) for number in range(len(totals)))
        chart = SalesChart(
            "total", period, starts, starts[-1], EVENT_DAY, (Series(None, tuple(map(Decimal, totals))),), **fields
        )
        return build_frame(chart)

    def test_one_day_has_two_weeks_of_room(self):
        assert (self.frame("100").first, self.frame("100").last) == (FIRST - timedelta(days=13), FIRST)

    def test_goal_and_forecast_are_in_sight(self):
        assert self.frame("100", goal=Decimal(1000)).highest == pytest.approx(1060)
        frame = self.frame("100", goal=Decimal(1000), forecast=Projection(1500, 1200, 2000))
        assert (frame.highest, frame.last) == (pytest.approx(2120), EVENT_DAY)
        assert self.frame("100", forecast=Projection(1500)).highest == pytest.approx(1590)

    def test_nothing_paid_still_has_a_frame(self):
        assert self.frame("0").highest == 1
        assert find_amount_ticks(1) == [0, 0.2, 0.4, pytest.approx(0.6), 0.8, 1]

    @pytest.mark.parametrize("days", [1, 14, 56, 120, 400, 1826, 36_500])
    def test_there_are_few_ticks_and_the_last_day_has_one(self, days):
        frame = self.frame(*["1"] * (days if days < 2000 else days // 28), period=1 if days < 2000 else 28)
        ticks = frame.list_day_ticks()
        assert 2 <= len(ticks) <= 6
        assert ticks[-1] == frame.last
        assert ticks[0] >= frame.first

    @pytest.mark.parametrize(
        ("highest", "ticks"),
        [
            (10, [0, 2, 4, 6, 8, 10]),
            (328_600, [0, 100_000, 200_000, 300_000]),
            (5300, [0, 2000, 4000]),
            (1060, [0, 500, 1000]),
        ],
    )
    def test_amounts_are_round(self, highest, ticks):
        assert find_amount_ticks(highest) == ticks


@pytest.mark.parametrize(
    ("amount", "label"), [(0, "$0"), (0.2, "$0.2"), (999, "$999"), (1000, "$1k"), (2500, "$2.5k"), (1_500_000, "$1.5M")]
)
def test_amounts_of_an_axis_are_short(amount, label):
    assert format_amount_tick(amount) == label


@pytest.mark.parametrize(
    ("amount", "label"),
    [(950.4, "$950"), (1234, "$1.23k"), (278_912, "$279k"), (1_255_000, "$1.25M"), (999_999, "$1,000k")],
)
def test_forecasts_have_three_digits(amount, label):
    assert format_short_dollars(amount) == label

"""Sales charts, checked by the data they send to the browser."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from ticketing.reporting.figures import DaySales
from ui.widgets import charts

FIRST = date(2026, 10, 30)


def make_days(*revenues):
    sums = [sum(map(Decimal, revenues[: n + 1])) for n in range(len(revenues))]
    return [DaySales(FIRST + timedelta(days=n), Decimal(revenue), sums[n], 1) for n, revenue in enumerate(revenues)]


def get_layer(chart, mark):
    """Return the layer with this mark, and its rows."""
    spec = chart.to_dict()
    (layer,) = [layer for layer in spec["layer"] if layer["mark"]["type"] == mark and layer["mark"].get("opacity") != 0]
    return layer, spec["datasets"][layer.get("data", spec.get("data"))["name"]]


def build_chart(*revenues, goal=None, quiet_days=0):
    rows = make_days(*revenues)
    return charts.build_cumulative_revenue_chart(rows, goal, rows[-1].day + timedelta(days=quiet_days))


def get_axis_maximum(chart, mark="line"):
    layer, _ = get_layer(chart, mark)
    return layer["encoding"]["y"]["scale"]["domain"][1]


class TestTotalRevenue:
    def test_has_one_point_per_day_since_first_sale(self):
        _, rows = get_layer(build_chart("100.00", "0.00", "50.50"), "line")
        assert [row["cumulative"] for row in rows] == [100, 100, 150.5]
        assert [row["name"] for row in rows] == ["Fri 30 Oct 2026", "Sat 31 Oct 2026", "Sun 1 Nov 2026"]
        assert [row["so_far"] for row in rows] == ["$100.00", "$100.00", "$150.50"]

    def test_stays_level_on_days_without_sales(self):
        _, rows = get_layer(build_chart("100.00", quiet_days=2), "line")
        assert [(row["cumulative"], row["packages"]) for row in rows] == [(100, 1), (100, 0), (100, 0)]

    def test_goal_is_labeled_line_below_axis_maximum(self):
        chart = build_chart("100.00", goal=Decimal("750000.00"))
        _, rows = get_layer(chart, "text")
        assert rows == [{"goal": 750000, "label": "Goal $750,000"}]
        assert get_axis_maximum(chart) > 750000

    def test_exceeded_goal_leaves_room_above_revenue(self):
        assert get_axis_maximum(build_chart("900.00", goal=Decimal("100.00"))) > 900

    def test_without_goal_has_no_goal_line(self):
        assert {layer["mark"]["type"] for layer in build_chart("1.00").to_dict()["layer"]} == {
            "area",
            "line",
            "point",
            "rule",
        }
        assert "goal" not in str(build_chart("1.00").to_dict())

    def test_zero_revenue_has_axis_maximum_of_one_dollar(self):
        assert get_axis_maximum(build_chart("0.00")) == 1


class TestDailyRevenue:
    def test_has_one_bar_per_day_including_days_without_sales(self):
        rows = make_days("100.00", "0.00", "50.50")
        layer, bars = get_layer(charts.build_daily_revenue_chart(rows, rows[-1].day + timedelta(days=1)), "bar")
        assert [bar["revenue"] for bar in bars] == [100, 0, 50.5, 0]
        assert all(bar["from"] < bar["day"] < bar["to"] for bar in bars)
        assert layer["encoding"]["y2"] == {"datum": 0}

    def test_single_day_has_narrow_bar(self):
        layer, (bar,) = get_layer(charts.build_daily_revenue_chart(make_days("100.00"), FIRST), "bar")
        first, last = layer["encoding"]["x"]["scale"]["domain"]
        assert last - first > 14 * (bar["to"] - bar["from"])


@pytest.mark.parametrize(
    ("number", "step"), [(6, 1), (7, 2), (13, 7), (42, 7), (43, 14), (84, 14), (300, 56), (400, 91)]
)
def test_day_axis_has_regular_ticks_and_at_most_six(number, step):
    axis = charts.build_day_axis(0, number - 1, "", charts.get_colors(), anchor_day=number - 1).to_dict()["axis"]
    marks = sorted(axis["values"])
    assert marks[-1] == number - 1
    assert len(marks) <= 6
    assert {later - sooner for sooner, later in pairwise(marks)} == {step}


class TestRender:
    def test_chart_is_built_once_for_equal_figures(self):
        built_for = []

        def build(*figures):
            built_for.append(figures)
            return charts.build_daily_revenue_chart(*figures)

        today, tomorrow = tuple(make_days("100.00")), tuple(make_days("100.00", "50.00"))
        for figures in (today, tuple(make_days("100.00")), tomorrow, today):
            charts.render(build, figures, FIRST, description="Revenue of each day")

        assert built_for == [(today, FIRST), (tomorrow, FIRST)]

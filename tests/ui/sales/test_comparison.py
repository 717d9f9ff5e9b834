"""Comparison with an earlier event: the sentence and the data of the two charts."""

from decimal import Decimal

import pytest

from ticketing.reporting.comparison import ComparedDay, Comparison
from ui.sales import comparison as comparison_panel


def make_comparison(revenue, seats, *, days_before=13, earlier=("10000.00", 100)):
    earlier_revenue, earlier_seats = earlier
    today = ComparedDay(
        days_before, Decimal(revenue), seats, earlier_revenue and Decimal(earlier_revenue), earlier_seats
    )
    return Comparison(days=(today,), today=today)


@pytest.mark.parametrize(
    ("revenue", "seats", "sentence"),
    [
        ("22300.00", 114, "Ahead of Spring Gala by $12,300 and 14 seats, 13 days before the event."),
        ("9000.00", 99, "Behind Spring Gala by $1,000 and 1 seat, 13 days before the event."),
        ("12000.00", 60, "Ahead of Spring Gala by $2,000, but behind by 40 seats, 13 days before the event."),
        ("9999.00", 101, "Behind Spring Gala by $1, but ahead by 1 seat, 13 days before the event."),
        ("10000.00", 101, "Ahead of Spring Gala by 1 seat and level on revenue, 13 days before the event."),
        ("9000.00", 100, "Behind Spring Gala by $1,000 and level on seats, 13 days before the event."),
        ("10000.00", 100, "Level with Spring Gala, 13 days before the event."),
    ],
)
def test_sentence_names_both_differences_and_day(revenue, seats, sentence):
    assert comparison_panel.format_comparison(make_comparison(revenue, seats), "Spring Gala") == sentence


@pytest.mark.parametrize(
    ("days_before", "when"),
    [(2, "2 days before"), (1, "1 day before"), (0, "on the day of"), (-1, "1 day after"), (-2, "2 days after")],
)
def test_sentence_names_day_relative_to_event(days_before, when):
    comparison = make_comparison("10001.00", 101, days_before=days_before)
    assert comparison_panel.format_comparison(comparison, "Spring Gala") == (
        f"Ahead of Spring Gala by $1 and 1 seat, {when} the event."
    )


def test_event_more_days_away_cannot_be_compared_yet():
    comparison = make_comparison("10000.00", 100, earlier=(None, None))
    assert comparison_panel.format_comparison(comparison, "Next Gala") == (
        "Next Gala is more days away than this event, so the two cannot be compared yet."
    )


class TestPanels:
    @pytest.fixture
    def panels(self):
        days = [
            ComparedDay(2, Decimal("10.00"), 1, Decimal("20.00"), 2),
            ComparedDay(1, Decimal("30.00"), 3, Decimal("20.00"), 2),
            ComparedDay(0, None, None, Decimal("50.00"), 5),
        ]
        comparison = Comparison(tuple(days), days[1])
        return [
            comparison_panel.build_chart(comparison, "Spring Gala", measure).to_dict()
            for measure in ("revenue", "seats")
        ]

    def lines(self, panel):
        drawn = {(row["event"], row["day"]): row["amount"] for row in get_layer_rows(panel, panel["layer"][0])}
        return [[drawn.get((name, day)) for day in (-2, -1, 0)] for name in ("This event", "Spring Gala")]

    def test_have_one_point_per_past_day_and_event(self, panels):
        revenue, seats = panels
        assert self.lines(revenue) == [[10, 30, None], [20, 20, 50]]
        assert self.lines(seats) == [[1, 3, None], [2, 2, 5]]

    def test_share_day_axis_and_left_edge(self, panels):
        x = [panel["layer"][0]["encoding"]["x"] for panel in panels]
        assert x[0]["scale"] == x[1]["scale"]
        y = [panel["layer"][0]["encoding"]["y"]["axis"] for panel in panels]
        assert y[0]["minExtent"] == y[1]["minExtent"]

    def test_distinguish_events_without_color(self, panels):
        for panel in panels:
            dashes = panel["layer"][0]["encoding"]["strokeDash"]["scale"]
            assert dashes["domain"] == ["This event", "Spring Gala"]
            assert dashes["range"][0] != dashes["range"][1]

    def test_mark_today(self, panels):
        for panel in panels:
            (rule,) = [layer for layer in panel["layer"] if get_layer_rows(panel, layer)[0].get("label") == "today"][:1]
            assert get_layer_rows(panel, rule) == [{"day": -1, "label": "today"}]


def get_layer_rows(panel, layer):
    return panel["datasets"][layer["data"]["name"]]

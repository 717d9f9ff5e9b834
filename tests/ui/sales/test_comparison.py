"""An event against an earlier one: the sentence, and what the two charts draw."""

from decimal import Decimal

import pytest

from ticketing.reporting.comparison import ComparedDay, Comparison
from ui.sales import comparison as comparing


def make_comparison(revenue, seats, *, days_before=13, earlier=("10000.00", 100)):
    dollars, places = earlier
    today = ComparedDay(days_before, Decimal(revenue), seats, None if dollars is None else Decimal(dollars), places)
    return Comparison(days=(today,), today=today)


@pytest.mark.parametrize(
    ("revenue", "seats", "told"),
    [
        ("22300.00", 114, "Ahead of Spring Gala by $12,300 and 14 seats at 13 days before."),
        ("9000.00", 99, "Behind Spring Gala by $1,000 and 1 seat at 13 days before."),
        ("12000.00", 60, "Ahead of Spring Gala by $2,000, but behind by 40 seats, at 13 days before."),
        ("9999.00", 101, "Behind Spring Gala by $1, but ahead by 1 seat, at 13 days before."),
        ("10000.00", 101, "Ahead of Spring Gala by 1 seat and level on revenue at 13 days before."),
        ("9000.00", 100, "Behind Spring Gala by $1,000 and level on seats at 13 days before."),
        ("10000.00", 100, "Level with Spring Gala at 13 days before."),
    ],
)
def test_the_sentence_tells_both_differences_and_when(revenue, seats, told):
    assert comparing.format_comparison(make_comparison(revenue, seats), "Spring Gala") == told


@pytest.mark.parametrize(
    ("days_before", "told"),
    [(2, "at 2 days before"), (1, "at 1 day before"), (0, "on the day"), (-1, "1 day after"), (-2, "2 days after")],
)
def test_the_day_is_told_as_people_say_it(days_before, told):
    comparison = make_comparison("10001.00", 101, days_before=days_before)
    assert comparing.format_comparison(comparison, "Spring Gala") == f"Ahead of Spring Gala by $1 and 1 seat {told}."


def test_an_event_that_is_further_from_its_day_cannot_be_compared_yet():
    comparison = make_comparison("10000.00", 100, earlier=(None, None))
    assert comparing.format_comparison(comparison, "Next Gala") == (
        "Next Gala is further from its day than this event, so the two cannot be compared yet."
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
        return [comparing.build_chart(comparison, "Spring Gala", measure).to_dict() for measure in ("revenue", "seats")]

    def lines(self, panel):
        drawn = {(row["event"], row["day"]): row["amount"] for row in get_layer_rows(panel, panel["layer"][0])}
        return [[drawn.get((name, day)) for day in (-2, -1, 0)] for name in ("This event", "Spring Gala")]

    def test_hold_a_point_for_each_day_and_event_and_none_that_has_not_come(self, panels):
        revenue, seats = panels
        assert self.lines(revenue) == [[10, 30, None], [20, 20, 50]]
        assert self.lines(seats) == [[1, 3, None], [2, 2, 5]]

    def test_share_their_days_and_their_left_edge(self, panels):
        x = [panel["layer"][0]["encoding"]["x"] for panel in panels]
        assert x[0]["scale"] == x[1]["scale"]
        y = [panel["layer"][0]["encoding"]["y"]["axis"] for panel in panels]
        assert y[0]["minExtent"] == y[1]["minExtent"]

    def test_tell_the_events_apart_without_colour(self, panels):
        for panel in panels:
            dashes = panel["layer"][0]["encoding"]["strokeDash"]["scale"]
            assert dashes["domain"] == ["This event", "Spring Gala"]
            assert dashes["range"][0] != dashes["range"][1]

    def test_mark_the_day_that_the_sentence_is_about(self, panels):
        for panel in panels:
            (rule,) = [layer for layer in panel["layer"] if get_layer_rows(panel, layer)[0].get("label") == "today"][:1]
            assert get_layer_rows(panel, rule) == [{"day": -1, "label": "today"}]


def get_layer_rows(panel, layer):
    return panel["datasets"][layer["data"]["name"]]

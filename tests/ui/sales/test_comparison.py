"""Comparison with an earlier event: the sentence and the data of the two charts."""

from decimal import Decimal

import pyarrow as pa
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


class TestDatasets:
    @pytest.fixture
    def comparison(self):
        days = [
            ComparedDay(2, Decimal("10.00"), 1, Decimal("20.00"), 2),
            ComparedDay(1, Decimal("30.00"), 3, Decimal("20.00"), 2),
            ComparedDay(0, None, None, Decimal("50.00"), 5),
        ]
        return Comparison(tuple(days), days[1])

    @pytest.mark.parametrize(
        ("measure", "line", "earlier"),
        [("revenue", [10, 30], [20, 20, 50]), ("seats", [1, 3], [2, 2, 5])],
    )
    def test_have_one_point_per_past_day_and_event(self, comparison, measure, line, earlier):
        rows = decode(comparison_panel.build_datasets(comparison, "Spring Gala", measure))
        assert [row["y"] for row in rows["line"]] == line
        assert [row["y"] for row in rows["earlier"]] == earlier
        assert [row["x"] for row in rows["earlier"]] == [-2, -1, 0]

    def test_words_name_both_figures_and_the_day(self, comparison):
        rows = decode(comparison_panel.build_datasets(comparison, "Spring Gala", "revenue"))
        assert rows["headline"] == [{"value": "Revenue $30.00", "when": "1 day before · Spring Gala $20.00"}]
        assert rows["points"][2]["value"] == "Revenue –"
        assert rows["days"][-1]["label"] == "event day"


def decode(datasets):
    """Return the rows of each dataset of a chart."""
    return {name: pa.ipc.open_stream(data).read_all().to_pylist() for name, data in datasets.items()}

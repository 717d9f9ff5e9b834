"""The sales chart as SVG: marks, ticks, names, and its size."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.reporting import sales_report, sales_svg
from ticketing.reporting.projection import Projection
from ticketing.reporting.sales_chart import SalesChart, Series
from ticketing.reporting.sales_report import ReportQuery
from ticketing.reporting.sales_svg import Caption

FIRST = date(2026, 10, 5)
SVG = "{http://www.w3.org/2000/svg}"


def make_chart(kind, *series, period=1, **fields):
    """Return a chart of series that are (name, amounts)."""
    starts = tuple(FIRST + timedelta(days=period * number) for number in range(len(series[0][1])))
    drawn = tuple(Series(name, tuple(map(Decimal, amounts))) for name, amounts in series)
    event_day = FIRST + timedelta(days=68)
    return SalesChart(kind, period, starts, starts[-1], event_day, drawn, **fields)


def draw(chart, names=None, caption=None):
    """Return the parsed drawing."""
    return ElementTree.fromstring(sales_svg.draw(chart, names or {}, caption))  # noqa: S314 (our own markup)


def list_words(drawing):
    return ["".join(each.itertext()) for each in drawing.iter(f"{SVG}text")]


def test_bars_are_one_path_for_each_series():
    chart = make_chart("packages", ("a", [100, 0, 50]), (None, [0, 200, 50]))
    paths = [each for each in draw(chart, {"a": "Gold"}).iter(f"{SVG}path") if each.get("fill")]
    assert [path.get("d").count("M") for path in paths] == [2, 2]
    assert [path.get("fill") for path in paths] == [sales_svg.COLORS[0], sales_svg.OTHER_COLOR]


def test_stacked_bars_stand_on_each_other():
    chart = make_chart("packages", ("a", [100]), ("b", [50]))
    first, second = (each.get("d") for each in draw(chart, {"a": "A", "b": "B"}).iter(f"{SVG}path") if each.get("fill"))
    top_of_first = first.partition("V")[2].partition("H")[0]
    assert second.startswith("M")
    assert second.partition(" ")[2].partition("V")[0] == top_of_first


def test_legend_names_series_with_their_sums():
    chart = make_chart("packages", ("a", [100, 25]), (None, [0, 200]))
    words = list_words(draw(chart, {"a": "Table of Ten by the Sea"}))
    assert "Table of Ten by t… $125" in words
    assert "Other $200" in words


def test_total_has_goal_and_forecast_with_its_band():
    chart = make_chart("total", (None, [1000, 2000]), goal=Decimal(5000), forecast=Projection(4000, 3500, 4600))
    words = list_words(draw(chart))
    assert {"Goal $5,000", "$4k", "to $4.6k", "from $3.5k", "Dec 12"} <= set(words)


def test_forecast_without_band_is_a_line():
    words = list_words(draw(make_chart("total", (None, [1000]), forecast=Projection(4321))))
    assert "$4.32k" in words
    assert not any(each.startswith(("to ", "from ")) for each in words)


def test_caption_is_escaped():
    hostile = '<script>alert(1)</script> & "more"'
    drawing = draw(make_chart("daily", (None, [1])), caption=Caption("Daily revenue", hostile))
    assert list_words(drawing)[:2] == ["Daily revenue", hostile]
    assert not list(drawing.iter(f"{SVG}script"))


@pytest.mark.parametrize(
    ("kind", "period", "title"),
    [
        ("total", 7, "Total revenue"),
        ("daily", 1, "Daily revenue"),
        ("daily", 28, "Revenue of four weeks each"),
        ("packages", 7, "Weekly revenue by package"),
        ("channels", 1, "Daily revenue by channel"),
    ],
)
def test_title_says_what_is_drawn(kind, period, title):
    assert sales_svg.format_title(make_chart(kind, ("cash", [1]), period=period)) == title


@pytest.mark.parametrize("kind", ["total", "daily"])
def test_five_years_stay_small(kind):
    drawn = sales_svg.draw(make_chart(kind, (None, range(1, 67)), period=28), {}, None)
    assert len(drawn) < 6000


def test_file_of_a_report_has_event_days_and_moment():
    event = make.event(name="Harbor <Lights>", time_zone="America/New_York")
    make.purchase(event, make.package(event, price="100"), moment=datetime(2026, 10, 5, 3, tzinfo=UTC))
    with db.read_session() as session:
        report = sales_report.get_report(session, OPERATOR, event.id, ReportQuery())
    drawing = ElementTree.fromstring(sales_svg.draw_file(report, datetime(2026, 11, 29, 14, 42, tzinfo=UTC)))  # noqa: S314
    title, subtitle, *_ = list_words(drawing)
    assert title == "Total revenue"
    assert subtitle.startswith("Harbor <Lights> · Oct 4, 2026 to ")
    assert subtitle.endswith(" · as of Nov 29, 2026, 9:42 AM")


def test_file_of_an_event_without_sales_says_so():
    event = make.event()
    with db.read_session() as session:
        report = sales_report.get_report(session, OPERATOR, event.id, ReportQuery())
    assert list_words(ElementTree.fromstring(sales_svg.draw_file(report, datetime.now(UTC))))[0] == "No sales"  # noqa: S314

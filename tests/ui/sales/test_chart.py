"""The interactive chart: its specification is built once, and its data agrees with the drawing of files."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pyarrow as pa
import pytest

from ticketing.reporting import sales_svg
from ticketing.reporting.projection import Projection
from ticketing.reporting.sales_chart import SalesChart, Series
from ui.sales import chart, chart_spec

FIRST = date(2026, 10, 5)


def make_chart(kind, *series, period=1, **fields):
    """Return a chart of series that are (key, amounts)."""
    starts = tuple(FIRST + timedelta(days=period * number) for number in range(len(series[0][1])))
    drawn = tuple(Series(key, tuple(map(Decimal, amounts))) for key, amounts in series)
    return SalesChart(kind, period, starts, starts[-1], FIRST + timedelta(days=68), drawn, **fields)


def build_rows(drawn, names=None):
    """Return the rows of each dataset of a chart."""
    report = SimpleNamespace(chart=drawn, series_names=names or {})
    datasets = chart.build_datasets.__wrapped__(report, is_month_first=True)
    return {name: pa.ipc.open_stream(data).read_all().to_pylist() for name, data in datasets.items()}


@pytest.mark.parametrize("shape", ["total", "forecast", "daily", "stacked", "compared"])
def test_specification_is_built_once_and_has_no_data(shape):
    spec = chart_spec.get_spec(shape)
    assert chart_spec.get_spec(shape) is spec
    assert "datasets" not in spec
    assert all(set(layer["data"]) == {"name"} for layer in spec["layer"])


def test_every_dataset_of_a_specification_is_passed():
    stacked = make_chart("packages", ("a", [1]))
    for drawn in (
        make_chart("total", (None, [1]), goal=Decimal(5)),
        make_chart("total", (None, [1]), forecast=Projection(5, 4, 6)),
        make_chart("daily", (None, [1])),
        stacked,
    ):
        spec = chart_spec.get_spec(chart.choose_shape(drawn))
        named = {layer["data"]["name"] for layer in spec["layer"]}
        assert named <= set(build_rows(drawn, {"a": "A"}))


def test_words_above_the_chart():
    rows = build_rows(make_chart("total", (None, [100, 150]), revenue_before=Decimal(40)))
    assert rows["headline"] == [{"value": "$150", "when": "Oct 5 to Oct 6, 2026"}]
    assert [(row["value"], row["when"]) for row in rows["points"]] == [
        ("$100.00", "Mon, Oct 5, 2026 · +$60.00"),
        ("$150.00", "Tue, Oct 6, 2026 · +$50.00"),
    ]


def test_parts_stand_on_each_other_and_others_are_gray():
    rows = build_rows(make_chart("packages", ("a", [100, 0]), (None, [50, 25])), {"a": "Gold"})
    assert [(row["y"], row["y1"]) for row in rows["parts"]] == [(0, 100), (0, 0), (100, 150), (0, 25)]
    assert [(row["name"], row["value"], row["color"]) for row in rows["legend"]] == [
        ("Gold", "$100", 0),
        ("Other", "$75", chart_spec.OTHER),
    ]


@pytest.mark.parametrize("kind", ["total", "daily", "packages"])
def test_both_drawers_have_the_same_ticks_and_sums(kind):
    drawn = make_chart(kind, ("a", [1234, 5678, 0, 91]), goal=Decimal(9000) if kind == "total" else None)
    rows, svg = build_rows(drawn, {"a": "Gold"}), sales_svg.draw(drawn, {"a": "Gold"}, None)
    assert all(f">{row['label']}</text>" in svg for row in rows["amounts"])
    assert [row["y"] for row in rows["points"]] == [float(total) for total in drawn.totals]
    assert rows["days"][-1]["label"] in svg


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [(0.6, 2.4, (1, 2)), (-5, 99, (0, 3)), (1.1, 1.2, (1, 1)), (3, 3, (3, 3))],
)
def test_dragging_chooses_the_days_whose_middle_it_covers(first, last, days):
    begin = (FIRST - date(1970, 1, 1)).days
    found = chart.find_range(make_chart("daily", (None, [1, 1, 1, 1])), begin + first, begin + last)
    assert found == (FIRST + timedelta(days=days[0]), FIRST + timedelta(days=days[1]))

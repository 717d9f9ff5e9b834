"""The Vega-Lite specifications of the sales chart, one for each shape, built once.

They name their datasets, whose rows `ui/sales/chart.py` passes in each run. Figures of the day that is pointed at or
tapped stand above the plot, so that nothing is covered.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, Literal

import altair as alt

Shape = Literal["total", "forecast", "daily", "stacked", "compared"]
LABELS_PX = 54  # the amounts at the left
LEGEND_ROW_PX = 21
# Variables of sales.css, so that a chart follows the theme of the page without another specification.
_LINE, _EARLIER, _GOAL, _TEXT, _QUIET, _GRID, _GROUND = (
    f"var(--{name})" for name in ("line", "earlier", "goal", "text", "quiet", "grid", "card")
)
_PARTS = [f"var(--part-{number})" for number in range(8)]
OTHER = len(_PARTS) - 1  # the place of the color of all that have no color of their own
_MOUSE = "[event.pointerType !== 'touch']"
_COLUMNS = "(width < 420 ? 2 : width < 700 ? 3 : 4)"
_LEGEND_ROWS = f"ceil(length(data('legend')) / {_COLUMNS})"
_LEGEND_WIDTH = f"((width + {LABELS_PX}) / {_COLUMNS})"
_LEGEND_X = f"(datum.place % {_COLUMNS}) * {_LEGEND_WIDTH} - {LABELS_PX}"
_LEGEND_Y = f"(floor(datum.place / {_COLUMNS}) - {_LEGEND_ROWS}) * {LEGEND_ROW_PX} + 4"
_NOTHING_POINTED_AT = "!length(data('hover_store'))"
_build_lock = threading.Lock()


def get_spec(shape: Shape) -> dict[str, Any]:
    """Return the specification of a shape, without its datasets. It must not be changed."""
    with _build_lock:
        return _build_spec(shape)


@lru_cache
def _build_spec(shape: Shape) -> dict[str, Any]:
    spec: dict[str, Any] = _SpecBuilder(shape).build().to_dict(validate=False)
    return spec


def _expr(expression: str) -> Any:
    return alt.ExprRef(expression)


def _data(name: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(name=name))


class _SpecBuilder:
    """Builds the layers of one shape."""

    def __init__(self, shape: Shape) -> None:
        self._shape, self._is_total = shape, shape in ("total", "forecast")
        self._is_line = shape not in ("daily", "stacked")
        self._x = alt.X("x:Q", axis=None, scale=alt.Scale(zero=False, nice=False))
        self._y = alt.Y("y:Q", axis=None, scale=alt.Scale(zero=True, nice=False))
        self._hover = alt.selection_point(
            name="hover",
            nearest=True,
            on="pointermove, pointerdown",
            clear=f"pointerout{_MOUSE}",
            encodings=["x"],
            empty=False,
        )

    def build(self) -> alt.LayerChart:
        layers = [*self._build_frame(), *self._build_marks(), *self._build_goal(), *self._build_crosshair()]
        layers += [*self._build_headline(), *self._build_legend(), self._build_sensor()]
        chart: alt.LayerChart = (
            alt.layer(*layers)
            .properties(padding={"left": 4, "top": 4, "right": 4, "bottom": 4}, background="transparent")
            .configure_view(stroke=None)
            .configure_text(fontSize=12, color=_TEXT)
        )
        return chart

    def _build_frame(self) -> list[alt.Chart]:
        """Return grid lines and ticks; the first layer keeps the whole frame in sight whatever the data."""
        return [
            _data("frame").mark_point(opacity=0, tooltip=None).encode(x=self._x, y=self._y),
            _data("amounts").mark_rule(color=_GRID).encode(y=self._y),
            _data("amounts").mark_text(align="right", color=_QUIET).encode(x=alt.value(-8), y=self._y, text="label:N"),
            _data("days")
            .mark_text(align=_expr("datum.align"), color=_QUIET, baseline="top")
            .encode(x=self._x, y=alt.value(_expr("height + 9")), text="label:N"),
        ]

    def _build_marks(self) -> list[alt.Chart]:
        x2, y2 = alt.X2("x1:Q"), alt.Y2("y1:Q")
        if self._shape == "daily":
            bars = (
                _data("points")
                .mark_bar(color=_LINE)
                .encode(x=alt.X("x0:Q", axis=None), x2=x2, y=self._y, y2=alt.Y2Datum(0))
            )
            return [bars]
        if self._shape == "stacked":
            color = alt.Color(
                "color:O",
                scale=alt.Scale(domain=list(range(OTHER + 1)), range=_PARTS),
                legend=None,
            )
            return [_data("parts").mark_bar().encode(x=alt.X("x0:Q", axis=None), x2=x2, y=self._y, y2=y2, color=color)]
        base = _data("line").encode(x=self._x, y=self._y)
        layers = [base.mark_line(color=_LINE, strokeWidth=2, interpolate="step-after")]
        if self._shape == "compared":
            earlier: dict[str, Any] = {"color": _EARLIER, "strokeWidth": 2, "strokeDash": [5, 3]}
            others = _data("earlier").mark_line(interpolate="step-after", **earlier)
            return [others.encode(x=self._x, y=self._y), *layers]
        layers.insert(0, base.mark_area(color=_LINE, opacity=0.14, interpolate="step-after"))
        return layers + (self._build_outlook() if self._shape == "forecast" else [])

    def _build_outlook(self) -> list[alt.Chart]:
        """Return the forecast: a band that widens from today's dot to the event, a dashed line, and its amounts."""
        outlook = _data("outlook")
        label = {"x": alt.value(_expr("width + 12"))}
        return [
            _data("wedge").mark_area(color=_LINE, opacity=0.16).encode(x=self._x, y=self._y, y2="y1:Q"),
            outlook.mark_rule(color=_LINE, strokeWidth=2, strokeDash=[5, 4]).encode(
                x=self._x, x2="x1:Q", y=self._y, y2="y1:Q"
            ),
            outlook.mark_point(color=_LINE, fill=_GROUND, opacity=1, size=70, strokeWidth=2).encode(
                x=alt.X("x1:Q", axis=None), y=alt.Y("y1:Q", axis=None)
            ),
            outlook.mark_text(align="left", fontWeight=600).encode(y=alt.Y("y1:Q", axis=None), text="label:N", **label),
            outlook.mark_text(align="left", dy=-16).encode(y=alt.Y("y1:Q", axis=None), text="high_label:N", **label),
            outlook.mark_text(align="left", dy=16).encode(y=alt.Y("y1:Q", axis=None), text="low_label:N", **label),
        ]

    def _build_goal(self) -> list[alt.Chart]:
        if not self._is_total:
            return []
        return [
            _data("goal").mark_rule(color=_GOAL, strokeDash=[5, 4], strokeWidth=1.5).encode(y=self._y),
            _data("goal")
            .mark_text(align="left", baseline="bottom", dx=4, dy=-3)
            .encode(x=alt.value(0), y=self._y, text="label:N"),
        ]

    def _build_crosshair(self) -> list[alt.Chart]:
        pointed = _data("points").transform_filter(self._hover)
        layers = [pointed.mark_rule(color=_QUIET, strokeWidth=1).encode(x=self._x)]
        if self._is_line:
            dot: dict[str, Any] = {"color": _LINE, "filled": True, "opacity": 1, "size": 70}
            layers += [data.mark_point(**dot).encode(x=self._x, y=self._y) for data in (_data("last"), pointed)]
        return layers

    def _build_headline(self) -> list[alt.Chart]:
        """Return the figure above the plot: of all days, or of the one that is pointed at."""
        rows = f" - {_LEGEND_ROWS} * {LEGEND_ROW_PX} - 6" if self._shape == "stacked" else ""
        layers = []
        for data in (
            _data("headline").transform_filter(_NOTHING_POINTED_AT),
            _data("points").transform_filter(self._hover),
        ):
            value = data.mark_text(align="left", fontSize=21, fontWeight=600, dx=-LABELS_PX)
            when = data.mark_text(align="left", fontSize=13, color=_QUIET, dx=-LABELS_PX)
            for field, text, y in (("value", value, -34), ("when", when, -13)):
                layers.append(text.encode(x=alt.value(0), y=alt.value(_expr(f"{y}{rows}")), text=f"{field}:N"))
        return layers

    def _build_legend(self) -> list[alt.Chart]:
        """Return a grid of the series above the plot, each with its amount: of all days, or of the day pointed at."""
        if self._shape != "stacked":
            return []
        y = {"y": alt.value(_expr(_LEGEND_Y))}
        color = alt.Color("color:O", legend=None)
        name = alt.value(_expr("truncate(datum.name, width < 420 ? 8 : width < 700 ? 13 : 15)"))
        right = alt.value(_expr(f"{_LEGEND_X} + {_LEGEND_WIDTH} - 14"))
        amounts = (
            _data("legend").transform_filter(_NOTHING_POINTED_AT),
            _data("parts").transform_filter(self._hover),
        )
        return [
            _data("legend")
            .mark_square(size=90, opacity=1)
            .encode(x=alt.value(_expr(f"{_LEGEND_X} + 5")), color=color, **y),
            _data("legend").mark_text(align="left").encode(x=alt.value(_expr(f"{_LEGEND_X} + 16")), text=name, **y),
            *(data.mark_text(align="right", fontWeight=600).encode(x=right, text="value:N", **y) for data in amounts),
        ]

    def _build_sensor(self) -> alt.Chart:
        """Return the layer that is pointed at: the nearest day counts, anywhere in the plot."""
        brush = alt.selection_interval(
            name="brush",
            encodings=["x"],
            on=f"[pointerdown{_MOUSE}, window:pointerup] > window:pointermove!",
            mark=alt.BrushConfig(fill=_LINE, fillOpacity=0.15, stroke=_LINE),
        )
        lift = alt.selection_point(name="lift", on="dblclick", nearest=True, encodings=["x"], clear=False)
        sensor = _data("points").mark_point(opacity=0, tooltip=None).encode(x=self._x, y=self._y)
        chart: alt.Chart = sensor.add_params(self._hover, brush, lift)
        return chart

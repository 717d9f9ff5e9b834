"""Measure floor and product alternately, and format the row of the table."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from ticketing.db import pg_programs

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
COLUMN_WIDTHS = (48, 28, 28, 18, 11, 8)


@dataclass(frozen=True)
class Row:
    """The measurements of each round, in `unit`.

    `floor` is the same work in plain SQL, for comparison. `target` is the minimum of the ratio product/floor, or the
    maximum if less is better. Without a floor, or if `is_absolute`, it is that of the product itself, in its unit.
    """

    work: str
    unit: str
    floor: list[float]
    product: list[float]
    target: float
    less_is_better: bool = False
    is_absolute: bool = False

    @property
    def ratios(self) -> list[float]:
        """Return the ratio of each round, so that a slow moment of the machine affects both. Empty without a floor."""
        return [product / floor for product, floor in zip(self.product, self.floor, strict=True)] if self.floor else []

    @property
    def is_compared_by_ratio(self) -> bool:
        return bool(self.floor) and not self.is_absolute

    @property
    def is_met(self) -> bool:
        actual = median(self.ratios if self.is_compared_by_ratio else self.product)
        return actual <= self.target if self.less_is_better else actual >= self.target


def measure_alternately(floor: Callable[[], float], product: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Run both once to warm up, then in turn; return their results."""
    floor(), product()
    rounds = [(floor(), product()) for _ in range(ROUNDS)]
    return [first for first, _ in rounds], [second for _, second in rounds]


def measure_milliseconds(work: Callable[[], None], times: int = 200) -> float:
    """Return the median duration, which single outliers do not affect."""
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        durations.append((time.perf_counter() - start) * 1000)
    return median(durations)


def get_program_path(name: str) -> str:
    """Return the path of a PostgreSQL program: the embedded one, or the installed one."""
    installed = pg_programs.list_installed()
    if not installed:
        raise SystemExit(f"The floor needs {name}, which is missing. Install PostgreSQL's client programs.")
    return installed[0].path(name)


def format_heading() -> str:
    """Return the head of the table: Markdown, padded for the terminal."""
    return f"{_format_line('work', 'floor', 'product', 'ratio', 'target', '')}\n{_format_line(*['---'] * 6)}"


def format_row(row: Row) -> str:
    """Return a row of the table: medians, with minimum and maximum in brackets."""
    sign, unit = "≤" if row.less_is_better else "≥", "" if row.is_compared_by_ratio or not row.unit else f" {row.unit}"
    target = f"{row.target:.2f}" if row.is_compared_by_ratio else f"{row.target:g}"
    return _format_line(
        row.work,
        _format_spread(row.floor, row.unit),
        _format_spread(row.product, row.unit),
        _format_spread(row.ratios, digits=2),
        f"{sign} {target}{unit}",
        "pass" if row.is_met else "**FAIL**",
    )


def _format_line(*cells: str) -> str:
    return f"| {' | '.join(f'{cell:<{width}}' for cell, width in zip(cells, COLUMN_WIDTHS, strict=True))} |"


def _format_spread(values: list[float], unit: str = "", digits: int | None = None) -> str:
    if not values:
        return ""
    digits = digits if digits is not None else 0 if median(values) >= 100 else 2
    spread = f" ({min(values):,.{digits}f}-{max(values):,.{digits}f})" if len(values) > 1 else ""
    return f"{median(values):,.{digits}f}{' ' if unit else ''}{unit}{spread}"

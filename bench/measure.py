"""Floor and product by turns, and the row of the table that comes of it."""

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
    """What was measured in each round. `wanted` is the least ratio product/floor, or the most where less is better.

    Where there is no floor, or `is_absolute` shows it for comparison alone, `wanted` is the product's own, in its unit.
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
        """Round by round, so that what slows the machine for a while slows both. None without a floor."""
        return [product / floor for product, floor in zip(self.product, self.floor, strict=True)] if self.floor else []

    @property
    def is_compared_by_ratio(self) -> bool:
        return bool(self.floor) and not self.is_absolute

    @property
    def is_met(self) -> bool:
        reached = median(self.ratios if self.is_compared_by_ratio else self.product)
        return reached <= self.target if self.less_is_better else reached >= self.target


def measure_alternately(floor: Callable[[], float], product: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Both once to warm up, then floor, product, floor, product."""
    floor(), product()
    rounds = [(floor(), product()) for _ in range(ROUNDS)]
    return [one for one, _ in rounds], [other for _, other in rounds]


def measure_milliseconds(work: Callable[[], None], times: int = 200) -> float:
    """The median, which a neighbour's hiccup does not move."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return median(taken)


def get_program_path(name: str) -> str:
    """The program that comes with the embedded PostgreSQL, or this machine's."""
    found = pg_programs.list_installed()
    if not found:
        raise SystemExit(f"The floor is measured with {name}, and there is none. Install PostgreSQL's client programs.")
    return found[0].path(name)


def format_heading() -> str:
    """The table is Markdown, and padded for who reads it in a terminal."""
    return f"{_format_line('work', 'floor', 'product', 'ratio', 'wanted', '')}\n{_format_line(*['---'] * 6)}"


def format_row(row: Row) -> str:
    """The row of the table: medians, with the least and the most in brackets."""
    sign, unit = "≤" if row.less_is_better else "≥", "" if row.is_compared_by_ratio or not row.unit else f" {row.unit}"
    wanted = f"{row.target:.2f}" if row.is_compared_by_ratio else f"{row.target:g}"
    return _format_line(
        row.work,
        _format_spread(row.floor, row.unit),
        _format_spread(row.product, row.unit),
        _format_spread(row.ratios, digits=2),
        f"{sign} {wanted}{unit}",
        "pass" if row.is_met else "**FAIL**",
    )


def _format_line(*cells: str) -> str:
    return f"| {' | '.join(f'{cell:<{width}}' for cell, width in zip(cells, COLUMN_WIDTHS, strict=True))} |"


def _format_spread(values: list[float], unit: str = "", digits: int | None = None) -> str:
    if not values:
        return ""
    digits = digits if digits is not None else 0 if median(values) >= 100 else 2
    among = f" ({min(values):,.{digits}f}-{max(values):,.{digits}f})" if len(values) > 1 else ""
    return f"{median(values):,.{digits}f}{' ' if unit else ''}{unit}{among}"

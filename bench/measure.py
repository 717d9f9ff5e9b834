"""Floor and product by turns, and the row of the table that comes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from ticketing import programs

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))


@dataclass(frozen=True)
class Row:
    """What was measured in each round. `wanted` is the least ratio product/floor, or the most where less is better."""

    work: str
    unit: str
    floor: list[float]
    product: list[float]
    wanted: float
    less_is_better: bool = False

    @property
    def ratios(self) -> list[float]:
        """Round by round, so that what slows the machine for a while slows both."""
        return [product / floor for product, floor in zip(self.product, self.floor, strict=True)]

    @property
    def is_met(self) -> bool:
        ratio = median(self.ratios)
        return ratio <= self.wanted if self.less_is_better else ratio >= self.wanted


def by_turns(floor: Callable[[], float], product: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Both once to warm up, then floor, product, floor, product."""
    floor(), product()
    rounds = [(floor(), product()) for _ in range(ROUNDS)]
    return [one for one, _ in rounds], [other for _, other in rounds]


def milliseconds(work: Callable[[], None], times: int = 200) -> float:
    """The median, which a neighbour's hiccup does not move."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return median(taken)


def tool(name: str) -> str:
    """The program that comes with the embedded PostgreSQL, or this machine's."""
    found = programs.installed()
    if not found:
        raise SystemExit(f"The floor is measured with {name}, and there is none. Install PostgreSQL's client programs.")
    return found[0].path(name)


def heading() -> str:
    return f"{'work':<50} {'floor':>22} {'product':>22} {'ratio':>20} {'wanted':>9}"


def told(row: Row) -> str:
    """The row of the table: medians, with the least and the most in brackets."""
    sign, verdict = "<=" if row.less_is_better else ">=", "pass" if row.is_met else "FAIL"
    return (
        f"{row.work:<50} {_spread(row.floor):>14} {row.unit:<7} {_spread(row.product):>14} {row.unit:<7}"
        f" {median(row.ratios):5.2f} ({min(row.ratios):.2f}-{max(row.ratios):.2f})"
        f" {sign + f' {row.wanted:.2f}':>9}  {verdict}"
    )


def _spread(values: list[float]) -> str:
    digits = 0 if median(values) >= 100 else 2
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"

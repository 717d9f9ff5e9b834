"""Generated booking curves of four families, to try the forecast on events whose ends are known."""

from __future__ import annotations

import numpy as np

from ticketing.reporting.forecast import BACKTEST_DAYS, Progress

FAMILIES = ("early", "linear", "late", "lumpy")
SHAPE_VARIATION = 0.25
MAX_DAYS = 180


def generate(family: str, count: int, random: np.random.Generator) -> list[Progress]:
    """Return the revenue of `count` events of a family, by days before each.

    An event sells for 80 to 180 days to 150 to 500 orders of $300 on average, with good and bad days and two mailings.
    A lumpy one sells evenly, and 6 to 15 sponsorships of $5,000 to $25,000 on top.
    """
    days = np.arange(MAX_DAYS)
    length = random.integers(80, MAX_DAYS + 1, (count, 1))
    is_open = days < length
    elapsed = np.minimum((days + 0.5) / length, 1)  # 1 is the end of the sale, the day of the event
    variation = np.exp(random.normal(0, SHAPE_VARIATION, (count, 1)))
    weights = _compute_shape(family, elapsed, variation) * random.gamma(2, 0.5, (count, MAX_DAYS)) * is_open
    weights /= weights.sum(axis=1, keepdims=True)
    for _ in range(2):
        since = days - random.integers(0, length)
        weights += random.uniform(0.01, 0.05, (count, 1)) * 0.5 ** (since + 1) * (since >= 0) * is_open
    orders = random.multinomial(random.integers(150, 501, count), weights / weights.sum(axis=1, keepdims=True))
    revenue = random.gamma(2 * np.maximum(orders, 1e-9)) * 150
    if family == "lumpy":
        for number in range(15):
            is_given = (number < random.integers(6, 16, (count, 1))) & (days == random.integers(0, length))
            revenue += is_given * random.integers(5, 26, (count, 1)) * 1000
    total = revenue.cumsum(axis=1)
    return [
        Progress(float(sums[-1]), {day: float(sums[last - day]) for day in BACKTEST_DAYS})
        for sums, last in zip(total, length[:, 0] - 1, strict=True)
    ]


def _compute_shape(family: str, elapsed: np.ndarray, variation: np.ndarray) -> np.ndarray:
    """Return the strength of days by the part of the sale that is over; half of a late one is in its last quarter."""
    if family == "early":
        return np.exp(-3 * variation * elapsed)
    if family == "late":
        return elapsed ** (2.5 * variation) + 0.05
    return 1 + 0.5 * np.log(variation) * (2 * elapsed - 1)

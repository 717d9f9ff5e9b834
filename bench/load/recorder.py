"""Durations, errors and sales of the simulated people."""

from __future__ import annotations

import bisect
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.load.tab import ActionFailed


@dataclass
class Recorder:
    """`action_seconds` are durations by action, while `is_recording`.

    `sold` are all sales as the seller saw them: totals by the donor's e-mail address.
    `sale_delays` are the seconds from a sale until an open sales page showed it.
    `answers` are those of attacks, by the attack's name.
    """

    action_seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    sold: dict[str, str] = field(default_factory=dict)
    sale_delays: list[float] = field(default_factory=list)
    answers: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    is_recording: bool = False
    _sale_times: list[float] = field(default_factory=list)

    def record_action(self, action: str, seconds: float) -> None:
        if self.is_recording:
            self.action_seconds[action].append(seconds)

    @contextmanager
    def catch_errors(self, action: str) -> Iterator[None]:
        """Record ActionFailed as an error, so that the person continues."""
        try:
            yield
        except ActionFailed as error:
            self.record_error(f"{action}: {error}")

    def record_error(self, sentence: str) -> None:
        self.errors[" ".join(sentence.split())[:400]] += 1

    def record_sale(self, donor_email: str, total: str) -> None:
        self.sold[donor_email] = total
        self._sale_times.append(time.perf_counter())

    def record_sales_shown(self, before: int, now: int) -> None:
        """Record that a sales page showed `before` of these sales and now shows `now`; the first new one counts."""
        if self.is_recording and before < now <= len(self._sale_times):
            self.sale_delays.append(time.perf_counter() - self._sale_times[before])


def percentile(values: list[float], percent: float) -> float:
    """Return the smallest value that `percent` of the values do not exceed, or 0 without values."""
    ordered = sorted(values)
    rank = max(-(-len(ordered) * percent // 100), 1) - 1
    return ordered[int(rank)] if ordered else 0.0


def percent_within(values: list[float], maximum: float) -> float:
    """Return how many percent of the values are at most `maximum`, or 100 without values."""
    return 100 * bisect.bisect_right(sorted(values), maximum) / len(values) if values else 100.0

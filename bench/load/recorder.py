"""What the actors saw, sold and tripped over."""

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
    """`took` has the seconds of each kind of action since `start_counting`, `sold` every sale from the first one on:
    the donor's address and the total, as its seller was told. `shown_after` has the seconds from a sale, wherever it
    was made, until an open sales page had it."""

    action_seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    sold: dict[str, str] = field(default_factory=dict)
    sale_delays: list[float] = field(default_factory=list)
    is_recording: bool = False
    _sale_times: list[float] = field(default_factory=list)

    def start_recording(self) -> None:
        self.is_recording = True

    def acted(self, what: str, seconds: float) -> None:
        if self.is_recording:
            self.action_seconds[what].append(seconds)

    @contextmanager
    def catch_errors(self, what: str) -> Iterator[None]:
        """What goes wrong in it is an error, and the actor goes on."""
        try:
            yield
        except ActionFailed as broken:
            self.record_error(f"{what}: {broken}")

    def record_error(self, sentence: str) -> None:
        self.errors[" ".join(sentence.split())[:400]] += 1

    def record_sale(self, donor_email: str, total: str) -> None:
        self.sold[donor_email] = total
        self._sale_times.append(time.perf_counter())

    def record_sales_shown(self, before: int, now: int) -> None:
        """A sales page that had shown so many of these sales shows more: from the first of them it took so long."""
        if self.is_recording and before < now <= len(self._sale_times):
            self.sale_delays.append(time.perf_counter() - self._sale_times[before])


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many percent do not pass; 0 without any."""
    ordered = sorted(values)
    place = max(-(-len(ordered) * percent // 100), 1) - 1
    return ordered[int(place)] if ordered else 0.0


def percent_within(values: list[float], maximum: float) -> float:
    """How many percent are at most that; 100 without any."""
    return 100 * bisect.bisect_right(sorted(values), maximum) / len(values) if values else 100.0

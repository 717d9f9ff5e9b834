"""What a sale will come to, read from how far earlier events were the same number of days before they took place.

Pure arithmetic, without units: revenue in USD and seats go the same way. The method and what it achieved on generated
booking curves are in docs/decisions/0035.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

MIN_SHARE = 0.05
MIN_EVENTS = 3
MIN_PART_OF_EVENTS = 0.75
MIN_HALF_WIDTH = 0.02
COVERAGE = "8 in 10"
# Student's t for 90% on one side, so 80% between both, by the number of events; its degrees of freedom are one less.
_STUDENT_T = {3: 1.886, 4: 1.638, 5: 1.533, 6: 1.476, 7: 1.440, 8: 1.415, 9: 1.397, 10: 1.383, 11: 1.372, 12: 1.363}
_STUDENT_T_OF_MORE = 1.36


@dataclass(frozen=True)
class Projection:
    """Where a sale ends. `low` and `high` are the band in which 8 in 10 such events end; None below three events."""

    middle: float
    low: float | None = None
    high: float | None = None

    def __add__(self, amount: float) -> Projection:
        """Return the projection with an amount added that is not projected."""
        low, high = (None if each is None else each + amount for each in (self.low, self.high))
        return Projection(self.middle + amount, low, high)

    def contains(self, final: float) -> bool:
        return self.low is not None and self.high is not None and self.low <= final <= self.high


def project(
    reached: float, shares: Sequence[float], *, lowest: float = 0, highest: float | None = None
) -> Projection | None:
    """Return where a sale ends that has `reached` a figure; None when that is too early to say.

    `shares` are, for each chosen earlier event, the part from 0 to 1 of its final figure that it had reached at the
    same time. Shares under 5% do not count. Three events or more give a band if at least three, and three quarters of
    those chosen, have a share; one or two give the middle alone, if each has one. Nothing ends below `reached` or
    `lowest`, nor above `highest`.
    """
    usable = [share for share in shares if share >= MIN_SHARE]
    if reached <= 0 or not usable or len(usable) < MIN_PART_OF_EVENTS * len(shares):
        return None

    def clamp(value: float) -> float:
        return max(reached, lowest, value if highest is None else min(value, highest))

    logs = [math.log(reached / share) for share in usable]
    middle = math.exp(median(logs))
    if len(shares) < MIN_EVENTS:
        return Projection(clamp(middle))
    if len(usable) < MIN_EVENTS:
        return None
    n = len(logs)
    spread = _STUDENT_T.get(n, _STUDENT_T_OF_MORE) * stdev(logs, fmean(logs)) * math.sqrt(1 + 1 / n)
    half_width = max(spread, MIN_HALF_WIDTH)
    low, high = middle * math.exp(-half_width), middle * math.exp(half_width)
    return Projection(*map(clamp, (middle, low, high)))

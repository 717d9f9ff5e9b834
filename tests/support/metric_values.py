"""What /metrics would tell at this moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ticketing import metrics


def figure(name: str, **labels: str) -> float:
    """One sample, 0 while there is none."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


@contextmanager
def rises(by: float, name: str, **labels: str) -> Iterator[None]:
    """The figure rises by exactly that much inside."""
    before = figure(name, **labels)
    yield
    rise = figure(name, **labels) - before
    assert rise == by, f"{name} {labels} rose by {rise}"

"""What /metrics would tell at this moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ticketing import metrics


def get_value(name: str, **labels: str) -> float:
    """One sample, 0 while there is none."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


@contextmanager
def assert_increases(amount: float, name: str, **labels: str) -> Iterator[None]:
    """The figure rises by exactly that much inside."""
    before = get_value(name, **labels)
    yield
    rise = get_value(name, **labels) - before
    assert rise == amount, f"{name} {labels} rose by {rise}"

"""Read metrics, and assert how they change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ticketing import metrics


def get_value(name: str, **labels: str) -> float:
    """Return one sample, or 0 when there is none."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


@contextmanager
def assert_increases(amount: float, name: str, **labels: str) -> Iterator[None]:
    """Assert that the metric increases by exactly `amount` inside the block."""
    before = get_value(name, **labels)
    yield
    increase = get_value(name, **labels) - before
    assert increase == amount, f"{name} {labels} increased by {increase}"

"""Waiting for a thing and not for a time: a busy machine takes long, and no test knows how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], Any]) -> Any:
    """The first answer of `what` that is true. Fails after a minute."""
    deadline = time.monotonic() + 60
    while not (seen := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return seen

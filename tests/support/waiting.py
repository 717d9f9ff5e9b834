"""Wait for conditions instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Return the first true result of `condition`; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"no result within {seconds} seconds"
        time.sleep(0.02)
    return result

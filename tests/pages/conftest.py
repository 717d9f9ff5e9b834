"""Fixtures of page tests: see `tests.support.screen`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import screen
from tests.support.screen import Screen


@pytest.fixture
def visit() -> Callable[..., Screen]:
    return screen.visit

"""Lists that come page by page, each page one query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")


def load(key: str, fetch: Callable[[int], tuple[list[T], int]]) -> tuple[list[T], int]:
    """The rows of the page that is open and how many there are in all; back to the first when it is gone.

    A page is gone when rows were deleted, or when another event was opened that has fewer.
    """
    rows, total = fetch(int(st.session_state.get(key, 1)))
    if not rows and total:
        st.session_state[key] = 1
        rows, total = fetch(1)
    return rows, total


def render(key: str, total: int, per_page: int, **more: Any) -> None:
    """The way to the other pages, where there are any. `more` is st.pagination's, such as a callback."""
    if total > per_page:
        st.pagination(-(-total // per_page), key=key, **more)

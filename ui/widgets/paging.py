"""Paginated lists, one query per page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")


def load(key: str, fetch: Callable[[int], tuple[list[T], int]]) -> tuple[list[T], int]:
    """Return the rows of the current page and the number of all rows; fall back to the first page when it is empty.

    A page becomes empty when rows are deleted, or when another event with fewer rows is opened.
    """
    rows, total = fetch(int(st.session_state.get(key, 1)))
    if not rows and total:
        st.session_state[key] = 1
        rows, total = fetch(1)
    return rows, total


def render(key: str, total: int, per_page: int, **options: Any) -> None:
    """Render the page links, when there are several pages. `options` go to st.pagination, such as a callback."""
    if total > per_page:
        st.pagination(-(-total // per_page), key=key, **options)

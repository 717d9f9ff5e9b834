"""A list whose rows are dragged, moved by buttons and keys, or put at a typed position: a custom component.

It sends the whole order after each change, with the order that the change was made from (docs/decisions/0011).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

_source_file = Path(__file__)
CSS = _source_file.with_suffix(".css").read_text()
SCRIPT = (_source_file.parents[1] / "scripts/reorder.js").read_text()
_HTML = _source_file.with_suffix(".html").read_text()


def build(name: str, label: str) -> Callable[..., Any]:
    """Return the component of one kind of list. `label` names it for screen readers, and is part of no user's text."""
    return st.components.v2.component(name, html=_HTML.replace("LABEL", label), css=CSS, js=SCRIPT)


def render(
    component: Callable[..., Any],
    key: str,
    rows: Sequence[Mapping[str, str]],
    view: str,
    answered: int,
    on_order_change: Callable[[], None],
) -> None:
    """Render the rows, each with `id`, `name` and `detail`, in their order.

    `view` differs where the list begins anew, `answered` is the number of the last change that was handled. A change
    is in the page's state under `key` as `order`, with `order`, `seen`, `moved`, `number` and `knows`.
    """
    data = {"view": view, "answered": answered, "packages": list(rows)}
    component(key=key, data=data, on_order_change=on_order_change)

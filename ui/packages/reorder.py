"""The Arrange view of the packages page: drag packages, type positions or sort by price; saved at once, with Undo.

The list is a custom component (docs/decisions/0011) that sends the whole order after each change.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from ticketing import db, money
from ticketing.catalog import package_order, packages
from ticketing.errors import PackageOrderChanged, TicketingError
from ticketing.models import Event, Package
from ui import text
from ui.session import PageContext

PackageIds = tuple[uuid.UUID, ...]
PRICE_DESCENDING, PRICE_ASCENDING = "Price: high to low", "Price: low to high"
INSTRUCTIONS = "Drag a package or type its position. Changes save at once."
MAX_NAME_LENGTH = 40

_source_file = Path(__file__)
_package_list = st.components.v2.component(
    "ticketdesk_arranging",
    html=_source_file.with_suffix(".html").read_text(),
    css=_source_file.with_suffix(".css").read_text(),
    js=_source_file.with_suffix(".js").read_text(),
)


@dataclass
class _ReorderState:
    """The result of the last change to one event's order in one session.

    `before` is what Undo restores; `unsaved_order` waits for a decision after a conflict. `answered` is the number of
    the list's last change that was handled, and `saved_order` the order that this user last saved. `lock` is held while
    a change is handled, because Streamlit starts the next one while the first is still being saved.
    """

    event_id: uuid.UUID
    view: str = field(default_factory=lambda: uuid.uuid4().hex)
    answered: int = 0
    saved_order: PackageIds = ()
    before: PackageIds = ()
    unsaved_order: PackageIds = ()
    message: str = ""
    refusal: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


def render(context: PageContext, event: Event) -> None:
    """Render the view: the last result, Undo, sorting, and the list."""
    with db.read_session() as s:
        rows = packages.list_all(s, context.actor, event.id)
    shown = tuple(package.id for package in rows)
    state = _get_state(event)
    _render_conflict(context, event, state, shown)
    with st.container(horizontal=True, vertical_alignment="center"):
        message = f":material/check: {text.escape_markdown(state.message)}" if state.message else INSTRUCTIONS
        st.markdown(message, width="stretch")
        st.button(
            "Undo",
            key="arranging_undo",
            icon=":material/undo:",
            disabled=not state.before,
            on_click=_undo,
            args=(context, event, shown),
        )
        st.menu_button(
            "Sort by price",
            [PRICE_DESCENDING, PRICE_ASCENDING],
            key="arranging_sort",
            icon=":material/sort:",
            on_click=_sort,
            args=(context, event, rows),
        )
    _package_list(
        key=_get_component_key(event),
        data={"view": state.view, "answered": state.answered, "packages": [_build_row(package) for package in rows]},
        on_order_change=lambda: _on_order_change(context, event, {package.id: package.name for package in rows}),
    )


def _render_conflict(context: PageContext, event: Event, state: _ReorderState, shown: PackageIds) -> None:
    """Render why the last change was not saved, and the choice between two orders after a conflict."""
    if state.unsaved_order:
        st.warning(text.escape_markdown(state.refusal), icon=":material/call_split:")
        with st.container(horizontal=True):
            st.button("Use my order", key="arranging_mine", on_click=_use_mine, args=(context, event, shown))
            st.button("Keep theirs", key="arranging_theirs", on_click=_keep_theirs, args=(event,))
    elif state.refusal:
        st.error(text.escape_markdown(state.refusal))


def _build_row(package: Package) -> dict[str, str]:
    detail = f"{money.format_dollars(package.price)} · {text.format_count(package.seats_per_package, 'seat')}"
    return {
        "id": str(package.id),
        "name": package.name,
        "detail": detail if package.is_enabled else f"{detail} · disabled",
    }


def _get_state(event: Event) -> _ReorderState:
    state = st.session_state.get("arranging")
    if state is None or state.event_id != event.id:
        state = st.session_state.arranging = _ReorderState(event.id)
    return state


def _get_component_key(event: Event) -> str:
    return f"arranging_{event.id}"


def _on_order_change(context: PageContext, event: Event, names: dict[uuid.UUID, str]) -> None:
    """Handle an order sent by the list, together with what the list knew when the user made the change.

    A user who moves packages faster than responses arrive builds on their own last change. Such an order is compared
    with the order that they saved last; after a refusal it joins the unsaved order.
    """
    sent = st.session_state[_get_component_key(event)].order
    state = _get_state(event)
    with state.lock:
        _apply_order_change(context, event, state, sent, names)


def _apply_order_change(
    context: PageContext, event: Event, state: _ReorderState, sent: Mapping[str, Any], names: dict[uuid.UUID, str]
) -> None:
    order, seen = (tuple(uuid.UUID(each) for each in sent[name]) for name in ("order", "seen"))
    moved = uuid.UUID(sent["moved"])
    if sent["number"] <= state.answered:  # several changes in one message: each calls back, and all see the last one
        return
    knows_all = sent["knows"] == state.answered
    state.answered = sent["number"]
    if not knows_all and state.refusal:
        state.unsaved_order = state.unsaved_order and order
        return
    name = names.get(moved, "It")
    short = name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1].rstrip()}…"
    message = f"{short} is at position {order.index(moved) + 1} of {len(order)}."
    _save(context, event, order, seen if knows_all or not state.saved_order else state.saved_order, message)


def _sort(context: PageContext, event: Event, rows: Sequence[Package]) -> None:
    picked = st.session_state.arranging_sort
    order = package_order.sort_by_price(rows, descending=picked == PRICE_DESCENDING)
    _save(
        context,
        event,
        tuple(order),
        tuple(package.id for package in rows),
        f"Sorted by {picked[0].lower()}{picked[1:]}.",
    )


def _undo(context: PageContext, event: Event, shown: PackageIds) -> None:
    if _save(context, event, _get_state(event).before, shown, "Order restored."):
        _get_state(event).before = ()


def _use_mine(context: PageContext, event: Event, shown: PackageIds) -> None:
    """Save the user's order of the packages that exist now; packages added in the meantime stay at the end."""
    mine = _get_state(event).unsaved_order
    order = [each for each in mine if each in shown] + [each for each in shown if each not in mine]
    _save(context, event, tuple(order), shown, "Your order is saved.")


def _keep_theirs(event: Event) -> None:
    state = _get_state(event)
    state.unsaved_order, state.refusal, state.message = (), "", "Their order stays."


def _save(context: PageContext, event: Event, order: PackageIds, seen: PackageIds, message: str) -> bool:
    """Save the order that was made from `seen`, keep what Undo restores, and return whether it was saved."""
    state = _get_state(event)
    state.message, state.refusal, state.unsaved_order = "", "", ()
    try:
        db.write(lambda s: package_order.reorder(s, context.actor, event.id, order, seen_order=seen))
    except PackageOrderChanged as conflict:
        state.before, state.unsaved_order = (), order
        what = f"{conflict.by} changed the order" if conflict.by else "Packages were added or deleted"
        state.refusal = f"{what} in the meantime. The list shows the current order; yours is not saved."
    except TicketingError as refused:
        state.refusal = str(refused)
    else:
        state.saved_order = order
        state.message, state.before = (
            (message, seen) if order != seen else ("The packages are in that order already.", ())
        )
        return True
    return False

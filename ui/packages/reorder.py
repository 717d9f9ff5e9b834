"""The order of packages: the Arrange view (drag, type positions, sort by price), and the handles of the page's list.

Both are a custom component (docs/decisions/0011) that sends the whole order after each change; it is saved at once.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ticketing import db, money
from ticketing.catalog import package_order, packages
from ticketing.errors import PackageOrderChanged, TicketingError
from ticketing.models import Event, Package
from ui import text
from ui.session import PageContext
from ui.widgets import drag_list, undo

PackageIds = tuple[uuid.UUID, ...]
PRICE_DESCENDING, PRICE_ASCENDING = "Price: high to low", "Price: low to high"
INSTRUCTIONS = "Drag a package or type its position. Changes save at once."
MAX_NAME_LENGTH = 40

_package_list = drag_list.build("ticketdesk_arranging", "Packages in their order")
# It draws nothing but what it says to screen readers: the rows around it are the page's.
_row_handles = st.components.v2.component(
    "ticketdesk_row_handles",
    html='<p class="visually-hidden" role="status"></p>',
    css=drag_list.CSS,
    js=drag_list.SCRIPT,
)


@dataclass
class _ReorderState:
    """The result of the last change to one event's order in one session, in the Arrange view or in the list.

    In the list the orders are those of the packages that it shows, which may be some of the event. `unsaved_order`
    waits for a decision after a conflict. `answered` is the number of the list's last change that was handled, and
    `saved_order` the order that this user last saved. `lock` is held while a change is handled, because Streamlit
    starts the next one while the first is still being saved.
    """

    event_id: uuid.UUID
    in_list: bool = False
    view: str = field(default_factory=lambda: uuid.uuid4().hex)
    answered: int = 0
    saved_order: PackageIds = ()
    unsaved_order: PackageIds = ()
    message: str = ""
    refusal: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


def render(context: PageContext, event: Event) -> None:
    """Render the view: what to do or the last result, sorting, and the list."""
    with db.read_session() as s:
        rows = packages.list_all(s, context.actor, event.id)
    shown = tuple(package.id for package in rows)
    state = _get_state(event, in_list=False)
    _render_conflict(context, event, state, shown)
    with st.container(horizontal=True, vertical_alignment="center"):
        message = f":material/check: {text.escape_markdown(state.message)}" if state.message else INSTRUCTIONS
        st.markdown(message, width="stretch")
        st.menu_button(
            "Sort by price",
            [PRICE_DESCENDING, PRICE_ASCENDING],
            key="arranging_sort",
            icon=":material/sort:",
            on_click=_sort,
            args=(context, event, rows),
        )
    drag_list.render(
        _package_list,
        _get_component_key(event),
        [_build_row(package) for package in rows],
        state.view,
        state.answered,
        lambda: _on_order_change(context, event, {package.id: package.name for package in rows}),
    )


def render_conflict(context: PageContext, event: Event, rows: Sequence[Package]) -> None:
    """Render above the list why a dragged package was not moved, if it was not."""
    _render_conflict(context, event, _get_state(event, in_list=True), tuple(package.id for package in rows))


def render_handles(context: PageContext, event: Event, rows: Sequence[Package]) -> None:
    """Let the rows of the list be dragged by their handles. Call in the container of the list, after its rows."""
    state = _get_state(event, in_list=True)
    _row_handles(
        key=_get_component_key(event, in_list=True),
        data={
            "view": state.view,
            "answered": state.answered,
            "packages": [{"id": str(package.id)} for package in rows],
            # A sale replaces its row, after which the script gives the focus back.
            "sales_version": sum(package.sales_version for package in rows),
        },
        on_order_change=lambda: _on_order_change(
            context, event, {package.id: package.name for package in rows}, in_list=True
        ),
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
        "detail": detail if package.is_enabled else f"{detail} · off sale",
    }


def _get_state(event: Event, *, in_list: bool | None = None) -> _ReorderState:
    """Return the state of the view, which is new after another view or event; None keeps the view."""
    state: _ReorderState | None = st.session_state.get("arranging")
    if state is None or state.event_id != event.id or in_list not in (None, state.in_list):
        state = st.session_state.arranging = _ReorderState(event.id, bool(in_list))
    return state


def _get_component_key(event: Event, *, in_list: bool = False) -> str:
    return f"{'row_handles' if in_list else 'arranging'}_{event.id}"


def _on_order_change(context: PageContext, event: Event, names: dict[uuid.UUID, str], *, in_list: bool = False) -> None:
    """Handle an order sent by the list, together with what the list knew when the user made the change.

    A user who moves packages faster than responses arrive builds on their own last change. Such an order is compared
    with the order that they saved last; after a refusal it joins the unsaved order.
    """
    sent = st.session_state[_get_component_key(event, in_list=in_list)].order
    state = _get_state(event, in_list=in_list)
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
    if state.in_list:  # which may show some of the packages
        message = f"{short} moved {'up' if order.index(moved) < seen.index(moved) else 'down'}."
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


def _use_mine(context: PageContext, event: Event, shown: PackageIds) -> None:
    """Save the user's order of the packages that exist now; packages added in the meantime stay at the end."""
    mine = _get_state(event).unsaved_order
    order = [each for each in mine if each in shown] + [each for each in shown if each not in mine]
    _save(context, event, tuple(order), shown, "Your order is saved.")


def _keep_theirs(event: Event) -> None:
    state = _get_state(event)
    state.unsaved_order, state.refusal, state.message = (), "", "Their order stays."


def _save(context: PageContext, event: Event, order: PackageIds, seen: PackageIds, message: str) -> None:
    """Save the order that was made from `seen`, and offer to undo it."""
    state = _get_state(event)
    state.message, state.refusal, state.unsaved_order = "", "", ()
    reorder = package_order.reorder_some if state.in_list else package_order.reorder
    undo.withdraw()
    try:
        db.write(lambda s: reorder(s, context.actor, event.id, order, seen_order=seen))
    except PackageOrderChanged as conflict:
        state.unsaved_order = order
        what = f"{conflict.by} changed the order" if conflict.by else "Packages were added or deleted"
        state.refusal = f"{what} in the meantime. The list shows the current order; yours is not saved."
    except TicketingError as refused:
        state.refusal = str(refused)
    else:
        state.saved_order = order
        if order == seen:
            state.message = "The packages are in that order already."
        else:
            undo.offer(message, lambda s: reorder(s, context.actor, event.id, seen, seen_order=order))

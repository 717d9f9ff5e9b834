"""The Arrange view of the packages page: their order dragged, typed or sorted, saved at once, taken back by Undo.

The list is a component of our own (docs/decisions/0011); what it sends is the whole order.
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
from ticketing.errors import ArrangedMeanwhile, TicketingError
from ticketing.models import Event, Package
from ui import text
from ui.session import Here

Order = tuple[uuid.UUID, ...]
DEAREST, CHEAPEST = "Dearest first", "Cheapest first"
HOW = "Drag a package, or type its position. Saved at once."
LONGEST_TOLD = 40

_here = Path(__file__)
_list = st.components.v2.component(
    "ticketdesk_arranging",
    html=_here.with_suffix(".html").read_text(),
    css=_here.with_suffix(".css").read_text(),
    js=_here.with_suffix(".js").read_text(),
)


@dataclass
class _Arranging:
    """What became of the last change of one event's order, in one person's session.

    `before` is what Undo brings back; `mine` waits for a decision, because others arranged meanwhile. `answered` is
    the number of the list's last change that was dealt with, and `saved` how this person left the order. `turn` is
    held while a change is dealt with: Streamlit starts on a quick second one while the first is still being saved.
    """

    event_id: uuid.UUID
    view: str = field(default_factory=lambda: uuid.uuid4().hex)
    answered: int = 0
    saved: Order = ()
    before: Order = ()
    mine: Order = ()
    told: str = ""
    refusal: str = ""
    turn: threading.Lock = field(default_factory=threading.Lock)


def show(here: Here, event: Event) -> None:
    """Draws the view, without the page's header: what was done last, Undo, sorting, and the list."""
    with db.reading() as s:
        rows = packages.list_all(s, here.actor, event.id)
    shown = tuple(package.id for package in rows)
    state = _state(event)
    _show_decision(here, event, state, shown)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/check: {text.md(state.told)}" if state.told else HOW, width="stretch")
        st.button(
            "Undo", key="arranging_undo", icon=":material/undo:", disabled=not state.before,
            on_click=_undo, args=(here, event, shown),
        )  # fmt: skip
        st.menu_button(
            "Sort by price", [DEAREST, CHEAPEST], key="arranging_sort", icon=":material/sort:",
            on_click=_sort, args=(here, event, rows),
        )  # fmt: skip
    _list(
        key=_key(event),
        data={"view": state.view, "answered": state.answered, "packages": [_described(package) for package in rows]},
        on_order_change=lambda: _take(here, event, {package.id: package.name for package in rows}),
    )


def _show_decision(here: Here, event: Event, state: _Arranging, shown: Order) -> None:
    """What kept the last change from being saved, and the choice where others arranged meanwhile."""
    if state.mine:
        st.warning(text.md(state.refusal), icon=":material/call_split:")
        with st.container(horizontal=True):
            st.button("Use my order", key="arranging_mine", on_click=_use_mine, args=(here, event, shown))
            st.button("Keep theirs", key="arranging_theirs", on_click=_keep_theirs, args=(event,))
    elif state.refusal:
        st.error(text.md(state.refusal))


def _described(package: Package) -> dict[str, str]:
    """A row of the list."""
    detail = f"{money.dollars(package.price)} · {text.count(package.seats_per_package, 'seat')}"
    return {
        "id": str(package.id),
        "name": package.name,
        "detail": detail if package.is_enabled else f"{detail} · disabled",
    }


def _state(event: Event) -> _Arranging:
    state = st.session_state.get("arranging")
    if state is None or state.event_id != event.id:
        state = st.session_state.arranging = _Arranging(event.id)
    return state


def _key(event: Event) -> str:
    return f"arranging_{event.id}"


def _take(here: Here, event: Event, names: dict[uuid.UUID, str]) -> None:
    """What the list sent: a whole order, and what this person knew when they made it.

    Who moves packages faster than answers come back knows less than we do: what they made on top of their own last
    change is judged by how they left the order, and after a refusal it waits with the rest of theirs.
    """
    sent = st.session_state[_key(event)].order
    state = _state(event)
    with state.turn:
        _deal_with(here, event, state, sent, names)


def _deal_with(
    here: Here, event: Event, state: _Arranging, sent: Mapping[str, Any], names: dict[uuid.UUID, str]
) -> None:
    order, seen = (tuple(uuid.UUID(each) for each in sent[name]) for name in ("order", "seen"))
    moved = uuid.UUID(sent["moved"])
    if sent["number"] <= state.answered:  # several changes in one message: each calls, and all see the last
        return
    knows_all = sent["knows"] == state.answered
    state.answered = sent["number"]
    if not knows_all and state.refusal:
        state.mine = state.mine and order
        return
    name = names.get(moved, "It")
    short = name if len(name) <= LONGEST_TOLD else f"{name[: LONGEST_TOLD - 1].rstrip()}…"
    told = f"{short} is at position {order.index(moved) + 1} of {len(order)}."
    _save(here, event, order, seen if knows_all or not state.saved else state.saved, told)


def _sort(here: Here, event: Event, rows: Sequence[Package]) -> None:
    picked = st.session_state.arranging_sort
    order = package_order.by_price(rows, dearest_first=picked == DEAREST)
    _save(here, event, tuple(order), tuple(package.id for package in rows), f"Sorted by price, {picked.lower()}.")


def _undo(here: Here, event: Event, shown: Order) -> None:
    if _save(here, event, _state(event).before, shown, "The order is as it was before."):
        _state(event).before = ()


def _use_mine(here: Here, event: Event, shown: Order) -> None:
    """This person's order of what there is now; what came meanwhile stays at the end."""
    mine = _state(event).mine
    order = [each for each in mine if each in shown] + [each for each in shown if each not in mine]
    _save(here, event, tuple(order), shown, "Your order is saved.")


def _keep_theirs(event: Event) -> None:
    state = _state(event)
    state.mine, state.refusal, state.told = (), "", "Their order stays."


def _save(here: Here, event: Event, order: Order, seen: Order, told: str) -> bool:
    """Saves the order that was made from `seen`, and remembers what to say of it and what Undo brings back."""
    state = _state(event)
    state.told, state.refusal, state.mine = "", "", ()
    try:
        db.write(lambda s: package_order.arrange(s, here.actor, event.id, order, seen=seen))
    except ArrangedMeanwhile as meanwhile:
        state.before, state.mine = (), order
        who = f"{meanwhile.by} arranged the packages" if meanwhile.by else "Packages were added or deleted"
        state.refusal = f"{who} meanwhile. Below is how they stand now; your order is not saved."
    except TicketingError as refused:
        state.refusal = str(refused)
    else:
        state.saved = order
        state.told, state.before = (told, seen) if order != seen else ("The packages are in that order already.", ())
        return True
    return False

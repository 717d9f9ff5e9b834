"""The order that is being typed at a till, in this session and as a draft in the database.

Everything that the person types is in `Till.content`. Packages and quantities come from the browser as a whole with a
number (ui/scripts/till.js), and all else from widgets that the server never sets: a new order gets widgets of its own.
So no message that is late can undo a newer one (docs/decisions/0034).
"""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import streamlit as st
from uuid_utils.compat import uuid7

from ticketing import db
from ticketing.actors import Actor
from ticketing.models import BOX_OFFICE_CHANNELS, Event
from ticketing.sales import till_drafts
from ticketing.sales.orders import RecordedOrder
from ticketing.sales.till_drafts import DraftGone
from ui.runtime import script_run
from ui.session import PageContext
from ui.widgets.form_state import FormState

KIND = "sale"
TEXT_FIELDS = ("name", "email", "phone", "code", "notes", "received")
CHOICES = {"channel": "card_terminal", "payment_status": "completed"}
MAX_QUANTITY = 10_000
MAX_SENT_LINES = 200  # what a browser may send; an order has fewer

# The session that types at a till, by person and till: a browser copies the id of a tab with the tab.
_tabs: dict[tuple[uuid.UUID | None, str], str] = {}
_tabs_lock = threading.Lock()


@dataclass(frozen=True)
class Receipt:
    """A recorded order as the receipt shows it; `names` are those of its packages by id."""

    recorded: RecordedOrder
    names: Mapping[uuid.UUID, str]


@dataclass
class Till:
    """What one tab types for one event.

    `form` has the problems, and its id is part of the key of each widget of this order. `content` is what was typed,
    `stored` what the database has of it, None without a row. `number` is that of the browser's last change of packages
    and quantities. `tiles` are the packages in the order of their tiles, with whether they could be sold when the order
    was begun: nothing moves under a finger. `quoted` are package versions as they were shown. `unfolded` counts how
    often a refusal opened the fold of a line. `answered` is the number of Record clicks that were answered. `begun` are
    the ids of the orders of this tab.
    """

    event_id: uuid.UUID
    name: str
    draft_id: uuid.UUID
    form: FormState
    content: dict[str, Any]
    initial: dict[str, Any]
    stored: dict[str, Any] | None = None
    number: int = 0
    tiles: dict[uuid.UUID, bool] = field(default_factory=dict)
    quoted: dict[uuid.UUID, int] = field(default_factory=dict)
    unfolded: dict[uuid.UUID, int] = field(default_factory=dict)
    receipt: Receipt | None = None
    answered: int = 0
    asks_to_clear: bool = False
    begun: set[uuid.UUID] = field(default_factory=set)

    @property
    def tab(self) -> str:
        """Return the id that the tab sends from now on (ui/scripts/shell.js): a copy of a tab gets one of its own."""
        return self.name.partition(".")[2]

    @property
    def key(self) -> str:
        """Return the key of the component that sends packages and quantities."""
        return f"till_{self.event_id}"

    @property
    def lines(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self.content["lines"]
        return lines

    def is_empty(self) -> bool:
        """Whether nothing was typed that would be lost; how it is paid is kept for the next order."""
        return not self.lines and not any(self.content[name].strip() for name in TEXT_FIELDS)

    def start(self, draft_id: uuid.UUID | None = None, content: Mapping[str, Any] | None = None) -> None:
        """Begin a new order, paid as the one before, or continue a stored one.

        Widgets have the id of the draft in their keys. So a page that was open while the server was restarted keeps its
        own, with what was typed meanwhile. An order that comes back to this tab gets new ones.
        """
        paid = {name: self.content[name] for name in CHOICES}
        self.draft_id = draft_id or uuid7()
        form_id = uuid.uuid4().hex if self.draft_id in self.begun else self.draft_id.hex
        self.begun.add(self.draft_id)
        self.content = _complete(content or paid)
        self.initial = copy.deepcopy(self.content)
        self.stored = copy.deepcopy(self.content) if content is not None else None
        self.form = FormState(KIND, None, 0, {}, form_id=form_id)
        self.number, self.tiles, self.quoted, self.unfolded, self.asks_to_clear = 0, {}, {}, {}, False

    def read_widgets(self, widgets: Mapping[str, Any]) -> None:
        """Take over what the person typed. `widgets` is a copy of the session's state."""
        for name in (*TEXT_FIELDS, *CHOICES):
            if (value := widgets.get(self.form.key(name))) is not None:
                self.content[name] = value
        sent = widgets.get(self.key) or {}
        self._read_lines(sent.get("order"))
        typed = sent.get("typed")
        if isinstance(typed, dict) and typed.get("order") == self.form.form_id:
            self.content["half_typed_code"] = str(typed.get("code", ""))
        for line in self.lines:
            package_id = line["package_id"]
            line["guests"] = widgets.get(self.form.key(f"guests_{package_id}"), line["guests"])
            prefix, suffix = f"{KIND}_answer_{package_id}_", f"_{self.form.form_id}"
            for key, answer in widgets.items():
                if key.startswith(prefix) and key.endswith(suffix):
                    line["answers"][key.removeprefix(prefix).removesuffix(suffix)] = answer

    def _read_lines(self, sent: Any) -> None:
        """Take over packages and quantities, unless they are of another order or older than those that are known."""
        if not isinstance(sent, dict) or sent.get("order") != self.form.form_id:
            return
        if not isinstance(sent.get("number"), int) or sent["number"] <= self.number:
            return
        known = {line["package_id"]: line for line in self.lines}
        self.number = sent["number"]
        self.content["lines"] = [
            known.get(package_id, {"package_id": package_id, "answers": {}, "guests": ""}) | {"quantity": quantity}
            for package_id, quantity in dict(_parse_lines(sent.get("lines"))).items()
        ]

    def store(self, actor: Actor) -> None:
        """Store the draft if it differs from the stored one. Raises DraftGone, NotAllowed, Unavailable."""
        if self.content == self.stored or (self.is_empty() and self.stored is None):
            return
        if not till_drafts.is_storable(self.content):  # it is kept in this tab only
            return
        content = copy.deepcopy(self.content)
        if self.is_empty():
            db.write(lambda s: till_drafts.discard(s, actor, self.event_id, self.draft_id))
            self.stored = None
            return
        write = till_drafts.create if self.stored is None else till_drafts.save
        db.write(lambda s: write(s, actor, self.event_id, self.name, self.draft_id, content))
        self.stored = content

    def clear(self, actor: Actor) -> None:
        """Throw away what was typed, here and in the database."""
        db.write(lambda s: till_drafts.discard(s, actor, self.event_id, self.draft_id))
        self.start()


def get_till(context: PageContext, event: Event) -> Till:
    """Return this tab's till of the event, with what was typed before, here or in an earlier session."""
    till: Till | None = st.session_state.get(f"at_till_{event.id}")
    if till is None:
        name = _claim_till(context.actor)
        with db.read_session() as s:
            draft = till_drafts.find(s, context.actor, event.id, name)
        till = Till(event.id, name, uuid7(), FormState(KIND, None, 0, {}), _complete({}), {})
        if draft is None:
            till.start()
        else:
            till.start(draft.id, draft.content)
        st.session_state[f"at_till_{event.id}"] = till
    return till


def read_typed(till: Till) -> None:
    """Take over what was typed, from a copy of the session's state: another access could end a callback halfway."""
    till.read_widgets(st.session_state.to_dict())


def sync(till: Till, actor: Actor) -> None:
    """Take over and store what was typed; begin a new order when this one was continued or finished elsewhere."""
    read_typed(till)
    if till.receipt is not None and not till.is_empty():
        till.receipt = None
    try:
        till.store(actor)
    except DraftGone as exc:
        till.start()
        till.form.refusal = str(exc)


def _claim_till(actor: Actor) -> str:
    """Return the id of this device and tab, with a number where a copy of the tab is open."""
    device = str(st.user.get("till") or actor.session_id)
    session_id = script_run.session_id()
    number = 1
    with _tabs_lock:
        for claimed in [key for key, tab in _tabs.items() if not script_run.is_connected(tab)]:
            del _tabs[claimed]
        while _tabs.get((actor.staff_id, name := _number_till(device, number)), session_id) != session_id:
            number += 1
        _tabs[actor.staff_id, name] = session_id
    return name


def _number_till(device: str, number: int) -> str:
    return device if number == 1 else f"{device}x{number}"


def _complete(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a content with every field; one that an earlier version stored may have others."""
    lines = [
        {"package_id": line["package_id"], "quantity": line["quantity"]}
        | {"answers": dict(line["answers"]), "guests": line["guests"]}
        for line in content.get("lines", ())
    ]
    texts = {name: content.get(name, "") for name in TEXT_FIELDS}
    texts["code"] = content.get("half_typed_code") or texts["code"]
    choices = {name: content.get(name, default) for name, default in CHOICES.items()}
    if choices["channel"] not in BOX_OFFICE_CHANNELS:
        choices["channel"] = CHOICES["channel"]
    return texts | choices | {"lines": lines, "half_typed_code": ""}


def _parse_lines(sent: Any) -> Iterator[tuple[str, int]]:
    """Yield package id and quantity of each line that a browser may send."""
    for each in sent[:MAX_SENT_LINES] if isinstance(sent, list) else ():
        try:
            package_id, quantity = str(uuid.UUID(each[0])), int(each[1])
        except (ValueError, TypeError, LookupError, AttributeError):
            continue
        yield package_id, min(max(quantity, 1), MAX_QUANTITY)


def list_waiting(context: PageContext, till: Till) -> list[tuple[uuid.UUID, datetime]]:
    """Return the orders that this person began at other tills, with the time."""
    with db.read_session() as s:
        waiting = till_drafts.list_waiting(s, context.actor, till.event_id, till.name)
    return [(each.id, each.begun_at) for each in waiting]

"""Prices, limits and what is on sale, of all packages in one table: changed there, looked at, then confirmed at once.

What was typed stays through everything: a refusal, a colleague's change, a package added or deleted elsewhere, another
view in between. A row is judged by the package as it was when the table first showed it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from ticketing import db, money
from ticketing.catalog import bulk_edit, packages
from ticketing.catalog.bulk_edit import FIELDS, Edit, Effect
from ticketing.errors import TicketingError
from ticketing.models import Event, Package
from ui import text
from ui.session import Here
from ui.widgets import forms, undo

COLUMNS = {"price": "Price", "quantity_limit": "Limit", "is_enabled": "On sale"}
_SHEET = "package_sheet"
_ROW = 35  # pixels
_HIGHEST_IN_FULL = 16  # rows; more scroll inside the table, so that what would change stays near


@dataclass
class Row:
    """A package as this person saw it: what its fields held, and at which version."""

    package: Package
    version: int
    stored: dict[str, Any]


@dataclass
class Sheet:
    """The table in progress. `typed` is what stands in it where that differs from what was seen; `carried` is the
    part of it that the widget in use, the `number`th, started from."""

    event_id: uuid.UUID
    rows: dict[uuid.UUID, Row] = field(default_factory=dict)
    typed: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    carried: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    number: int = 0
    refusal: str = ""
    gone: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{_SHEET}_{self.event_id}_{self.number}"

    def edits(self) -> list[Edit]:
        return [Edit(each, self.rows[each].version, values) for each, values in self.typed.items()]


def show(here: Here, event: Event) -> None:
    """The table, what its changes would do, and the one button that makes them."""
    sheet = _sheet(event)
    with db.reading() as s:
        current = {package.id: package for package in packages.list_all(s, here.actor, event.id)}
        _bring_up_to_date(sheet, current)
        with st.container(key="package_sheet"):
            _draw(sheet)
        effects = bulk_edit.preview(s, here.actor, event.id, sheet.edits())
    if sheet.refusal:
        st.error(text.md(sheet.refusal))
        sheet.refusal = ""  # each package goes on saying what is wrong with it
    for name in sheet.gone:
        st.warning(
            f"{text.md(name)} was deleted meanwhile, and with it what you typed there.", icon=":material/delete:"
        )
    if not effects:
        sheet.gone = []
        forms.hint("Change what you like in the table. What it does is shown here, and saved once you confirm it.")
    else:
        _show_effects(here, event, sheet, effects, current)


def keep(event: Event) -> None:
    """For the callback that leaves this view: a cell may have been changed in the same moment."""
    sheet = _sheet(event)
    if sheet.key in st.session_state:
        _collect(sheet)


def _sheet(event: Event) -> Sheet:
    sheet = st.session_state.get(_SHEET)
    if sheet is None or sheet.event_id != event.id:
        sheet = st.session_state[_SHEET] = Sheet(event.id)
    return sheet


def _seen(package: Package) -> Row:
    return Row(package, package.version, {name: getattr(package, name) for name in FIELDS})


def _bring_up_to_date(sheet: Sheet, current: Mapping[uuid.UUID, Package]) -> None:
    """Rows that nobody typed in are as they are now; the others stay as they were seen, to be judged by that."""
    if sheet.key in st.session_state:
        _collect(sheet)
    sheet.gone += [row.package.name for each, row in sheet.rows.items() if each not in current and each in sheet.typed]
    typed = {each: values for each, values in sheet.typed.items() if each in current}
    is_same_table = list(sheet.rows) == list(current)
    rows = {}
    for package_id, package in current.items():
        rows[package_id] = _seen(package)
        if package_id in typed:
            seen = sheet.rows[package_id]
            rows[package_id] = Row(package, seen.version, seen.stored)
    sheet.rows, sheet.typed = rows, typed
    if not is_same_table or sheet.key not in st.session_state:
        _start_over(sheet)


def _start_over(sheet: Sheet) -> None:
    """A new widget, which starts from what was typed: one knows its rows by their place and forgets when not drawn."""
    sheet.number += 1
    sheet.carried = {each: dict(values) for each, values in sheet.typed.items()}


def _collect(sheet: Sheet) -> None:
    """What stands in the table now and differs from what was seen."""
    names = {label: name for name, label in COLUMNS.items()}
    order = list(sheet.rows)
    held = {each: dict(values) for each, values in sheet.carried.items()}
    for place, cells in st.session_state[sheet.key]["edited_rows"].items():
        changed = {names[label]: _read(names[label], value) for label, value in cells.items()}
        held.setdefault(order[int(place)], {}).update(changed)
    different = {
        each: {name: value for name, value in values.items() if value != sheet.rows[each].stored[name]}
        for each, values in held.items()
    }
    sheet.typed = {each: values for each, values in different.items() if values}


def _read(name: str, value: Any) -> Any:
    """Where a widget's float ends."""
    if name == "price" and value is not None:
        return Decimal(str(value)).quantize(Decimal("0.01")) if round(value, 2) == value else str(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _draw(sheet: Sheet) -> None:
    rows = list(sheet.rows.items())
    shown = [row.stored | sheet.carried.get(each, {}) for each, row in rows]
    frame = pd.DataFrame(
        {
            "Package": [row.package.name for _, row in rows],
            "Price": pd.array([None if each["price"] is None else float(each["price"]) for each in shown], "Float64"),
            "Limit": pd.array([each["quantity_limit"] for each in shown], "Int64"),
            "Sold": [row.package.sold_count for _, row in rows],
            "On sale": [bool(each["is_enabled"]) for each in shown],
        }
    )
    st.data_editor(
        frame,
        key=sheet.key,
        hide_index=True,
        disabled=["Package", "Sold"],
        placeholder="Unlimited",
        height="content" if len(rows) <= _HIGHEST_IN_FULL else (_HIGHEST_IN_FULL + 1) * _ROW,
        alt="Price, limit and whether it is on sale, of every package",
        column_config={
            "Price": st.column_config.NumberColumn(format="dollar", required=True),
            "Limit": st.column_config.NumberColumn(format="localized", step=1),
            "Sold": st.column_config.NumberColumn(format="localized"),
        },
    )


def _show_effects(
    here: Here, event: Event, sheet: Sheet, effects: Sequence[Effect], current: Mapping[uuid.UUID, Package]
) -> None:
    refused = [effect for effect in effects if effect.problem]
    st.subheader("What it does", anchor=False)
    for effect in refused:
        _show_refused(sheet, effect, current[effect.package_id])
    accepted = "".join(_described(effect) for effect in effects if not effect.problem)
    if accepted:
        st.html(f'<ul class="effects">{accepted}</ul>')
    if refused:
        forms.hint(
            "All changes are made together, so none is made while one is refused. Mend it in the table, or drop it."
        )
    with st.container(horizontal=True):
        label = f"Change {text.count(len(effects), 'package')}"
        st.button(
            label, key="confirm_many", type="primary", disabled=bool(refused), on_click=_confirm,
            args=(here, event, sheet),
        )  # fmt: skip
        st.button("Discard all changes", key="discard_many", on_click=_discard, args=(sheet,))


def _described(effect: Effect) -> str:
    changes = ", ".join(_change(change.field, change.old, change.new) for change in effect.changes)
    follows = "".join(f'<div class="follows">{escape(sentence)}</div>' for sentence in effect.consequences)
    changes = changes[0].upper() + changes[1:]
    return f"<li><strong>{escape(effect.name)}</strong><div>{escape(changes)}</div>{follows}</li>"


def _change(name: str, old: Any, new: Any) -> str:
    if name == "is_enabled":
        return "on sale" if new else "not on sale"
    return f"{COLUMNS[name].lower()} from {_in_words(name, old)} to {_in_words(name, new)}"


def _in_words(name: str, value: Any) -> str:
    if name == "quantity_limit":
        return "unlimited" if value is None else f"{value:,}"
    return "nothing" if value is None else text.amount(value)


def _show_refused(sheet: Sheet, effect: Effect, now: Package) -> None:
    """Why, what was typed, what is the case now, and the ways out."""
    row, typed = sheet.rows[effect.package_id], sheet.typed[effect.package_id]
    is_stale = row.version != now.version
    told = [f"**{text.md(effect.name)}**: {text.md(_problem(effect, typed))}"]
    told.append("You typed " + text.md(", ".join(_change(name, row.stored[name], typed[name]) for name in typed)) + ".")
    theirs = [_now(name, now) for name in FIELDS if getattr(now, name) != row.stored[name]]
    if is_stale and theirs:
        told.append(f"It is {text.md(' and '.join(theirs))} now.")
    st.error(" ".join(told), icon=":material/call_split:" if is_stale else ":material/error:")
    with st.container(horizontal=True):
        if is_stale:
            st.button(
                "Keep what I typed", key=f"mine_{now.id}", on_click=_see, args=(sheet, now),
            )  # fmt: skip
        label = "Take theirs" if is_stale else "Drop this change"
        st.button(label, key=f"out_{now.id}", on_click=_take_out, args=(sheet, now.id))


def _problem(effect: Effect, typed: Mapping[str, Any]) -> str:
    if "price" in typed and typed["price"] is None:
        return "A package has a price. Enter 0 for a free one."
    return effect.problem or ""


def _now(name: str, package: Package) -> str:
    if name == "price":
        return f"at {money.dollars(package.price)}"
    if name == "is_enabled":
        return "on sale" if package.is_enabled else "not on sale"
    return "unlimited" if package.quantity_limit is None else f"limited to {package.quantity_limit:,}"


def _see(sheet: Sheet, now: Package) -> None:
    """The package as it is now has been seen; what was typed goes on top of it."""
    sheet.rows[now.id] = _seen(now)


def _take_out(sheet: Sheet, package_id: uuid.UUID) -> None:
    sheet.typed.pop(package_id, None)
    _start_over(sheet)


def _discard(sheet: Sheet) -> None:
    st.session_state[_SHEET] = Sheet(sheet.event_id, number=sheet.number + 1)


def _confirm(here: Here, event: Event, sheet: Sheet) -> None:
    """All or nothing. What is refused now shows beside its package, as it did before the click for the others."""
    sheet.refusal, sheet.gone = "", []
    _collect(sheet)

    def work(session: db.Session) -> tuple[list[Effect], dict[uuid.UUID, int]]:
        effects = bulk_edit.change(session, here.actor, event.id, sheet.edits())
        return effects, {each.id: each.version for each in packages.list_all(session, here.actor, event.id)}

    try:
        effects, versions = db.write(work)
    except TicketingError as refused:
        sheet.refusal = str(refused)
        return
    _discard(sheet)
    told = f"{effects[0].name} is" if len(effects) == 1 else f"{text.count(len(effects), 'package')} are"
    undo.offer(event.id, f"{told} changed.", undo.way_back(effects, versions))

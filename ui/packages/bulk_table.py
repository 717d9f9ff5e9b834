"""The table of prices, limits and availability of all packages: edit, review the changes, then save them at once.

Edits survive a refusal, a colleague's change, a package added or deleted elsewhere, and a switch to another view. Each
row is checked against the version of the package that the table first showed.
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
from ticketing.catalog.bulk_edit import FIELDS, EditEffect, PackageEdit
from ticketing.errors import TicketingError
from ticketing.models import Event, Package
from ui import text
from ui.session import PageContext
from ui.widgets import forms, undo

COLUMNS = {"price": "Price", "quantity_limit": "Limit", "is_enabled": "On sale"}
_STATE_KEY = "package_sheet"
_ROW_PIXELS = 35
_MAX_ROWS_WITHOUT_SCROLLING = 16  # more rows scroll inside the table, so that the review below stays in view


@dataclass
class RowSnapshot:
    """A package as the user saw it: its version and the values of FIELDS."""

    package: Package
    version: int
    stored: dict[str, Any]


@dataclass
class TableState:
    """The table in progress.

    `typed` has the cells that differ from the snapshots. `initial_edits` is the part of `typed` that the current
    widget, the one with `number` in its key, started from.
    """

    event_id: uuid.UUID
    rows: dict[uuid.UUID, RowSnapshot] = field(default_factory=dict)
    typed: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    initial_edits: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    number: int = 0
    refusal: str = ""
    deleted_names: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{_STATE_KEY}_{self.event_id}_{self.number}"

    def edits(self) -> list[PackageEdit]:
        return [PackageEdit(each, self.rows[each].version, values) for each, values in self.typed.items()]


def render(context: PageContext, event: Event) -> None:
    """Render the table, the review of its changes, and the button that saves them."""
    sheet = _get_state(event)
    with db.read_session() as s:
        current = {package.id: package for package in packages.list_all(s, context.actor, event.id)}
        _refresh_rows(sheet, current)
        with st.container(key="package_sheet"):
            _render_editor(sheet)
        effects = bulk_edit.preview(s, context.actor, event.id, sheet.edits())
    if sheet.refusal:
        st.error(text.escape_markdown(sheet.refusal))
        sheet.refusal = ""  # the problem of each package stays beside it
    for name in sheet.deleted_names:
        st.warning(
            f"{text.escape_markdown(name)} was deleted in the meantime, so your changes to it are gone.",
            icon=":material/delete:",
        )
    if not effects:
        sheet.deleted_names = []
        forms.render_hint("Edit the table. Your changes are listed here for review before you save them.")
    else:
        _render_effects(context, event, sheet, effects, current)


def keep_edits(event: Event) -> None:
    """Collect the edits when a callback leaves this view; a cell may have changed in the same run."""
    sheet = _get_state(event)
    if sheet.key in st.session_state:
        _collect_edits(sheet)


def _get_state(event: Event) -> TableState:
    sheet = st.session_state.get(_STATE_KEY)
    if sheet is None or sheet.event_id != event.id:
        sheet = st.session_state[_STATE_KEY] = TableState(event.id)
    return sheet


def _take_snapshot(package: Package) -> RowSnapshot:
    return RowSnapshot(package, package.version, {name: getattr(package, name) for name in FIELDS})


def _refresh_rows(sheet: TableState, current: Mapping[uuid.UUID, Package]) -> None:
    """Refresh the rows without edits; the edited ones keep their snapshot, to notice conflicts."""
    if sheet.key in st.session_state:
        _collect_edits(sheet)
    sheet.deleted_names += [
        row.package.name for each, row in sheet.rows.items() if each not in current and each in sheet.typed
    ]
    typed = {each: values for each, values in sheet.typed.items() if each in current}
    is_same_table = list(sheet.rows) == list(current)
    rows = {}
    for package_id, package in current.items():
        rows[package_id] = _take_snapshot(package)
        if package_id in typed:
            seen = sheet.rows[package_id]
            rows[package_id] = RowSnapshot(package, seen.version, seen.stored)
    sheet.rows, sheet.typed = rows, typed
    if not is_same_table or sheet.key not in st.session_state:
        _reset_widget(sheet)


def _reset_widget(sheet: TableState) -> None:
    """Start a new widget from the edits: a data editor knows rows by position and forgets edits when not rendered."""
    sheet.number += 1
    sheet.initial_edits = {each: dict(values) for each, values in sheet.typed.items()}


def _collect_edits(sheet: TableState) -> None:
    """Update `typed` from the widget: the cells that differ from the snapshots."""
    names = {label: name for name, label in COLUMNS.items()}
    order = list(sheet.rows)
    held = {each: dict(values) for each, values in sheet.initial_edits.items()}
    for place, cells in st.session_state[sheet.key]["edited_rows"].items():
        changed = {names[label]: _parse_cell(names[label], value) for label, value in cells.items()}
        held.setdefault(order[int(place)], {}).update(changed)
    different = {
        each: {name: value for name, value in values.items() if value != sheet.rows[each].stored[name]}
        for each, values in held.items()
    }
    sheet.typed = {each: values for each, values in different.items() if values}


def _parse_cell(name: str, value: Any) -> Any:
    """Convert a float of the widget to cents or a whole number; a price with more decimals stays text."""
    if name == "price" and value is not None:
        return Decimal(str(value)).quantize(Decimal("0.01")) if round(value, 2) == value else str(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _render_editor(sheet: TableState) -> None:
    rows = list(sheet.rows.items())
    shown = [row.stored | sheet.initial_edits.get(each, {}) for each, row in rows]
    frame = pd.DataFrame(
        {
            "Unsaved": ["● Edited" if each in sheet.typed else "" for each, _ in rows],
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
        disabled=["Unsaved", "Package", "Sold"],
        placeholder="Unlimited",
        height="content"
        if len(rows) <= _MAX_ROWS_WITHOUT_SCROLLING
        else (_MAX_ROWS_WITHOUT_SCROLLING + 1) * _ROW_PIXELS,
        alt="Price, limit and whether it is on sale, of every package",
        column_config={
            "Unsaved": st.column_config.TextColumn("", width="small"),
            "Price": st.column_config.NumberColumn(format="dollar", required=True),
            "Limit": st.column_config.NumberColumn(format="localized", step=1),
            "Sold": st.column_config.NumberColumn(format="localized"),
        },
    )


def _render_effects(
    context: PageContext,
    event: Event,
    sheet: TableState,
    effects: Sequence[EditEffect],
    current: Mapping[uuid.UUID, Package],
) -> None:
    refused = [effect for effect in effects if effect.problem]
    st.header("Review changes", anchor=False)
    for effect in refused:
        _render_refusal(sheet, effect, current[effect.package_id])
    accepted = "".join(_format_effect(effect) for effect in effects if not effect.problem)
    if accepted:
        st.html(f'<ul class="effects">{accepted}</ul>')
    if refused:
        forms.render_hint("All changes are saved together. Fix the refused ones in the table, or discard them.")
    with st.container(horizontal=True, vertical_alignment="center", key="save_bar"):
        label = f"Save {text.format_count(sum(max(len(effect.changes), 1) for effect in effects), 'change')}"
        st.button(
            label,
            key="confirm_many",
            type="primary",
            disabled=bool(refused),
            on_click=_confirm,
            args=(context, event, sheet),
        )
        st.button("Discard all changes", key="discard_many", on_click=_discard_all, args=(sheet,))


def _format_effect(effect: EditEffect) -> str:
    changes = ", ".join(_format_change(change.field, change.old, change.new) for change in effect.changes)
    follows = "".join(f'<div class="follows">{escape(sentence)}</div>' for sentence in effect.consequences)
    changes = changes[0].upper() + changes[1:]
    return f"<li><strong>{escape(effect.name)}</strong><div>{escape(changes)}</div>{follows}</li>"


def _format_change(name: str, old: Any, new: Any) -> str:
    if name == "is_enabled":
        return "on sale" if new else "not on sale"
    return f"{COLUMNS[name].lower()} from {_format_value(name, old)} to {_format_value(name, new)}"


def _format_value(name: str, value: Any) -> str:
    if name == "quantity_limit":
        return "unlimited" if value is None else f"{value:,}"
    return "nothing" if value is None else text.format_amount(value)


def _render_refusal(sheet: TableState, effect: EditEffect, now: Package) -> None:
    """Render why an edit is refused, what was typed, the current value, and the choices."""
    row, typed = sheet.rows[effect.package_id], sheet.typed[effect.package_id]
    is_stale = row.version != now.version
    sentences = [f"**{text.escape_markdown(effect.name)}**: {text.escape_markdown(_format_problem(effect, typed))}"]
    sentences.append(
        "You typed "
        + text.escape_markdown(", ".join(_format_change(name, row.stored[name], typed[name]) for name in typed))
        + "."
    )
    theirs = [_format_current_value(name, now) for name in FIELDS if getattr(now, name) != row.stored[name]]
    if is_stale and theirs:
        sentences.append(f"It is {text.escape_markdown(' and '.join(theirs))} now.")
    st.error(" ".join(sentences), icon=":material/call_split:" if is_stale else ":material/error:")
    with st.container(horizontal=True):
        if is_stale:
            st.button("Keep mine", key=f"mine_{now.id}", on_click=_accept_current, args=(sheet, now))
        label = "Take theirs" if is_stale else "Discard this change"
        st.button(label, key=f"out_{now.id}", on_click=_discard_edit, args=(sheet, now.id))


def _format_problem(effect: EditEffect, typed: Mapping[str, Any]) -> str:
    if "price" in typed and typed["price"] is None:
        return "Enter a price. Use 0 for a free package."
    return effect.problem or ""


def _format_current_value(name: str, package: Package) -> str:
    if name == "price":
        return f"at {money.format_dollars(package.price)}"
    if name == "is_enabled":
        return "on sale" if package.is_enabled else "not on sale"
    return "unlimited" if package.quantity_limit is None else f"limited to {package.quantity_limit:,}"


def _accept_current(sheet: TableState, now: Package) -> None:
    """Take the current package as the snapshot and keep the edits on top of it."""
    sheet.rows[now.id] = _take_snapshot(now)


def _discard_edit(sheet: TableState, package_id: uuid.UUID) -> None:
    sheet.typed.pop(package_id, None)
    _reset_widget(sheet)


def _discard_all(sheet: TableState) -> None:
    st.session_state[_STATE_KEY] = TableState(sheet.event_id, number=sheet.number + 1)


def _confirm(context: PageContext, event: Event, sheet: TableState) -> None:
    """Save all edits or none; a refused edit shows its problem beside the package."""
    sheet.refusal, sheet.deleted_names = "", []
    _collect_edits(sheet)

    def work(session: db.Session) -> tuple[list[EditEffect], dict[uuid.UUID, int]]:
        effects = bulk_edit.update(session, context.actor, event.id, sheet.edits())
        return effects, {each.id: each.version for each in packages.list_all(session, context.actor, event.id)}

    try:
        effects, versions = db.write(work)
    except TicketingError as refused:
        sheet.refusal = str(refused)
        return
    _discard_all(sheet)
    what = f"{effects[0].name} is" if len(effects) == 1 else f"{text.format_count(len(effects), 'package')} are"
    edits = _invert_effects(effects, versions)
    undo.offer(f"{what} changed.", lambda s: bulk_edit.update(s, context.actor, event.id, edits))


def _invert_effects(effects: Sequence[EditEffect], versions: Mapping[uuid.UUID, int]) -> list[PackageEdit]:
    """Return the edits that undo these effects. They are refused if a package changes again before."""
    return [
        PackageEdit(each.package_id, versions[each.package_id], {change.field: change.old for change in each.changes})
        for each in effects
    ]

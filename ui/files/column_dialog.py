"""The dialog that chooses the columns of a file and their order, and downloads it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing import db, purchase_filter
from ticketing.models import Event
from ticketing.reporting import csv_export, file_columns, file_presets, workbooks
from ticketing.reporting.file_columns import FileColumn, Kind, Preset
from ui import text
from ui.files import saved_columns
from ui.session import PageContext
from ui.widgets import drag_list, forms

FORM = "file_columns"
ROWS_IN_SIGHT = 7
ORDER_HEIGHT = 400  # pixels, of seven rows and a half, so that one sees that there are more
_columns_in_order = drag_list.build("ticketdesk_columns", "Columns in their order")
KINDS: dict[Kind, str] = {"purchases": "A row for each purchase", "guests": "A row for each seat"}


def render_button(container: DeltaGenerator, kind: Kind, query: Mapping[str, str], *, disabled: bool = False) -> None:
    """Render the button that opens the dialog. `query` are the filters of the file, as in its address."""
    args = (kind, dict(query))
    container.button("Choose columns", key="choose_columns", on_click=_open, args=args, disabled=disabled)


def _open(kind: Kind, query: dict[str, str]) -> None:
    values = {
        "kind": kind,
        "columns": None,
        "query": query,
        "saved": None,
        "name": "",
        "for_event": False,
    }
    forms.open_form(FORM, None, 0, values)


def render(context: PageContext, event: Event) -> None:
    """Render the dialog while it is open."""
    forms.render_dialog(
        FORM,
        "Choose columns",
        "Choose columns",
        lambda form: _render_form(context, event, form),
        event.time_zone,
        **forms.SHEET,
    )


def _render_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    kind: Kind | None = st.segmented_control(
        "Rows",
        KINDS,
        key=form.key("kind"),
        format_func=KINDS.__getitem__,
        required=True,
        label_visibility="collapsed",
        on_change=_set_columns,
        args=(form, None),
    )
    assert kind, "the control is required"
    chosen_filter = purchase_filter.parse(form.values["query"], ignored=())
    with db.read_session() as s:
        columns = {each.name: each for each in csv_export.list_columns(s, context.actor, event.id, kind)}
        rows = workbooks.count_rows(s, context.actor, event.id, chosen_filter, kind)
        saved = file_presets.list_presets(s, context.actor, event.id)
    _keep_known_columns(form, columns)
    _render_presets(form, columns)
    saved_columns.render_choices(context, event, form, saved, columns)
    labels = text.unique_labels({name: (each.heading, name) for name, each in columns.items()})
    chosen: list[str] = st.session_state[form.key("columns")]
    st.session_state[form.key("picked")] = chosen
    st.pills(
        "In the file",
        list(columns),
        selection_mode="multi",
        key=form.key("picked"),
        format_func=lambda name: labels.get(name, ""),
        on_change=_pick,
        args=(form,),
    )
    _render_order(form, chosen, labels)
    if any(columns[name].is_personal for name in chosen):
        forms.render_hint("This file has data of people. Send it only to those who need it.")
    _render_download(event, form, kind, chosen, rows, is_everything=chosen == list(columns))
    if chosen:
        saved_columns.render_save(context, event, form, kind, chosen, columns)


def _set_columns(form: forms.FormState, names: list[str] | None) -> None:
    """Put these columns into the file, None for all that it can have."""
    form.notes = ""
    st.session_state[form.key("columns")] = names


def _keep_known_columns(form: forms.FormState, columns: Mapping[str, FileColumn]) -> None:
    """Start with all columns, and leave out those that the file no longer has, such as a question that was deleted."""
    key = form.key("columns")
    names = st.session_state.get(key)
    st.session_state[key] = list(columns) if names is None else [name for name in names if name in columns]


def _render_presets(form: forms.FormState, columns: Mapping[str, FileColumn]) -> None:
    with st.container(horizontal=True, gap="small"):
        st.button("Everything", key=form.key("preset_all"), on_click=_set_columns, args=(form, None))
        for number, preset in enumerate(file_columns.PRESETS):
            st.button(preset.name, key=form.key(f"preset_{number}"), on_click=_use_preset, args=(form, preset, columns))


def _use_preset(form: forms.FormState, preset: Preset, columns: Mapping[str, FileColumn]) -> None:
    st.session_state[form.key("kind")] = preset.kind
    questions = [each for each in columns.values() if each.is_question]
    _set_columns(form, file_columns.apply_preset(preset, questions))


def _pick(form: forms.FormState) -> None:
    """Take out of the file what was switched off, and put what was switched on at its end."""
    picked: list[str] = st.session_state[form.key("picked")]
    before: list[str] = st.session_state[form.key("columns")]
    _set_columns(form, [name for name in before if name in picked] + [name for name in picked if name not in before])


def _render_order(form: forms.FormState, chosen: list[str], labels: Mapping[str, str]) -> None:
    """Render the columns of the file as a list to drag, once there are two."""
    if len(chosen) < 2:
        return
    key = form.key("order")
    rows = [{"id": name, "name": labels[name], "detail": ""} for name in chosen]
    with st.container(height=ORDER_HEIGHT if len(chosen) > ROWS_IN_SIGHT else "content", border=False):
        drag_list.render(
            _columns_in_order,
            key,
            rows,
            form.form_id,
            st.session_state.get(form.key("answered"), 0),
            lambda: _reorder(form, key),
        )


def _reorder(form: forms.FormState, key: str) -> None:
    """Take the order of the list, for the columns that the file still has."""
    sent = st.session_state[key].order
    st.session_state[form.key("answered")] = sent["number"]
    names: list[str] = st.session_state[form.key("columns")]
    order = [name for name in sent["order"] if name in names]
    _set_columns(form, order + [name for name in names if name not in order])


def _render_download(
    event: Event, form: forms.FormState, kind: Kind, chosen: list[str], rows: int, *, is_everything: bool
) -> None:
    query = form.values["query"] | ({} if is_everything else {"columns": ",".join(chosen)})
    address = f"/export/{event.id}/{kind}"
    words = f"?{urlencode(query)}" if query else ""
    if not chosen:
        forms.render_hint("Add at least one column.")
    is_too_long = rows > workbooks.MAX_ROWS
    if is_too_long:
        forms.render_hint(f"These are {rows:,} rows. {workbooks.TOO_LONG}")
    with st.container(horizontal=True, key=form.key("download_row")):
        icon = ":material/download:"
        st.link_button("Download this CSV", f"{address}.csv{words}", icon=icon, type="primary", disabled=not chosen)
        is_off = is_too_long or not chosen
        st.link_button("Download for Excel", f"{address}.xlsx{words}", icon=icon, disabled=is_off)
        st.button("Close", key=form.key("close"), on_click=forms.close_form, args=(FORM,))
    _render_queue()


def _render_queue() -> None:
    """Say how many files for Excel are before the next one, since the browser shows nothing until its turn."""
    waiting = workbooks.QUEUE.count_callers() - 1
    if waiting >= 0:
        others = f", {waiting} more {'waits' if waiting == 1 else 'wait'}" if waiting else ""
        forms.render_hint(f"A file for Excel is being written{others}. Each begins when the one before is done.")

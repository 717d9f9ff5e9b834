"""Saved choices of columns in the dialog of a file: use one, save the columns under a name, delete one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import cast

import streamlit as st

from ticketing import db, validation
from ticketing.access import permissions
from ticketing.models import Event, FilePreset
from ticketing.reporting import file_columns, file_presets
from ticketing.reporting.file_columns import FileColumn, Kind
from ticketing.reporting.file_presets import PresetDraft
from ui import text
from ui.session import PageContext
from ui.widgets import forms


def render_choices(
    context: PageContext,
    event: Event,
    form: forms.FormState,
    saved: Sequence[FilePreset],
    columns: Mapping[str, FileColumn],
) -> None:
    """Render the saved choices: one that is picked sets the columns, and can be deleted."""
    by_id = {each.id: each for each in saved}
    if not by_id:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        picked = st.selectbox(
            "Saved choices",
            list(by_id),
            index=None,
            key=form.key("saved"),
            format_func=lambda preset_id: _describe(by_id[preset_id]),
            placeholder="Pick one",
            on_change=_use,
            args=(form, by_id, columns),
        )
        if picked is not None and (by_id[picked].event_id is None or permissions.is_allowed(context.actor, "change")):
            with st.popover("Delete", icon=":material/delete:", key=form.key("delete_saved")):
                st.write(f"Delete “{text.escape_markdown(by_id[picked].name)}”? Files are not touched.")
                args = (context, event, form, picked)
                st.button("Delete this choice", key=form.key("confirm_delete"), on_click=_delete, args=args)


def render_save(
    context: PageContext,
    event: Event,
    form: forms.FormState,
    kind: Kind,
    chosen: Sequence[str],
    columns: Mapping[str, FileColumn],
) -> None:
    """Render the fields that save the columns under a name."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Save this choice as", key=form.key("name"), max_chars=100, placeholder="Seating plan")
        args = (context, event, form, kind, chosen, columns)
        st.button("Save", key=form.key("save"), on_click=_save, args=args)
    forms.render_problem(form, "name")
    if permissions.is_allowed(context.actor, "change"):
        st.checkbox("For everybody who sees this event", key=form.key("for_event"))


def _describe(preset: FilePreset) -> str:
    return f"{preset.name} · for everybody" if preset.event_id else preset.name


def _use(form: forms.FormState, by_id: Mapping[uuid.UUID, FilePreset], columns: Mapping[str, FileColumn]) -> None:
    """Set rows and columns as they were saved, and say which columns the file no longer has."""
    form.notes = ""
    if (preset := by_id.get(st.session_state[form.key("saved")])) is None:
        return
    questions = [each for each in columns.values() if each.is_question]
    kind = cast("Kind", preset.kind)
    found, missing = file_presets.apply(preset.columns, file_columns.list_columns(kind, questions))
    st.session_state[form.key("kind")] = kind
    st.session_state[form.key("columns")] = found
    if missing:
        form.notes = f"Not in this event: {', '.join(missing)}."


def _save(
    context: PageContext,
    event: Event,
    form: forms.FormState,
    kind: Kind,
    chosen: Sequence[str],
    columns: Mapping[str, FileColumn],
) -> None:
    values = {"name": st.session_state[form.key("name")], "kind": kind, "columns": list(chosen)}
    for_event = bool(st.session_state.get(form.key("for_event")))

    def save(session: db.Session) -> FilePreset:
        draft = validation.validate(PresetDraft, values)
        return file_presets.save(session, context.actor, event.id, draft, columns, for_event=for_event)

    is_done, preset = forms.write(form, save)
    if is_done:
        st.session_state[form.key("saved")] = preset.id
        st.session_state[form.key("name")] = ""


def _delete(context: PageContext, event: Event, form: forms.FormState, preset_id: uuid.UUID) -> None:
    forms.write(form, lambda s: file_presets.delete(s, context.actor, event.id, preset_id))
    st.session_state[form.key("saved")] = None

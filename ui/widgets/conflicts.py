"""What colleagues changed while a form was open: taken over, or for the user to decide, in one banner."""

from __future__ import annotations

import streamlit as st

from ticketing.errors import FieldChange, StaleVersion
from ui import text
from ui.widgets.form_state import FormState


def merge(form: FormState, stale: StaleVersion) -> None:
    """Take over the fields that only colleagues changed; a field that both changed becomes a conflict."""
    form.version = stale.current_version
    for name, change in {change.field: change for change in stale.changes if change.field in form.values}.items():
        theirs = form.to_widget_value(name, change.new)
        if form.typed()[name] in (form.values[name], theirs):
            st.session_state[form.key(name)] = theirs
            form.auto_merged.append(change)
        else:
            form.conflicts[name] = change
        form.values[name] = theirs


def render(form: FormState, zone: str) -> None:
    """Render the banner, with the notes of the form as they are now, and a choice for each field that both changed."""
    if not form.auto_merged and not form.conflicts:
        return
    lines = [f"{_describe_change(form, change, zone)} We've added it to your form." for change in form.auto_merged]
    lines += [
        f"{_describe_change(form, change, zone)} {_describe_own_change(form, name, zone)}"
        for name, change in form.conflicts.items()
    ]
    parts = [text.escape_markdown(form.refusal), *lines, text.escape_markdown(form.notes)]
    with st.container(key=f"refusal_{form.form_id}_{form.attempts}"):  # takes the focus
        st.warning("\n\n".join(part for part in parts if part), icon=":material/call_split:")
    for name in form.conflicts:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{_get_label(form, name)}**", width="content")
            st.button("Keep mine", key=form.key(f"mine_{name}"), on_click=_resolve, args=(form, name, False))
            st.button("Take theirs", key=form.key(f"theirs_{name}"), on_click=_resolve, args=(form, name, True))
    if form.conflicts:
        st.markdown("Choose for each, then save.")


def _get_label(form: FormState, name: str) -> str:
    return text.escape_markdown(form.labels.get(name) or text.FIELD_LABELS.get(name, name))


def _describe_change(form: FormState, change: FieldChange, zone: str) -> str:
    old, new = (text.escape_markdown(text.format_value(change.field, each, zone)) for each in (change.old, change.new))
    action = f"changed {old} to {new}"
    if change.field == "image":  # its value is a hash
        action = "removed it" if change.new is None else "replaced it" if change.old else "added one"
    when = text.format_datetime(change.at, zone)
    return f"**{_get_label(form, change.field)}**: {text.escape_markdown(change.by)} {action}, {when}."


def _describe_own_change(form: FormState, name: str, zone: str) -> str:
    typed = st.session_state.get(form.key(name))
    if name == "image":
        return "You chose another." if typed else "You removed it."
    return f"You typed {text.escape_markdown(text.format_value(name, typed, zone))}."


def _resolve(form: FormState, name: str, take_theirs: bool) -> None:
    del form.conflicts[name]
    if take_theirs:
        st.session_state[form.key(name)] = form.values[name]

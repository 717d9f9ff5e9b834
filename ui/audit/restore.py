"""Restore dialog: shows a field's current and earlier value and asks for confirmation."""

from __future__ import annotations

from html import escape

import streamlit as st

from ticketing import db
from ticketing.catalog import restore
from ticketing.models import AuditEntry, Event
from ui import text
from ui.audit import sentences
from ui.session import PageContext
from ui.widgets import forms, undo

KIND = "restoring"


def open_dialog(entry: AuditEntry) -> None:
    """Open the dialog that restores the value before this entry; for use as a callback."""
    forms.open_form(KIND, entry.change_id, 0, {"entry": entry.id})


def is_open() -> bool:
    return forms.find_form(KIND) is not None


def render(context: PageContext, event: Event) -> None:
    """Render the dialog while it is open."""
    forms.render_dialog(
        KIND, "", "Restore an earlier value", lambda form: _render_confirmation(context, event, form), event.time_zone
    )


def _render_confirmation(context: PageContext, event: Event, form: forms.FormState) -> None:
    with db.read_session() as session:
        offer = restore.find_restorable(session, context.actor, event.id, form.values["entry"])
    if offer is None:
        st.markdown("Nothing to restore: the field already has this value, or the record was deleted.")
        st.button("Close", on_click=forms.close_form, args=(KIND,))
        return
    label = sentences.get_field_label(offer.entry)
    now, after = (sentences.format_value(offer.entry, each, event.time_zone) for each in (offer.now, offer.after))
    st.markdown(f"**{text.escape_markdown(f'{label} of {offer.entry.subject_name}')}**")
    st.html(f'<dl class="restoring"><dt>Now</dt><dd>{escape(now)}</dd><dt>After</dt><dd>{escape(after)}</dd></dl>')
    forms.render_problem(form, str(offer.entry.field))
    sold_hint = " Packages already sold keep their price and seats." if offer.entry.subject_type == "package" else ""
    forms.render_hint(f"The audit log records this like any other change.{sold_hint}")
    with st.container(horizontal=True):
        st.button(
            f"Restore {text.escape_markdown(sentences.get_field_noun(offer.entry))}",
            type="primary",
            icon=":material/settings_backup_restore:",
            on_click=_restore,
            args=(context, event, form, offer, f"{label} of {offer.entry.subject_name} restored."),
        )
        st.button("Cancel", on_click=forms.close_form, args=(KIND,))


def _restore(
    context: PageContext, event: Event, form: forms.FormState, offer: restore.RestorableEntry, message: str
) -> None:
    restored: restore.Record | None = forms.submit(
        form, lambda s: restore.restore(s, context.actor, event.id, offer.entry.id, seen_version=offer.version)
    )
    if restored is not None:
        version = restored.version
        undo.offer(message, lambda s: restore.undo(s, context.actor, offer, seen_version=version))

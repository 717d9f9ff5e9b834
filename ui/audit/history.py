"""History dialog: the audit log of one record, opened from its card."""

from __future__ import annotations

import uuid

import streamlit as st

from ticketing import db
from ticketing.catalog import restore
from ticketing.models import Event
from ticketing.reporting import audit_log
from ui import text
from ui.audit import change_list
from ui.audit import restore as restore_dialog
from ui.session import PageContext
from ui.widgets import forms, paging

_KIND = "history"
_PAGE_KEY = "history_page"
KINDS = (_KIND, restore_dialog.KIND)  # of the dialogs that this module opens


def open_dialog(record_id: uuid.UUID, name: str) -> None:
    """Open the history of a package and its options, or of a promo code; for use as a callback."""
    st.session_state.pop(_PAGE_KEY, None)
    forms.open_form(_KIND, record_id, 0, {"name": name})


def render(context: PageContext, event: Event) -> None:
    """Render the dialog while it is open. The restore dialog replaces it until that is answered."""
    if restore_dialog.is_open():
        restore_dialog.render(context, event)
    else:
        forms.render_dialog(
            _KIND, "", "History", lambda form: _render_changes(context, event, form), event.time_zone, width="medium"
        )


def _render_changes(context: PageContext, event: Event, form: forms.FormState) -> None:
    if restore_dialog.is_open():
        st.rerun()
    with db.read_session() as session:
        assert form.id is not None
        audit_filter = audit_log.build_record_filter(session, event.id, form.id)
        changes, total = paging.load(
            _PAGE_KEY, lambda page: audit_log.list_changes(session, context.actor, event.id, audit_filter, page=page)
        )
        offers = restore.list_restorable(
            session, context.actor, event.id, (entry for change in changes for entry in change.entries)
        )
    st.markdown(f"**{text.escape_markdown(form.values['name'])}** · {text.format_count(total, 'change')}")
    change_list.render(changes, offers, event.time_zone, heading_level=3)
    paging.render(_PAGE_KEY, total, audit_log.PER_PAGE)

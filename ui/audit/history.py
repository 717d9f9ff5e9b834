"""One record's part of the audit log, opened from its card."""

from __future__ import annotations

import uuid

import streamlit as st

from ticketing import db
from ticketing.catalog import restore
from ticketing.models import Event
from ticketing.reporting import audit_log
from ui import text
from ui.audit import change_list
from ui.audit import restore as restoring_dialog
from ui.session import Here
from ui.widgets import forms, paging

_KIND = "history"
_PAGE = "history_page"


def start(record_id: uuid.UUID, name: str) -> None:
    """For a callback: opens the history of a package, with that of its options, or of a promo code."""
    st.session_state.pop(_PAGE, None)
    forms.open_form(_KIND, record_id, 0, {"name": name})


def show(here: Here, event: Event) -> None:
    """The dialog, while it is open; what is restored from it is asked in its place."""
    if restoring_dialog.is_open():
        restoring_dialog.show(here, event)
    else:
        forms.show_dialog(
            _KIND, "", "History", lambda form: _changes(here, event, form), event.time_zone, width="medium"
        )


def _changes(here: Here, event: Event, form: forms.Opened) -> None:
    if restoring_dialog.is_open():
        st.rerun()
    with db.reading() as session:
        sought = audit_log.of_record(session, event.id, form.id)
        rows, total = paging.load(
            _PAGE, lambda page: audit_log.page_of(session, here.actor, event.id, sought, page=page)
        )
        offers = restore.offers(session, here.actor, event.id, (entry for row in rows for entry in row.entries))
    st.markdown(f"**{text.md(form.values['name'])}** · {text.count(total, 'change')}")
    change_list.show(rows, offers, event.time_zone, level=3)
    paging.show(_PAGE, total, audit_log.PER_PAGE)

"""The question before an earlier value is brought back: how the field is now, and how it would be."""

from __future__ import annotations

from html import escape

import streamlit as st

from ticketing import db
from ticketing.catalog import restore
from ticketing.models import AuditEntry, Event
from ui import text
from ui.audit import sentences
from ui.session import Here
from ui.widgets import forms

_KIND = "restoring"


def start(entry: AuditEntry) -> None:
    """For a callback: asks whether to bring back what was there before this entry."""
    forms.open_form(_KIND, entry.change_id, 0, {"entry": entry.id})


def is_open() -> bool:
    return forms.opened(_KIND) is not None


def show(here: Here, event: Event) -> None:
    """The dialog, while it is open."""
    forms.show_dialog(_KIND, "", "Restore an earlier value", lambda form: _ask(here, event, form), event.time_zone)


def _ask(here: Here, event: Event, form: forms.Opened) -> None:
    with db.reading() as session:
        offer = restore.find_offer(session, here.actor, event.id, form.values["entry"])
    if offer is None:
        st.markdown("There is nothing to restore: it is as it was before that change, or it is gone.")
        st.button("Close", on_click=forms.close_form, args=(_KIND,))
        return
    what = sentences.field_of(offer.entry)
    noun = sentences.noun_of(offer.entry)
    now, after = (sentences.value(offer.entry, each, event.time_zone) for each in (offer.now, offer.after))
    st.markdown(f"**{text.md(f'{what} of {offer.entry.subject_name}')}**")
    st.html(f'<dl class="restoring"><dt>Now</dt><dd>{escape(now)}</dd><dt>After</dt><dd>{escape(after)}</dd></dl>')
    forms.show_problem(form.problems, str(offer.entry.field))
    kept = " What is sold keeps its price and its seats." if offer.entry.subject_type == "package" else ""
    forms.hint(f"This is an ordinary change, and the audit log tells it.{kept}")
    with st.container(horizontal=True):
        st.button(
            f"Restore {text.md(noun)}",
            type="primary",
            icon=":material/settings_backup_restore:",
            on_click=_restore,
            args=(here, event, form, offer, f"The {noun} of {offer.entry.subject_name} is restored."),
        )
        st.button("Cancel", on_click=forms.close_form, args=(_KIND,))


def _restore(here: Here, event: Event, form: forms.Opened, offer: restore.Offer, done: str) -> None:
    forms.submit(
        form,
        lambda s: restore.restore(s, here.actor, event.id, offer.entry.id, seen_version=offer.version),
        done,
    )

"""The audit log: who changed what, when, and from what to what; found, downloaded, and brought back."""

from urllib.parse import urlencode

import streamlit as st

from ticketing import db
from ticketing.catalog import packages, promo_codes, restore
from ticketing.errors import InvalidInput
from ticketing.reporting import audit_log
from ui import session, text
from ui.audit import change_list, sentences
from ui.audit import filters as trail_filters
from ui.audit import restore as restoring_dialog
from ui.audit.filters import Choices, View
from ui.purchases import filters
from ui.widgets import forms, paging
from ui.widgets.page_header import show_header

here, event = session.require_event()
TRAILS = {"event": "This event", "office": "Office"}


def refuse(wrong: InvalidInput) -> None:
    """What is not understood is told; nothing is shown in its place that somebody might take for what was asked."""
    problems = "\n".join(f"- {text.md(sentence)}" for sentence in wrong.fields.values())
    st.error(f"This address does not say which changes are meant, so none are shown.\n\n{problems}")
    everything = View(audit_log.EVERYTHING)
    st.button("Show all changes", icon=":material/arrow_forward:", on_click=trail_filters.go, args=(everything,))
    st.stop()


def choices_for(s: db.Session, view: View) -> Choices:
    """Who and what there is; a record that is deleted is known when the address names it."""
    event_id = None if view.is_office else event.id
    people = audit_log.people(s, here.actor, event_id)
    records = {}
    if not view.is_office:
        records = packages.names(s, here.actor, event.id) | promo_codes.names(s, here.actor, event.id)
    records |= audit_log.named(s, here.actor, event_id, set(view.sought.records) - set(records))
    problems = {}
    if set(view.sought.people) - set(people):
        problems["person"] = "“person” names somebody who changed nothing here."
    if set(view.sought.records) - set(records):
        problems["record"] = "“record” names something that this log does not know."
    if problems:
        raise InvalidInput(problems)
    return Choices(people, records, sentences.OFFICE if view.is_office else sentences.OF_EVENTS)


def switch(view: View) -> None:
    """Admins look into the office's trail too: who may come in, and with what."""
    st.session_state.audit_trail = "office" if view.is_office else "event"
    st.segmented_control(
        "Trail", TRAILS, key="audit_trail", format_func=TRAILS.get, required=True, label_visibility="collapsed",
        on_change=lambda: trail_filters.go(View(audit_log.EVERYTHING, st.session_state.audit_trail == "office")),
    )  # fmt: skip


def download(place, view: View) -> None:
    """Exactly what the filters show, all pages of it."""
    query = urlencode(audit_log.to_query(view.sought))
    address = f"/export/{'office' if view.is_office else event.id}/audit.csv" + (f"?{query}" if query else "")
    place.link_button("Audit log CSV", address, icon=":material/download:")


def turn(view: View, key: str) -> None:
    trail_filters.go(View(view.sought, view.is_office, st.session_state[key]))
    filters.stay()


def nothing_here(view: View) -> None:
    with st.container(border=True):
        if view.sought == audit_log.EVERYTHING:
            st.subheader("Nothing was changed yet", anchor=False)
            st.markdown("Every change that staff, the API or an import makes stands here, with who made it and when.")
        else:
            st.subheader("No change matches", anchor=False)
            everything = View(audit_log.EVERYTHING, view.is_office)
            st.button("Clear filters", on_click=trail_filters.go, args=(everything,))


try:
    view = trail_filters.asked()
    if view.is_office and not here.may("administer"):
        raise InvalidInput({"trail": "The office's trail is for admins."})
    with db.reading() as s:
        event_id = None if view.is_office else event.id
        choices = choices_for(s, view)
        found, total = audit_log.page_of(s, here.actor, event_id, view.sought, page=view.page)
        page = min(view.page, max(-(-total // audit_log.PER_PAGE), 1))
        if page < view.page:
            found, total = audit_log.page_of(s, here.actor, event_id, view.sought, page=page)
        shown = (entry for change in found for entry in change.entries)
        offers = {} if view.is_office else restore.offers(s, here.actor, event.id, shown)
except InvalidInput as wrong:
    show_header("Audit log", event)
    refuse(wrong)

actions = show_header("Audit log", event, text.count(total, "change"))
if total:
    download(actions, view)
if here.may("administer"):
    switch(view)
if total or view.sought != audit_log.EVERYTHING:
    trail_filters.show(view, choices)
if view.is_office:
    forms.hint("Accounts, tokens and sign-in, which belong to no event. Times are UTC.")
if page < view.page:
    forms.hint(f"There is no page {view.page:,} any more; this is the last one.")
if total:
    change_list.show(found, offers, audit_log.OFFICE_ZONE if view.is_office else event.time_zone)
    key = f"audit_page_{filters.generation()}_{hash(view.sought)}"
    paging.show(key, total, audit_log.PER_PAGE, default=page, on_change=turn, args=(view, key))
else:
    nothing_here(view)
restoring_dialog.show(here, event)

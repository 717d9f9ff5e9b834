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
from ui.audit.filters import Choices, UrlState
from ui.purchases import filters
from ui.widgets import forms, paging
from ui.widgets.page_header import render_header

context, event = session.require_event()
TRAIL_LABELS = {"event": "This event", "office": "Office"}


def render_invalid_query(error: InvalidInput) -> None:
    """What is not understood is told; nothing is shown in its place that somebody might take for what was asked."""
    problems = "\n".join(f"- {text.escape_markdown(sentence)}" for sentence in error.fields.values())
    st.error(f"This address does not say which changes are meant, so none are shown.\n\n{problems}")
    everything = UrlState(audit_log.ALL_CHANGES)
    st.button("Show all changes", icon=":material/arrow_forward:", on_click=trail_filters.apply, args=(everything,))
    st.stop()


def load_choices(s: db.Session, view: UrlState) -> Choices:
    """Who and what there is; a record that is deleted is known when the address names it."""
    event_id = None if view.is_office else event.id
    people = audit_log.list_people(s, context.actor, event_id)
    records = {}
    if not view.is_office:
        records = packages.list_names(s, context.actor, event.id) | promo_codes.list_names(s, context.actor, event.id)
    records |= audit_log.list_record_names(s, context.actor, event_id, set(view.active_filter.records) - set(records))
    problems = {}
    if set(view.active_filter.people) - set(people):
        problems["person"] = "“person” names somebody who changed nothing here."
    if set(view.active_filter.records) - set(records):
        problems["record"] = "“record” names something that this log does not know."
    if problems:
        raise InvalidInput(problems)
    return Choices(people, records, sentences.OFFICE_ACTIONS if view.is_office else sentences.EVENT_ACTIONS)


def render_trail_switch(view: UrlState) -> None:
    """Admins look into the office's trail too: who may come in, and with what."""
    st.session_state.audit_trail = "office" if view.is_office else "event"
    st.segmented_control(
        "Trail", TRAIL_LABELS, key="audit_trail", format_func=TRAIL_LABELS.get, required=True, label_visibility="collapsed",
        on_change=lambda: trail_filters.apply(UrlState(audit_log.ALL_CHANGES, st.session_state.audit_trail == "office")),
    )  # fmt: skip


def render_download(container, view: UrlState) -> None:
    """Exactly what the filters show, all pages of it."""
    query = urlencode(audit_log.to_query(view.active_filter))
    address = f"/export/{'office' if view.is_office else event.id}/audit.csv" + (f"?{query}" if query else "")
    container.link_button("Audit log CSV", address, icon=":material/download:")


def change_page(view: UrlState, key: str) -> None:
    trail_filters.apply(UrlState(view.active_filter, view.is_office, st.session_state[key]))
    filters.keep_widgets()


def render_empty(view: UrlState) -> None:
    with st.container(border=True):
        if view.active_filter == audit_log.ALL_CHANGES:
            st.subheader("Nothing was changed yet", anchor=False)
            st.markdown("Every change that staff, the API or an import makes stands here, with who made it and when.")
        else:
            st.subheader("No change matches", anchor=False)
            everything = UrlState(audit_log.ALL_CHANGES, view.is_office)
            st.button("Clear filters", on_click=trail_filters.apply, args=(everything,))


try:
    view = trail_filters.parse_query_params()
    if view.is_office and not context.is_allowed("administer"):
        raise InvalidInput({"trail": "The office's trail is for admins."})
    with db.read_session() as s:
        event_id = None if view.is_office else event.id
        choices = load_choices(s, view)
        changes, total = audit_log.list_changes(s, context.actor, event_id, view.active_filter, page=view.page)
        page = min(view.page, max(-(-total // audit_log.PER_PAGE), 1))
        if page < view.page:
            changes, total = audit_log.list_changes(s, context.actor, event_id, view.active_filter, page=page)
        shown_entries = (entry for change in changes for entry in change.entries)
        offers = {} if view.is_office else restore.list_restorable(s, context.actor, event.id, shown_entries)
except InvalidInput as wrong:
    render_header("Audit log", event)
    render_invalid_query(wrong)

actions = render_header("Audit log", event, text.format_count(total, "change"))
if total:
    render_download(actions, view)
if context.is_allowed("administer"):
    render_trail_switch(view)
if total or view.active_filter != audit_log.ALL_CHANGES:
    trail_filters.render(view, choices)
if view.is_office:
    forms.render_hint("Accounts, tokens and sign-in, which belong to no event. Times are UTC.")
if page < view.page:
    forms.render_hint(f"There is no page {view.page:,} any more; this is the last one.")
if total:
    change_list.render(changes, offers, audit_log.OFFICE_ZONE if view.is_office else event.time_zone)
    key = f"audit_page_{filters.generation()}_{hash(view.active_filter)}"
    paging.render(key, total, audit_log.PER_PAGE, default=page, on_change=change_page, args=(view, key))
else:
    render_empty(view)
restoring_dialog.render(context, event)

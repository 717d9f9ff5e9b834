"""Audit log page: the changes of an event or of the office, with filters, a download and restore buttons."""

import uuid
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing import db
from ticketing.catalog import packages, promo_codes, restore
from ticketing.catalog.events import Event
from ticketing.errors import InvalidInput
from ticketing.reporting import audit_log
from ui import session, text
from ui.audit import change_list, sentences
from ui.audit import filters as audit_filters
from ui.audit import restore as restore_dialog
from ui.audit.filters import Choices, UrlState
from ui.purchases import filters
from ui.widgets import forms, paging, printing
from ui.widgets.empty_page import render_empty_page
from ui.widgets.page_header import render_header

context, event = session.require_event()
LOG_LABELS = {"event": "This event", "office": "Office"}


@dataclass(frozen=True)
class Result:
    """What one transaction read: a page of changes (the last one when the URL names a later one), and its choices."""

    changes: list[audit_log.Change]
    total: int
    page: int
    offers: dict[int, restore.RestorableEntry]
    choices: Choices


def load(context: session.PageContext, event: Event, state: UrlState) -> Result:
    """Read the page of changes that the URL asks for. Raises InvalidInput when it names unknown people or records."""
    if state.is_office and not context.is_allowed("administer"):
        raise InvalidInput({"trail": "The office log is for admins."})
    actor, event_id = context.actor, None if state.is_office else event.id
    with db.read_session() as s:
        choices = load_choices(s, context, event_id, state)
        per_page = printing.get_row_count(audit_log.PER_PAGE)
        page = 1 if printing.is_requested() else state.page
        read_page = partial(audit_log.list_changes, s, actor, event_id, state.active_filter, per_page=per_page)
        changes, total = read_page(page=page)
        last_page = max(-(-total // per_page), 1)
        if last_page < page:
            page = last_page
            changes, total = read_page(page=page)
        entries = (entry for change in changes for entry in change.entries)
        offers = {} if event_id is None else restore.list_restorable(s, actor, event_id, entries)
    return Result(changes, total, page, offers, choices)


def load_choices(s: db.Session, context: session.PageContext, event_id: uuid.UUID | None, state: UrlState) -> Choices:
    """Return the choices of the filters; a deleted record is among them while the URL names it."""
    people = audit_log.list_people(s, context.actor, event_id)
    records: dict[uuid.UUID, str] = {}
    if event_id is not None:
        records = packages.list_names(s, context.actor, event_id) | promo_codes.list_names(s, context.actor, event_id)
    named = set(state.active_filter.records)
    records |= audit_log.list_record_names(s, context.actor, event_id, named - set(records))
    problems = {}
    if set(state.active_filter.people) - set(people):
        problems["person"] = "“person” names someone who made no changes here."
    if named - set(records):
        problems["record"] = "“record” names something that is not in this log."
    if problems:
        raise InvalidInput(problems)
    return Choices(people, records, sentences.OFFICE_ACTIONS if event_id is None else sentences.EVENT_ACTIONS)


def render_invalid_query(error: InvalidInput) -> None:
    """Explain what is wrong with the URL. No changes are shown, since they could be taken for what was asked for."""
    problems = "\n".join(f"- {text.escape_markdown(sentence)}" for sentence in error.fields.values())
    st.error(f"No changes are shown, because this link has filters that do not work.\n\n{problems}")
    everything = UrlState(audit_log.ALL_CHANGES)
    st.button("Show all changes", icon=":material/arrow_forward:", on_click=audit_filters.apply, args=(everything,))


def render_log_switch(state: UrlState) -> None:
    """Let admins switch to the office log: staff, tokens and sign-in."""
    st.session_state.audit_trail = "office" if state.is_office else "event"
    st.segmented_control(
        "Log",
        list(LOG_LABELS),
        key="audit_trail",
        format_func=LOG_LABELS.__getitem__,
        required=True,
        label_visibility="collapsed",
        on_change=switch_log,
    )


def switch_log() -> None:
    audit_filters.apply(UrlState(audit_log.ALL_CHANGES, st.session_state.audit_trail == "office"))


def render_download(container: DeltaGenerator, event: Event, state: UrlState) -> None:
    """Link to the CSV of all changes that match the filters."""
    query = urlencode(audit_log.to_query(state.active_filter))
    url = f"/export/{'office' if state.is_office else event.id}/audit.csv" + (f"?{query}" if query else "")
    container.link_button("Audit log CSV", url, icon=":material/download:")
    printing.render_button(container)


def render_changes(event: Event, state: UrlState, result: Result) -> None:
    zone = audit_log.OFFICE_ZONE if state.is_office else event.time_zone
    labels = audit_filters.describe(state.active_filter, result.choices).values()
    shown = [printing.describe_rows(len(result.changes), result.total, "change"), *labels]
    title, about = ("Office log", None) if state.is_office else ("Audit log", event)
    printing.render(title, about, ", ".join(shown), zone)
    if printing.is_requested():
        printing.render_all(change_list.build(result.changes, zone), len(result.changes), result.total)
        return
    change_list.render(result.changes, result.offers, zone)
    key = f"audit_page_{filters.generation()}_{hash(state.active_filter)}"
    paging.render(key, result.total, audit_log.PER_PAGE, default=result.page, on_change=change_page, args=(state, key))


def change_page(state: UrlState, key: str) -> None:
    audit_filters.apply(UrlState(state.active_filter, state.is_office, st.session_state[key]))
    filters.keep_widgets()


def render_empty(state: UrlState) -> None:
    if state.active_filter == audit_log.ALL_CHANGES:
        sentence = "Every change by staff, the API or an import appears here, with who made it and when."
        with render_empty_page("No changes yet", sentence, "audit-log"):
            return
    with st.container(border=True):
        st.header("No matching changes", anchor=False)
        everything = UrlState(audit_log.ALL_CHANGES, state.is_office)
        st.button("Clear filters", on_click=audit_filters.apply, args=(everything,))


def render_page(context: session.PageContext, event: Event, state: UrlState, result: Result) -> None:
    actions = render_header("Audit log", event, text.format_count(result.total, "change"))
    if result.total:
        render_download(actions, event, state)
    with st.container(horizontal=True, vertical_alignment="center"):
        if context.is_allowed("administer"):
            render_log_switch(state)
        if result.total or state.active_filter != audit_log.ALL_CHANGES:
            audit_filters.render(state, result.choices)
    if state.is_office:
        forms.render_hint("Accounts, tokens and sign-in of all events. Times are UTC.")
    if result.page < state.page and not printing.is_requested():
        forms.render_hint(f"There is no page {state.page:,}. This is the last page.")
    if result.total:
        render_changes(event, state, result)
    else:
        render_empty(state)
    restore_dialog.render(context, event)


try:
    state = audit_filters.parse_query_params()
    result = load(context, event, state)
except InvalidInput as exc:
    render_header("Audit log", event)
    render_invalid_query(exc)
else:
    render_page(context, event, state, result)

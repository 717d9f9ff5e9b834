"""All events at a glance: how each sells and what needs attention; admins create, copy and archive them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import db, money
from ticketing.catalog import archive, copying, events
from ticketing.catalog.events import Event
from ticketing.reporting import event_overview
from ticketing.reporting.event_overview import EventOverview, Kind, Overview
from ticketing.validation import validate
from ui import menu, session, text
from ui.events import cards
from ui.runtime import outage
from ui.session import PageContext
from ui.widgets import forms, list_rows, paging, undo
from ui.widgets.empty_page import render_empty_page
from ui.widgets.page_header import render_header

context = session.require()
PER_PAGE = 24
KIND_KEY = "events_kind"
KIND_LABELS: dict[Kind, str] = {"upcoming": "Upcoming", "past": "Past", "archived": "Archived"}
COPY_DATE_SHIFT = timedelta(weeks=52)  # keeps the day of the week
COPY_LABELS = {
    "packages": "Packages",
    "options": "Their options",
    "pictures": "Their pictures",
    "promo_codes": "Promo codes",
    "staff": "Staff assigned to the event",
}


def start_new() -> None:
    forms.open_form("event", None, 0, to_form_values())


def start_edit(context: PageContext, event_id: uuid.UUID) -> None:
    with db.read_session() as s:
        event = events.get(s, context.actor, event_id)
    forms.open_form("event", event.id, event.version, to_form_values(event), to_widget_value)


@outage.keep_page_on_outage()
def handle_menu_choice(context: PageContext, event: EventOverview) -> None:
    """Run the entry picked in an event's menu."""
    choice = st.session_state[f"menu_{event.id}"]
    if choice in ("Archive", "Restore"):
        set_archived(context, event)
        return
    start = start_copy if choice == "Copy" else start_edit
    start(context, event.id)


def start_copy(context: PageContext, event_id: uuid.UUID) -> None:
    """Open the form of the copy with the name and start of next year's event."""
    with db.read_session() as s:
        event = events.get(s, context.actor, event_id)
    values = to_form_values(event)
    before = values["starts_at"]
    values["starts_at"] = after = min(before + COPY_DATE_SHIFT, datetime(2099, 12, 31))
    values["name"] = event.name.replace(str(before.year), str(after.year))
    forms.open_form("event_copy", event.id, 0, values | dict.fromkeys(COPY_LABELS, True))


def to_form_values(event: Event | None = None) -> dict[str, Any]:
    """Return the widget values for an event, or for a new one."""
    if event is None:
        zone = st.context.timezone if st.context.timezone in events.list_time_zones() else "America/New_York"
        return {"name": "", "starts_at": None, "time_zone": zone, "venue": "", "revenue_goal": ""}
    return {
        "name": event.name,
        "starts_at": event.starts_at.astimezone(ZoneInfo(event.time_zone)).replace(tzinfo=None),
        "time_zone": event.time_zone,
        "venue": event.venue,
        "revenue_goal": "" if event.revenue_goal is None else money.format_plain(event.revenue_goal),
    }


def to_widget_value(name: str, stored: object) -> object:
    """Return a stored value as its widget holds it: the start in the entered time zone."""
    if name == "starts_at":
        zone = ZoneInfo(forms.get_form("event").typed()["time_zone"])
        return datetime.fromisoformat(str(stored)).astimezone(zone).replace(tzinfo=None)
    return "" if stored is None else stored


def save(context: PageContext, form: forms.FormState) -> None:
    record_id = form.id
    if record_id is None:
        typed = forms.mark_amount(form.typed(), "revenue_goal")
        created = forms.submit(
            form,
            lambda s: events.create(s, context.actor, validate(events.EventDraft, typed)),
            lambda event: f"{event.name} created. Add a package.",
            shown_as=lambda event: f"card_{event.id}",
        )
        if created:
            session.select_event(created.id)
            menu.request_page("packages")
        return
    changes = forms.mark_amount(form.changed_values(), "revenue_goal")
    if {"starts_at", "time_zone"} & changes.keys():
        changes |= {name: form.typed()[name] for name in ("starts_at", "time_zone")}
    before: dict[str, Any] = {}

    def work(s: db.Session) -> Event:
        before.update(undo.take_snapshot(events.get(s, context.actor, record_id), events.EventDraft.model_fields))
        return events.update(s, context.actor, record_id, changes, seen_version=form.version)

    saved: Event | None = forms.submit(form, work)
    if saved is None:
        return
    undo.offer_edit(
        f"{saved.name} saved.",
        undo.list_old_values(before, saved),
        lambda s, old: events.update(s, context.actor, record_id, old, seen_version=saved.version),
    )


def copy(context: PageContext, form: forms.FormState) -> None:
    """Copy the event, select the copy, and open the report."""
    source_id = form.id
    assert source_id is not None
    typed = forms.mark_amount(form.typed(), "revenue_goal")
    include = copying.CopyDraft(**{name: typed.pop(name) for name in COPY_LABELS})
    copied = forms.submit(
        form,
        lambda s: copying.copy_event(s, context.actor, source_id, validate(events.EventDraft, typed), include),
    )
    if copied:
        session.select_event(copied.event.id)
        forms.open_form("event_copied", copied.event.id, 0, build_copy_report(copied))


def build_copy_report(copied: copying.EventCopy) -> dict[str, Any]:
    """Return the texts of the report on a copy."""
    counted = {
        text.format_count(copied.packages, "package"): copied.packages,
        text.format_count(copied.options, "option"): copied.options,
        text.format_count(copied.pictures, "picture"): copied.pictures,
        text.format_count(copied.promo_codes, "promo code"): copied.promo_codes,
        text.format_count(copied.staff, "staff member"): copied.staff,
    }
    copied_parts = ", ".join(label for label, number in counted.items() if number) or "nothing but the event itself"
    event = copied.event
    starts = text.format_event_date(event.starts_at, event.time_zone)
    return {"name": event.name, "starts": starts, "copied": copied_parts, "left_out": copied.left_out}


def render_event_fields(form: forms.FormState) -> None:
    forms.render_required_note()
    st.text_input("Name", key=form.key("name"), placeholder="Harbor Lights Gala")
    forms.render_problem(form, "name")
    forms.render_datetime_input("Starts", form.key("starts_at"))
    forms.render_problem(form, "starts_at")
    st.selectbox(
        "Time zone of the venue",
        events.list_time_zones(),
        key=form.key("time_zone"),
        help="Sales by day, expiry of promo codes and times on pages are in this zone.",
    )
    forms.render_problem(form, "time_zone")
    st.text_input("Venue", key=form.key("venue"), placeholder="Pier 9 Hall")
    forms.render_problem(form, "venue")
    key, icon = form.key("revenue_goal"), ":material/attach_money:"
    st.text_input("Revenue goal (optional)", key=key, placeholder="750,000", icon=icon)
    forms.render_problem(form, "revenue_goal")


def render_event_form(context: PageContext, form: forms.FormState) -> None:
    with st.form("event_form", border=False):
        render_event_fields(form)
        forms.render_submit("Create event" if form.id is None else "Save event", form, lambda: save(context, form))


def render_copy_form(context: PageContext, form: forms.FormState) -> None:
    with st.form("event_copy_form", border=False):
        render_event_fields(form)
        st.markdown("**What to copy**")
        for name, label in COPY_LABELS.items():
            st.checkbox(label, key=form.key(name))
        forms.render_hint(
            "Counters start at zero, and purchases stay with the earlier event. A promo code expires as many days "
            "later as the new event starts later, at the same time of day."
        )
        forms.render_submit("Copy event", form, lambda: copy(context, form))


def render_copy_report(form: forms.FormState) -> None:
    report = form.values
    st.markdown(f"**{text.escape_markdown(report['name'])}** created and open: {report['starts']}.")
    st.markdown(f"Copied: {report['copied']}.")
    if report["left_out"]:
        st.markdown(
            "Not copied:\n" + "".join(f"\n- {text.escape_markdown(sentence)}" for sentence in report["left_out"])
        )
    with st.container(horizontal=True):
        st.button("Go to its packages", type="primary", on_click=close_copy_report, args=("packages",))
        st.button("Stay here", on_click=close_copy_report)


def close_copy_report(page: str | None = None) -> None:
    forms.close_form("event_copied")
    if page:
        menu.request_page(page)


def render_cards(context: PageContext, shown: Sequence[EventOverview]) -> None:
    is_editable = context.is_allowed("change")
    with cards.render_grid():
        for event in shown:
            with cards.render_card(event, open_event, event.id):
                if is_editable:
                    render_menu(context, event)


def open_event(event_id: uuid.UUID) -> None:
    session.select_event(event_id)
    menu.request_page("sales")


def render_menu(context: PageContext, event: EventOverview) -> None:
    entries = ["Edit"]
    if context.is_allowed("administer"):
        entries += ["Copy", "Restore" if event.is_archived else "Archive"]
    list_rows.render_menu(text.escape_markdown(event.name), entries, event.id, handle_menu_choice, context, event)


def set_archived(context: PageContext, event: EventOverview) -> None:
    """Archive an event, or restore it, and offer to undo that."""
    forth, back, done = (
        (archive.restore, archive.archive, "restored")
        if event.is_archived
        else (archive.archive, archive.restore, "archived")
    )
    undo.run(
        f"{event.name} {done}.",
        lambda s: forth(s, context.actor, event.id),
        lambda _, s: back(s, context.actor, event.id),
    )


def render_empty_state(context: PageContext) -> None:
    may_create = context.is_allowed("administer")
    sentence = (
        "An event is what you sell for: a gala, a golf day, a concert. Create the first one, then add its packages."
        if may_create
        else "You are not assigned to an event yet. Ask an admin."
    )
    with render_empty_page("No events yet", sentence, "events"):
        if may_create:
            st.button("New event", icon=":material/add:", type="primary", on_click=start_new)


def render_page(context: PageContext) -> None:
    kind: Kind = st.session_state.get(KIND_KEY, "upcoming")
    with db.read_session() as s:
        overview = event_overview.get_overview(s, context.actor, kind)
        if kind == "archived" and not overview.events:  # the last one was restored
            kind = st.session_state[KIND_KEY] = "upcoming"
            overview = event_overview.get_overview(s, context.actor, kind)
    counts = overview.count_by_kind
    actions = render_header("All events", subtitle=format_summary(overview) if kind == "upcoming" else "")
    if not any(counts.values()):
        render_empty_state(context)
        return
    if context.is_allowed("administer"):
        actions.button("New event", icon=":material/add:", type="primary", on_click=start_new)
    with st.container(horizontal=True, vertical_alignment="center", key="event_tools"):
        if counts["past"] or counts["archived"]:
            render_kinds(counts)
        shown = render_attention_switch(overview.events) if kind == "upcoming" else overview.events
    if not shown:
        render_empty_kind(kind)
        return
    key = f"{KIND_KEY}_{kind}_page"
    page = st.session_state[key] = min(int(st.session_state.get(key, 1)), -(-len(shown) // PER_PAGE))
    render_cards(context, shown[(page - 1) * PER_PAGE : page * PER_PAGE])
    paging.render(key, len(shown), PER_PAGE)


def format_summary(overview: Overview) -> str:
    """Return "24 upcoming · 3 need attention"."""
    number = sum(bool(event.attention) for event in overview.events)
    parts = [f"{len(overview.events):,} upcoming"] if overview.events else []
    if number:
        parts.append(f"{number:,} {'needs' if number == 1 else 'need'} attention")
    return " · ".join(parts)


def render_attention_switch(upcoming: Sequence[EventOverview]) -> Sequence[EventOverview]:
    """Offer to list only events that need attention, when there are others; return those to list."""
    needing = [event for event in upcoming if event.attention]
    if not 0 < len(needing) < len(upcoming):
        return upcoming
    return needing if st.toggle("Needs attention", key="events_attention") else upcoming


def render_kinds(counts: Mapping[Kind, int]) -> None:
    """Let the user choose which events to list. Archived ones are offered when there are any."""
    kinds = [kind for kind in event_overview.KINDS if kind != "archived" or counts[kind]]
    st.session_state.setdefault(KIND_KEY, "upcoming")
    st.segmented_control(
        "Show",
        kinds,
        key=KIND_KEY,
        required=True,
        persist_state="session",
        format_func=lambda kind: f"{KIND_LABELS[kind]} {counts[kind]:,}",
        label_visibility="collapsed",
    )


def render_empty_kind(kind: Kind) -> None:
    with st.container(border=True):
        st.markdown(f"No {kind} events.")


def render_dialogs(context: PageContext) -> None:
    form = forms.find_form("event")
    zone = form.typed()["time_zone"] if form else "UTC"
    kept = {"drafts": str(context.actor.staff_id), **forms.SHEET}
    forms.render_dialog("event", "New event", "Edit event", lambda form: render_event_form(context, form), zone, **kept)
    forms.render_dialog(
        "event_copy", "Copy event", "Copy event", lambda form: render_copy_form(context, form), "UTC", **kept
    )
    forms.render_dialog("event_copied", "Copied", "Copied", render_copy_report, "UTC")


render_page(context)
render_dialogs(context)

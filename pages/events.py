"""The events page: the events that a user may see; admins create new ones."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import db, money
from ticketing.catalog import copying, events
from ticketing.catalog.events import Event
from ticketing.validation import validate
from ui import menu, session, text
from ui.runtime import outage
from ui.session import PageContext
from ui.widgets import forms, paging
from ui.widgets.page_header import render_header

context = session.require()
PER_PAGE = 20
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
def handle_menu_choice(context: PageContext, event_id: uuid.UUID) -> None:
    """Run the entry picked in an event's menu."""
    start = start_copy if st.session_state[f"menu_{event_id}"] == "Copy" else start_edit
    start(context, event_id)


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
        created = forms.submit(
            form,
            lambda s: events.create(s, context.actor, validate(events.EventDraft, form.typed())),
            lambda event: f"{event.name} created. Add a package.",
        )
        if created:
            session.select_event(created.id)
            menu.request_page("packages")
        return
    changes = form.changed_values()
    if {"starts_at", "time_zone"} & changes.keys():
        changes |= {name: form.typed()[name] for name in ("starts_at", "time_zone")}
    forms.submit(
        form,
        lambda s: events.update(s, context.actor, record_id, changes, seen_version=form.version),
        lambda event: f"{event.name} saved.",
    )


def copy(context: PageContext, form: forms.FormState) -> None:
    """Copy the event, select the copy, and open the report."""
    source_id = form.id
    assert source_id is not None
    typed = form.typed()
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
    st.text_input("Name", key=form.key("name"), placeholder="Harbor Lights Gala")
    forms.render_problem(form.problems, "name")
    forms.render_datetime_input("Starts", form.key("starts_at"))
    forms.render_problem(form.problems, "starts_at")
    st.selectbox("Time zone of the venue", events.list_time_zones(), key=form.key("time_zone"))
    forms.render_problem(form.problems, "time_zone")
    st.text_input("Venue", key=form.key("venue"), placeholder="Pier 9 Hall")
    forms.render_problem(form.problems, "venue")
    st.text_input("Revenue goal in US dollars (optional)", key=form.key("revenue_goal"), placeholder="750000")
    forms.render_problem(form.problems, "revenue_goal")


def render_event_form(context: PageContext, form: forms.FormState) -> None:
    with st.form("event_form", border=False, enter_to_submit=False):
        render_event_fields(form)
        forms.render_submit("Create event" if form.id is None else "Save event", form, lambda: save(context, form))


def render_copy_form(context: PageContext, form: forms.FormState) -> None:
    with st.form("event_copy_form", border=False, enter_to_submit=False):
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


def render_card(context: PageContext, event: Event) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap="xsmall"):
            st.subheader(text.escape_markdown(event.name), anchor=False)
            line = text.format_event_line(event.venue, event.starts_at, event.time_zone)
            goal = f" · goal {text.format_whole_dollars(event.revenue_goal)}" if event.revenue_goal else ""
            st.markdown(line + goal)
        if context.is_allowed("administer"):
            entries = ["Edit", "Copy"]
            key = f"menu_{event.id}"
            st.menu_button("Actions", entries, key=key, on_click=handle_menu_choice, args=(context, event.id))
        elif context.is_allowed("change"):
            st.button("Edit", key=f"edit_{event.id}", on_click=start_edit, args=(context, event.id))
        st.page_link(
            menu.path("sales"),
            label="Open",
            icon=":material/arrow_forward:",
            query_params=session.event_query_params(event),
            width="content",
        )


def render_empty_state(context: PageContext) -> None:
    with st.container(border=True):
        st.subheader("No events yet", anchor=False)
        st.markdown(
            "An event is what you sell for: a gala, a golf day, a concert. Create the first one, then add its packages."
            if context.is_allowed("administer")
            else "You are not assigned to an event yet. Ask an admin."
        )


def render_page(context: PageContext) -> None:
    with db.read_session() as s:
        rows, total = paging.load(
            "events_page", lambda page: events.list_page(s, context.actor, page=page, per_page=PER_PAGE)
        )
    actions = render_header("Events")
    if context.is_allowed("administer"):
        actions.button("New event", icon=":material/add:", type="primary", on_click=start_new)
    if not total:
        render_empty_state(context)
    for event in rows:
        render_card(context, event)
    paging.render("events_page", total, PER_PAGE)


def render_dialogs(context: PageContext) -> None:
    form = forms.find_form("event")
    zone = form.typed()["time_zone"] if form else "UTC"
    forms.render_dialog("event", "New event", "Edit event", lambda form: render_event_form(context, form), zone)
    forms.render_dialog("event_copy", "Copy event", "Copy event", lambda form: render_copy_form(context, form), "UTC")
    forms.render_dialog("event_copied", "Copied", "Copied", render_copy_report, "UTC")


render_page(context)
render_dialogs(context)

"""All events a person may see; admins make new ones."""

import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import db, events, money
from ticketing.fields import validated
from ui import forms, menu, paging, session, text
from ui.header import show_header

here = session.require()
PER_PAGE = 20


def start_new() -> None:
    forms.open_form("event", None, 0, as_fields())


def start_edit(event_id: uuid.UUID) -> None:
    with db.reading() as s:
        event = events.get(s, here.actor, event_id)
    forms.open_form("event", event.id, event.version, as_fields(event), as_typed)


def as_fields(event=None) -> dict:
    """What the form's widgets hold for an event, or for a new one."""
    if event is None:
        zone = st.context.timezone if st.context.timezone in events.time_zones() else "America/New_York"
        return {"name": "", "starts_at": None, "time_zone": zone, "venue": "", "revenue_goal": ""}
    return {
        "name": event.name,
        "starts_at": event.starts_at.astimezone(ZoneInfo(event.time_zone)).replace(tzinfo=None),
        "time_zone": event.time_zone,
        "venue": event.venue,
        "revenue_goal": "" if event.revenue_goal is None else money.plain(event.revenue_goal),
    }


def as_typed(name: str, stored: object) -> object:
    if name == "starts_at":
        zone = ZoneInfo(forms.opened("event").typed()["time_zone"])
        return datetime.fromisoformat(str(stored)).astimezone(zone).replace(tzinfo=None)
    return "" if stored is None else stored


def save() -> None:
    form = forms.opened("event")
    if form.id is None:
        made = forms.submit(
            form,
            lambda s: events.create(s, here.actor, validated(events.EventDraft, form.typed())),
            lambda event: f"{event.name} is made. Add what it sells.",
        )
        if made:
            session.go_to_event(made.id)
            menu.go("packages")
        return
    changes = form.changed()
    if {"starts_at", "time_zone"} & changes.keys():
        changes |= {name: form.typed()[name] for name in ("starts_at", "time_zone")}
    forms.submit(
        form,
        lambda s: events.change(s, here.actor, form.id, changes, seen_version=form.version),
        lambda event: f"{event.name} is saved.",
    )


def event_form(form: forms.Opened) -> None:
    with st.form("event_form", border=False, enter_to_submit=False):
        st.text_input("Name", key=form.key("name"), placeholder="Harbor Lights Gala")
        forms.show_problem(form.problems, "name")
        forms.ask_moment("Starts", form.key("starts_at"))
        forms.show_problem(form.problems, "starts_at")
        st.selectbox("Time zone of the venue", events.time_zones(), key=form.key("time_zone"))
        forms.show_problem(form.problems, "time_zone")
        st.text_input("Venue", key=form.key("venue"), placeholder="Pier 9 Hall")
        forms.show_problem(form.problems, "venue")
        st.text_input("Revenue goal in US dollars (optional)", key=form.key("revenue_goal"), placeholder="750000")
        forms.show_problem(form.problems, "revenue_goal")
        forms.show_submit("Make event" if form.id is None else "Save event", form, save)


with db.reading() as s:
    rows, total = paging.load("events_page", lambda page: events.list_for(s, here.actor, page=page, per_page=PER_PAGE))

actions = show_header("Events")
if here.may("administer"):
    actions.button("New event", icon=":material/add:", type="primary", on_click=start_new)

if not total:
    with st.container(border=True):
        st.subheader("No events yet", anchor=False)
        st.markdown(
            "An event is what you sell for: a gala, a golf day, a concert. Make the first one, then add its packages."
            if here.may("administer")
            else "Nobody assigned you to an event yet. Ask an admin."
        )

for event in rows:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap="xsmall"):
            st.subheader(text.md(event.name), anchor=False)
            line = text.event_line(event.venue, event.starts_at, event.time_zone)
            goal = f" · goal {text.whole_dollars(event.revenue_goal)}" if event.revenue_goal else ""
            st.markdown(line + goal)
        if here.may("change"):
            st.button("Edit", key=f"edit_{event.id}", on_click=start_edit, args=(event.id,))
        st.page_link(
            menu.path("sales"),
            label="Open",
            icon=":material/arrow_forward:",
            query_params=session.query(event),
            width="content",
        )

paging.show("events_page", total, PER_PAGE)

form = forms.opened("event")
zone = form.typed()["time_zone"] if form else "UTC"
forms.show_dialog("event", "New event", "Edit event", event_form, zone)

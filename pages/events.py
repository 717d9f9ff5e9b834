"""All events a person may see; admins make new ones."""

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import db, money
from ticketing.catalog import copying, events
from ticketing.validation import validate
from ui import menu, session, text
from ui.runtime import outage
from ui.widgets import forms, paging
from ui.widgets.page_header import render_header

context = session.require()
PER_PAGE = 20
# A year later, on the same day of the week.
COPY_DATE_SHIFT = timedelta(weeks=52)
COPY_LABELS = {
    "packages": "Packages",
    "options": "Their options",
    "pictures": "Their pictures",
    "promo_codes": "Promo codes",
    "staff": "The team: who works on the event",
}


def start_new() -> None:
    forms.open_form("event", None, 0, to_form_values())


def start_edit(event_id: uuid.UUID) -> None:
    with db.read_session() as s:
        event = events.get(s, context.actor, event_id)
    forms.open_form("event", event.id, event.version, to_form_values(event), to_widget_value)


@outage.keep_page_on_outage()
def handle_menu_choice(event_id: uuid.UUID) -> None:
    """What was picked in an event's menu."""
    (start_copy if st.session_state[f"menu_{event_id}"] == "Copy" else start_edit)(event_id)


def start_copy(event_id: uuid.UUID) -> None:
    """The form of the new event, filled in as the next one of its kind may be."""
    with db.read_session() as s:
        event = events.get(s, context.actor, event_id)
    values = to_form_values(event)
    before = values["starts_at"]
    values["starts_at"] = after = min(before + COPY_DATE_SHIFT, datetime(2099, 12, 31))
    values["name"] = event.name.replace(str(before.year), str(after.year))
    forms.open_form("event_copy", event.id, 0, values | dict.fromkeys(COPY_LABELS, True))


def to_form_values(event=None) -> dict:
    """What the form's widgets hold for an event, or for a new one."""
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
    if name == "starts_at":
        zone = ZoneInfo(forms.find_form("event").typed()["time_zone"])
        return datetime.fromisoformat(str(stored)).astimezone(zone).replace(tzinfo=None)
    return "" if stored is None else stored


def save() -> None:
    form = forms.find_form("event")
    if form.id is None:
        made = forms.submit(
            form,
            lambda s: events.create(s, context.actor, validate(events.EventDraft, form.typed())),
            lambda event: f"{event.name} is made. Add what it sells.",
        )
        if made:
            session.select_event(made.id)
            menu.request_page("packages")
        return
    changes = form.changed_values()
    if {"starts_at", "time_zone"} & changes.keys():
        changes |= {name: form.typed()[name] for name in ("starts_at", "time_zone")}
    forms.submit(
        form,
        lambda s: events.update(s, context.actor, form.id, changes, seen_version=form.version),
        lambda event: f"{event.name} is saved.",
    )


def copy() -> None:
    """Copies, makes the new event the one that the pages are about, and reports."""
    form = forms.find_form("event_copy")
    typed = form.typed()
    wanted = copying.CopyDraft(**{name: typed.pop(name) for name in COPY_LABELS})
    copied = forms.submit(
        form,
        lambda s: copying.copy_event(s, context.actor, form.id, validate(events.EventDraft, typed), wanted),
    )
    if copied:
        session.select_event(copied.event.id)
        forms.open_form("event_copied", copied.event.id, 0, build_copy_report(copied))


def build_copy_report(copied: copying.EventCopy) -> dict:
    """What a person reads of a copy that was made."""
    counted = {
        text.format_count(copied.packages, "package"): copied.packages,
        text.format_count(copied.options, "option"): copied.options,
        text.format_count(copied.pictures, "picture"): copied.pictures,
        text.format_count(copied.promo_codes, "promo code"): copied.promo_codes,
        text.format_count(copied.staff, "person of the team", "people of the team"): copied.staff,
    }
    came = ", ".join(told for told, number in counted.items() if number) or "nothing but the event itself"
    event = copied.event
    starts = text.format_event_date(event.starts_at, event.time_zone)
    return {"name": event.name, "starts": starts, "copied": came, "left_out": copied.left_out}


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


def render_event_form(form: forms.FormState) -> None:
    with st.form("event_form", border=False, enter_to_submit=False):
        render_event_fields(form)
        forms.render_submit("Make event" if form.id is None else "Save event", form, save)


def render_copy_form(form: forms.FormState) -> None:
    with st.form("event_copy_form", border=False, enter_to_submit=False):
        render_event_fields(form)
        st.markdown("**What comes along**")
        for name, label in COPY_LABELS.items():
            st.checkbox(label, key=form.key(name))
        forms.render_hint(
            "Counters begin at zero, and purchases stay with the earlier event. A promo code expires as many days "
            "later as the new event starts later, at the same time of day."
        )
        forms.render_submit("Copy event", form, copy)


def render_copy_report(form: forms.FormState) -> None:
    told = form.values
    st.markdown(f"**{text.escape_markdown(told['name'])}** is made and open: {told['starts']}.")
    st.markdown(f"Copied: {told['copied']}.")
    if told["left_out"]:
        st.markdown("Not copied:\n" + "".join(f"\n- {text.escape_markdown(sentence)}" for sentence in told["left_out"]))
    with st.container(horizontal=True):
        st.button("Go to its packages", type="primary", on_click=close_copy_report, args=("packages",))
        st.button("Stay here", on_click=close_copy_report)


def close_copy_report(page: str | None = None) -> None:
    forms.close_form("event_copied")
    if page:
        menu.request_page(page)


with db.read_session() as s:
    rows, total = paging.load(
        "events_page", lambda page: events.list_page(s, context.actor, page=page, per_page=PER_PAGE)
    )

actions = render_header("Events")
if context.is_allowed("administer"):
    actions.button("New event", icon=":material/add:", type="primary", on_click=start_new)

if not total:
    with st.container(border=True):
        st.subheader("No events yet", anchor=False)
        st.markdown(
            "An event is what you sell for: a gala, a golf day, a concert. Make the first one, then add its packages."
            if context.is_allowed("administer")
            else "Nobody assigned you to an event yet. Ask an admin."
        )

for event in rows:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap="xsmall"):
            st.subheader(text.escape_markdown(event.name), anchor=False)
            line = text.format_event_line(event.venue, event.starts_at, event.time_zone)
            goal = f" · goal {text.format_whole_dollars(event.revenue_goal)}" if event.revenue_goal else ""
            st.markdown(line + goal)
        if context.is_allowed("administer"):
            st.menu_button(
                "Actions", ["Edit", "Copy"], key=f"menu_{event.id}", on_click=handle_menu_choice, args=(event.id,)
            )
        elif context.is_allowed("change"):
            st.button("Edit", key=f"edit_{event.id}", on_click=start_edit, args=(event.id,))
        st.page_link(
            menu.path("sales"),
            label="Open",
            icon=":material/arrow_forward:",
            query_params=session.event_query_params(event),
            width="content",
        )

paging.render("events_page", total, PER_PAGE)

form = forms.find_form("event")
zone = form.typed()["time_zone"] if form else "UTC"
forms.render_dialog("event", "New event", "Edit event", render_event_form, zone)
forms.render_dialog("event_copy", "Copy event", "Copy event", render_copy_form, "UTC")
forms.render_dialog("event_copied", "Copied", "Copied", render_copy_report, "UTC")

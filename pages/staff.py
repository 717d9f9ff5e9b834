"""Staff page for admins: invite, edit, deactivate and activate people, and end their sessions."""

import uuid
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from ticketing import db, settings
from ticketing.access import invitations, staff
from ticketing.access.staff import Staff
from ticketing.validation import validate
from ui import session, text
from ui.account import session_list
from ui.runtime import outage
from ui.session import PageContext
from ui.widgets import forms, list_rows, paging, undo
from ui.widgets.list_rows import Badge, Figure, Row, build_icon
from ui.widgets.page_header import render_header

context = session.require("administer")
PER_PAGE = 20
ROLE_LABELS = {
    "admin": "Admin: everything, in all events",
    "coordinator": "Coordinator: everything in the events below",
    "viewer": "Viewer: looks at the events below, changes nothing",
}
STATE_BADGES = {
    "invited": Badge("Invited", "mail", "note"),
    "link_expired": Badge("Link expired", "link_off", "note"),
    "deactivated": Badge("Deactivated", "block"),
}
TITLES = ("Role", "Last seen")
MAX_EVENTS_SHOWN = 3


@dataclass
class PersonFormState:
    """The names of the events that the edited person was assigned to when the form was opened, by id."""

    assigned_events: dict[uuid.UUID, str] = field(default_factory=dict)


def open_new_form() -> None:
    forms.open_form("person", None, 0, {"name": "", "email": "", "role": "coordinator", "events": []})


@outage.keep_page_on_outage()
def start_edit(context: PageContext, person_id: uuid.UUID) -> None:
    with db.read_session() as s:
        person = staff.get(s, context.actor, person_id)
    row = person.row
    values = {"name": row.name, "role": row.role, "events": list(person.events)}
    forms.open_form("person", row.id, row.version, values)
    forms.get_page_state(forms.get_form("person"), PersonFormState).assigned_events = dict(person.events)


@outage.keep_page_on_outage()
def handle_menu_choice(context: PageContext, person_id: uuid.UUID) -> None:
    """Do what was chosen in a person's menu."""
    choice = st.session_state[f"menu_{person_id}"]
    with db.read_session() as s:
        person = staff.get(s, context.actor, person_id)
    row = person.row
    if choice == "Edit":
        start_edit(context, person_id)
    elif choice == "Activate":
        activate(context, row)
    else:
        kind = {"New link": "link", "Sessions": "sessions", "Deactivate": "deactivation"}[choice]
        forms.open_form(kind, row.id, row.version, {})
        forms.get_form(kind).values = {"name": row.name, "email": row.email, "link": None}


def save(context: PageContext) -> None:
    """Invite a person, or save the changes of one."""
    form = forms.get_form("person")
    if form.id is None:
        values = form.typed()
        draft = {name: values[name] for name in ("name", "email", "role")}
        invited = forms.submit(
            form,
            lambda s: staff.invite(
                s, context.actor, validate(staff.InvitationDraft, draft), event_ids=values["events"]
            ),
        )
        if invited and (provider := settings.load().only_provider):
            forms.add_message(f"{invited[0].name} can sign in with {provider} now.")
        elif invited:
            open_link_dialog(*invited)
        return
    person_id, changes = form.id, form.changed_values()
    old_events = set(form.values["events"])
    new_events = set(changes.pop("events", old_events))
    before: dict[str, Any] = {}

    def work(s: db.Session) -> Staff:
        before.update(undo.take_snapshot(staff.get(s, context.actor, person_id).row, ("name", "role")))
        return staff.update(
            s,
            context.actor,
            person_id,
            changes,
            seen_version=form.version,
            assign=new_events - old_events,
            unassign=old_events - new_events,
        )

    saved: Staff | None = forms.submit(form, work)
    if saved is None:
        return
    old = undo.list_old_values(before, saved)
    if not old and new_events == old_events:
        forms.add_message("Nothing was changed.")
        return
    undo.offer(
        f"{saved.name} saved.",
        lambda s: staff.update(
            s,
            context.actor,
            person_id,
            old,
            seen_version=saved.version,
            assign=old_events - new_events,
            unassign=new_events - old_events,
        ),
    )


def create_link(context: PageContext) -> None:
    form = forms.get_form("link")
    assert form.id is not None
    person_id = form.id
    if created := forms.submit(form, lambda s: staff.create_invitation_link(s, context.actor, person_id)):
        open_link_dialog(*created)


def open_link_dialog(person: Staff, secret: str) -> None:
    """Open the dialog with an invitation link. The link is forgotten when the dialog is closed."""
    forms.open_form("link", person.id, 0, {})
    path = f"/session/invitation?{urlencode({'code': secret})}"
    forms.get_form("link").values = {"name": person.name, "email": person.email, "link": session.absolute_url(path)}


def activate(context: PageContext, row: Staff) -> None:
    if row.is_active:
        forms.add_message(f"{row.name} can sign in already.")
        return
    undo.run(
        f"{row.name} can sign in again.",
        lambda s: staff.activate(s, context.actor, row.id, seen_version=row.version),
        lambda person, s: staff.deactivate(s, context.actor, row.id, seen_version=person.version),
    )


def deactivate(context: PageContext) -> None:
    form = forms.get_form("deactivation")
    assert form.id is not None
    person_id = form.id

    def work(s: db.Session) -> tuple[Staff, bool]:
        was_active = staff.get(s, context.actor, person_id).row.is_active
        return staff.deactivate(s, context.actor, person_id), was_active

    done: tuple[Staff, bool] | None = forms.submit(form, work)
    if done is None:
        return
    person, was_active = done
    if not was_active:
        forms.add_message(f"{person.name} was deactivated already.")
        return
    version = person.version
    undo.offer(
        f"{person.name} deactivated. Undo lets them sign in again; tokens and links stay revoked.",
        lambda s: staff.activate(s, context.actor, person_id, seen_version=version),
    )


def render_person_form(form: forms.FormState) -> None:
    assigned = forms.get_page_state(form, PersonFormState).assigned_events
    names = {event.id: event.name for event in context.events} | assigned
    labels = text.unique_labels({event_id: (name, str(event_id)[-6:]) for event_id, name in names.items()})
    with st.form("person_form", border=False):
        forms.render_required_note()
        st.text_input("Name", key=form.key("name"), placeholder="Ana Ruiz")
        forms.render_problem(form, "name")
        if form.id is None:
            st.text_input("E-mail address", key=form.key("email"), placeholder="ana@example.org")
            provider = text.escape_markdown(settings.load().only_provider or "")
            next_step = f"They sign in with {provider}." if provider else "You'll get a link to share."
            forms.render_hint(f"We don't send e-mail. {next_step}")
            forms.render_problem(form, "email")
        st.radio("Role", list(ROLE_LABELS), key=form.key("role"), format_func=ROLE_LABELS.__getitem__)
        forms.render_problem(form, "role")
        st.multiselect(
            "Events (optional)",
            list(labels),
            key=form.key("events"),
            format_func=labels.__getitem__,
            placeholder="Choose events",
        )
        forms.render_problem(form, "events")
        forms.render_submit("Invite" if form.id is None else "Save person", form, partial(save, context))


def render_link(form: forms.FormState) -> None:
    """Ask whether to create a link, then show it."""
    name, email = text.escape_markdown(form.values["name"]), text.escape_markdown(form.values["email"])
    if form.values["link"] is not None:
        st.markdown(
            f"Share this link with **{name}** ({email}). We don't send e-mail, and the link won't be shown again."
        )
        st.code(form.values["link"], language=None, wrap_lines=True)
        days = invitations.LINK_LIFETIME.days
        forms.render_hint(f"It works once, for {days} days. Anyone who has it can choose the password.")
        st.button("I have copied it", type="primary", on_click=forms.close_form, args=("link",))
        return
    if form.refusal:
        st.button("Close", on_click=forms.close_form, args=("link",))
        return
    st.markdown(
        f"{name} can choose a new password with a new link. Older links stop working now; the current password works "
        "until the new link is used."
    )
    with st.container(horizontal=True):
        on_create = forms.skip_if_closed(form, partial(create_link, context))
        st.button("Create link", type="primary", icon=":material/link:", on_click=on_create)
        st.button("Cancel", on_click=forms.close_form, args=("link",))


def render_deactivation(form: forms.FormState) -> None:
    name = text.escape_markdown(form.values["name"])
    forms.render_deletion(
        form,
        f"{name} loses access from the next click: sessions end, and tokens and links never work again. What they did "
        "stays in the audit log under their name. You can activate the account again.",
        partial(deactivate, context),
        "Deactivate",
        ":material/block:",
    )


def render_sessions(form: forms.FormState) -> None:
    st.markdown(f"Active sessions of **{text.escape_markdown(form.values['name'])}**:")
    assert form.id is not None
    session_list.render(context, form.id)
    st.button("Close", on_click=forms.close_form, args=("sessions",))


def build_row(person: staff.StaffDetails, zone: str) -> Row:
    """Return the row of a person: who it is, what they may do where, and when they were here."""
    row, state = person.row, person.state
    return Row(
        row.id,
        row.name,
        build_icon("shield_person" if row.role == "admin" else "person"),
        (Figure(row.role.capitalize()), Figure(*format_last_seen(person, zone))),
        (STATE_BADGES[state],) if state in STATE_BADGES else (),
        f"{row.email} · {format_events(person)}",
        is_off=state == "deactivated",
    )


def render_rows(context: PageContext, people: list[staff.StaffDetails], zone: str) -> None:
    with list_rows.render_list("staff", "Person", TITLES, is_editable=True):
        for person in people:
            label = f"Edit {text.escape_markdown(person.row.name)}"
            with list_rows.render_row(build_row(person, zone), TITLES, label, start_edit, context, person.row.id):
                render_menu(context, person)


def render_menu(context: PageContext, person: staff.StaffDetails) -> None:
    row = person.row
    is_own = row.id == context.actor.staff_id
    links = [] if settings.load().only_provider else ["New link"]
    choices = ["Edit", *links, "Sessions", *([] if is_own else ["Deactivate"])]
    entries = choices if row.is_active else ["Edit", "Activate"]
    list_rows.render_menu(text.escape_markdown(row.name), entries, row.id, handle_menu_choice, context, row.id)


def format_events(person: staff.StaffDetails) -> str:
    """Return the names of a person's latest events, and how many more there are."""
    if person.row.role == "admin":
        return "All events"
    names = list(person.events.values())
    more = len(names) - MAX_EVENTS_SHOWN
    return ", ".join(names[:MAX_EVENTS_SHOWN]) + (f" and {more} more" if more > 0 else "") or "No events yet"


def format_last_seen(person: staff.StaffDetails, zone: str) -> tuple[str, str]:
    """Return the last visit, or until when the invitation is valid, and a line below it."""
    if person.state == "invited" and person.link_expires_at:
        return "never", f"link until {text.format_datetime(person.link_expires_at, zone)}"
    return (text.format_datetime(person.last_seen_at, zone) if person.last_seen_at else "never"), ""


def reset_page() -> None:
    """Go back to the first page of the list after a new search."""
    st.session_state.pop("staff_page", None)


def render_list(context: PageContext, zone: str) -> None:
    search = st.session_state.get("staff_search", "")
    with db.read_session() as s:
        people, total = paging.load(
            "staff_page", lambda page: staff.list_page(s, context.actor, search=search, page=page, per_page=PER_PAGE)
        )
    zone_name = text.escape_markdown(text.format_zone_city(zone))
    count = text.format_count(total, "person", "people")
    actions = render_header("Staff", subtitle=f"{count} · {zone_name} time")
    actions.button("Invite", icon=":material/person_add:", type="primary", on_click=open_new_form)
    if search or total > 5:
        st.text_input(
            "Find by name or e-mail address", key="staff_search", persist_state="session", on_change=reset_page
        )
    if not total:
        st.markdown(f"No results for “{text.escape_markdown(search)}”.")
    else:
        render_rows(context, people, zone)
    paging.render("staff_page", total, PER_PAGE)


zone = session.browser_time_zone()
render_list(context, zone)
forms.render_dialog("person", "Invite", "Edit person", render_person_form, zone)
forms.render_dialog("link", "Link", "Link", render_link, zone, width="medium")
forms.render_dialog("deactivation", "Deactivate", "Deactivate", render_deactivation, zone)
forms.render_dialog("sessions", "Sessions", "Sessions", render_sessions, zone, width="medium")

"""Who works here: for admins, who invite, change, put out and let in again."""

import uuid
from dataclasses import dataclass, field
from urllib.parse import urlencode

import streamlit as st

from ticketing import db
from ticketing.access import invitations, staff
from ticketing.validation import validate
from ui import session, text
from ui.account import session_list
from ui.runtime import outage
from ui.widgets import forms, paging
from ui.widgets.page_header import render_header

context = session.require("administer")
ZONE = session.browser_time_zone()
PER_PAGE = 20
ROLE_LABELS = {
    "admin": "Admin: everything, in all events",
    "coordinator": "Coordinator: everything in the events below",
    "viewer": "Viewer: looks at the events below, changes nothing",
}
STATE_BADGES = {
    "invited": ("Invited", ":material/mail:", "blue"),
    "link_expired": ("Link expired", ":material/link_off:", "orange"),
    "deactivated": ("Deactivated", ":material/block:", "gray"),
}
MAX_EVENTS_SHOWN = 3


@dataclass
class PersonFormState:
    """The names of the events that the edited person was assigned to when the form was opened, by id."""

    assigned_events: dict[uuid.UUID, str] = field(default_factory=dict)


def open_new_form() -> None:
    forms.open_form("person", None, 0, {"name": "", "email": "", "role": "coordinator", "events": []})


@outage.keep_page_on_outage()
def handle_menu_choice(person_id: uuid.UUID) -> None:
    """What was picked in a person's menu."""
    picked = st.session_state[f"menu_{person_id}"]
    with db.read_session() as s:
        person = staff.get(s, context.actor, person_id)
    row = person.row
    if picked == "Edit":
        values = {"name": row.name, "role": row.role, "events": list(person.events)}
        forms.open_form("person", row.id, row.version, values)
        form = forms.find_form("person")
        forms.get_page_state(form, PersonFormState).assigned_events = dict(person.events)
    elif picked == "Activate":
        forms.attempt(lambda s: staff.activate(s, context.actor, row.id), f"{row.name} can sign in again.")
    else:
        kind = {"New link": "link", "Sessions": "sessions", "Deactivate": "deactivation"}[picked]
        forms.open_form(kind, row.id, row.version, {})
        forms.find_form(kind).values = {"name": row.name, "email": row.email, "link": None}


def save() -> None:
    form = forms.find_form("person")
    if form.id is None:
        typed = form.typed()
        draft = {name: typed[name] for name in ("name", "email", "role")}
        made = forms.submit(
            form,
            lambda s: staff.invite(s, context.actor, validate(staff.InvitationDraft, draft), event_ids=typed["events"]),
        )
        if made:
            open_link_dialog(*made)
        return
    changes = form.changed_values()
    now = set(changes.pop("events", form.values["events"]))
    before = set(form.values["events"])
    forms.submit(
        form,
        lambda s: staff.update(
            s, context.actor, form.id, changes, seen_version=form.version, assign=now - before, unassign=before - now
        ),
        lambda row: f"{row.name} is saved.",
    )


def create_link() -> None:
    form = forms.find_form("link")
    made = forms.submit(form, lambda s: staff.create_invitation_link(s, context.actor, form.id))
    if made:
        open_link_dialog(*made)


def open_link_dialog(person, secret: str) -> None:
    """Opens the dialog with the link; what it holds is gone when that is closed."""
    forms.open_form("link", person.id, 0, {})
    path = f"/session/invitation?{urlencode({'code': secret})}"
    forms.find_form("link").values = {"name": person.name, "email": person.email, "link": session.absolute_url(path)}


def deactivate() -> None:
    form = forms.find_form("deactivation")
    forms.submit(form, lambda s: staff.deactivate(s, context.actor, form.id), f"{form.values['name']} is deactivated.")


def render_person_form(form: forms.FormState) -> None:
    assigned = forms.get_page_state(form, PersonFormState).assigned_events
    names = {event.id: event.name for event in context.events} | assigned
    labels = text.unique_labels({event_id: (name, str(event_id)[-6:]) for event_id, name in names.items()})
    with st.form("person_form", border=False, enter_to_submit=False):
        st.text_input("Name", key=form.key("name"), placeholder="Ana Ruiz")
        forms.render_problem(form.problems, "name")
        if form.id is None:
            st.text_input("E-mail address", key=form.key("email"), placeholder="ana@example.org")
            forms.render_hint("They sign in with it. Nothing is sent there: you get a link to hand over.")
            forms.render_problem(form.problems, "email")
        st.radio("Role", list(ROLE_LABELS), key=form.key("role"), format_func=ROLE_LABELS.get)
        forms.render_problem(form.problems, "role")
        st.multiselect(
            "Events", list(labels), key=form.key("events"), format_func=labels.get, placeholder="Choose events"
        )
        forms.render_problem(form.problems, "events")
        forms.render_submit("Invite" if form.id is None else "Save person", form, save)


def render_link(form: forms.FormState) -> None:
    name, email = text.escape_markdown(form.values["name"]), text.escape_markdown(form.values["email"])
    if form.values["link"] is None:
        if form.refusal:
            st.button("Close", on_click=forms.close_form, args=("link",))
            return
        st.markdown(
            f"With a new link {name} chooses a new password. Older links open nothing any more; the present password "
            "stays until the link is used."
        )
        with st.container(horizontal=True):
            st.button(
                "Make link", type="primary", icon=":material/link:", on_click=forms.skip_if_closed(form, create_link)
            )
            st.button("Cancel", on_click=forms.close_form, args=("link",))
        return
    st.markdown(f"Hand this link to **{name}** ({email}). Nothing is sent by itself, and it is shown this once.")
    st.code(form.values["link"], language=None, wrap_lines=True)
    forms.render_hint(
        f"It is valid for {invitations.LINK_LIFETIME.days} days, once. Whoever has it chooses the password."
    )
    st.button("I have copied it", type="primary", on_click=forms.close_form, args=("link",))


def render_deactivation(form: forms.FormState) -> None:
    name = text.escape_markdown(form.values["name"])
    forms.render_deletion(
        form,
        f"{name} is out at the next click: sessions end, and tokens and links never work again. What they did stays on "
        "record under their name. The account can be activated again.",
        deactivate,
        "Deactivate",
        ":material/block:",
        "Keep active",
    )


def render_sessions(form: forms.FormState) -> None:
    st.markdown(f"Where **{text.escape_markdown(form.values['name'])}** is signed in:")
    session_list.render(context, form.id)
    st.button("Close", on_click=forms.close_form, args=("sessions",))


def render_card(person: staff.StaffDetails) -> None:
    row, state = person.row, person.state
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{text.escape_markdown(row.name)}**", width="content")
                st.badge(
                    row.role.capitalize(),
                    icon=":material/shield_person:" if row.role == "admin" else None,
                    color="gray",
                )
                if state in STATE_BADGES:
                    label, icon, color = STATE_BADGES[state]
                    st.badge(label, icon=icon, color=color)
            st.markdown(" · ".join(list_details(person)))
            forms.render_hint(format_events(person))
        is_me = row.id == context.actor.staff_id
        entries = ["Edit", "New link", "Sessions", *([] if is_me else ["Deactivate"])]
        st.menu_button(
            "Actions", entries if row.is_active else ["Edit", "Activate"], key=f"menu_{row.id}", on_click=handle_menu_choice,
            args=(row.id,),
        )  # fmt: skip


def format_events(person: staff.StaffDetails) -> str:
    """Where they work: the names of the latest events, and how many more."""
    if person.row.role == "admin":
        return "All events"
    names = [text.escape_markdown(name) for name in person.events.values()]
    more = len(names) - MAX_EVENTS_SHOWN
    return ", ".join(names[:MAX_EVENTS_SHOWN]) + (f" and {more} more" if more > 0 else "") or "No event yet"


def list_details(person: staff.StaffDetails) -> list[str]:
    """Their address, and what is known of their coming in."""
    said = [text.escape_markdown(person.row.email)]
    if person.state == "invited":
        said.append(f"link valid until {text.escape_markdown(text.format_datetime(person.link_expires_at, ZONE))}")
    elif person.last_seen_at:
        said.append(f"last seen {text.escape_markdown(text.format_datetime(person.last_seen_at, ZONE))}")
    elif person.state == "active":
        said.append("never seen")
    return said


def reset_page() -> None:
    st.session_state.pop("staff_page", None)


search = st.session_state.get("staff_search", "")
with db.read_session() as s:
    rows, total = paging.load(
        "staff_page", lambda page: staff.list_page(s, context.actor, search=search, page=page, per_page=PER_PAGE)
    )

actions = render_header(
    "Staff",
    subtitle=f"{text.format_count(total, 'person', 'people')} · times of {text.escape_markdown(text.format_zone_city(ZONE))}",
)
actions.button("Invite", icon=":material/person_add:", type="primary", on_click=open_new_form)

if search or total > 5:
    st.text_input("Find by name or e-mail address", key="staff_search", persist_state="session", on_change=reset_page)
if not total:
    st.markdown(f"Nobody has “{text.escape_markdown(search)}” in name or address.")
for person in rows:
    render_card(person)
paging.render("staff_page", total, PER_PAGE)

forms.render_dialog("person", "Invite", "Edit person", render_person_form, ZONE)
forms.render_dialog("link", "Link", "Link", render_link, ZONE, width="medium")
forms.render_dialog("deactivation", "Deactivate", "Deactivate", render_deactivation, ZONE)
forms.render_dialog("sessions", "Sessions", "Sessions", render_sessions, ZONE, width="medium")

"""Who works here: for admins, who invite, change, put out and let in again."""

import uuid
from urllib.parse import urlencode

import streamlit as st

from ticketing import db
from ticketing.access import invitations, staff
from ticketing.validation import validated
from ui import session, text
from ui.account import session_list
from ui.runtime import outage
from ui.widgets import forms, paging
from ui.widgets.page_header import show_header

here = session.require("administer")
ZONE = session.own_zone()
PER_PAGE = 20
ROLES = {
    "admin": "Admin: everything, in all events",
    "coordinator": "Coordinator: everything in the events below",
    "viewer": "Viewer: looks at the events below, changes nothing",
}
STATES = {
    "invited": ("Invited", ":material/mail:", "blue"),
    "link_expired": ("Link expired", ":material/link_off:", "orange"),
    "deactivated": ("Deactivated", ":material/block:", "gray"),
}
EVENTS_NAMED = 3


def start_new() -> None:
    forms.open_form("person", None, 0, {"name": "", "email": "", "role": "coordinator", "events": []})


@outage.page_kept()
def choose(person_id: uuid.UUID) -> None:
    """What was picked in a person's menu."""
    picked = st.session_state[f"menu_{person_id}"]
    with db.reading() as s:
        person = staff.get(s, here.actor, person_id)
    row = person.row
    if picked == "Edit":
        values = {"name": row.name, "role": row.role, "events": list(person.events)}
        forms.open_form("person", row.id, row.version, values)
        forms.opened("person").asked = [{event.id: event.name for event in here.events} | dict(person.events)]
    elif picked == "Activate":
        forms.attempt(lambda s: staff.activate(s, here.actor, row.id), f"{row.name} can sign in again.")
    else:
        kind = {"New link": "link", "Sessions": "sessions", "Deactivate": "deactivation"}[picked]
        forms.open_form(kind, row.id, row.version, {})
        forms.opened(kind).values = {"name": row.name, "email": row.email, "link": None}


def save() -> None:
    form = forms.opened("person")
    if form.id is None:
        typed = form.typed()
        draft = {name: typed[name] for name in ("name", "email", "role")}
        made = forms.submit(
            form,
            lambda s: staff.invite(s, here.actor, validated(staff.InvitationDraft, draft), event_ids=typed["events"]),
        )
        if made:
            show_link(*made)
        return
    changes = form.changed()
    now = set(changes.pop("events", form.values["events"]))
    before = set(form.values["events"])
    forms.submit(
        form,
        lambda s: staff.change(
            s, here.actor, form.id, changes, seen_version=form.version, assign=now - before, unassign=before - now
        ),
        lambda row: f"{row.name} is saved.",
    )


def make_link() -> None:
    form = forms.opened("link")
    made = forms.submit(form, lambda s: staff.make_link(s, here.actor, form.id))
    if made:
        show_link(*made)


def show_link(person, secret: str) -> None:
    """Opens the dialog with the link; what it holds is gone when that is closed."""
    forms.open_form("link", person.id, 0, {})
    path = f"/session/invitation?{urlencode({'code': secret})}"
    forms.opened("link").values = {"name": person.name, "email": person.email, "link": session.address(path)}


def deactivate() -> None:
    form = forms.opened("deactivation")
    forms.submit(form, lambda s: staff.deactivate(s, here.actor, form.id), f"{form.values['name']} is deactivated.")


def person_form(form: forms.Opened) -> None:
    names = form.asked[0] if form.asked else {event.id: event.name for event in here.events}
    labels = text.told_apart({event_id: (name, str(event_id)[-6:]) for event_id, name in names.items()})
    with st.form("person_form", border=False, enter_to_submit=False):
        st.text_input("Name", key=form.key("name"), placeholder="Ana Ruiz")
        forms.show_problem(form.problems, "name")
        if form.id is None:
            st.text_input("E-mail address", key=form.key("email"), placeholder="ana@example.org")
            forms.hint("They sign in with it. Nothing is sent there: you get a link to hand over.")
            forms.show_problem(form.problems, "email")
        st.radio("Role", list(ROLES), key=form.key("role"), format_func=ROLES.get)
        forms.show_problem(form.problems, "role")
        st.multiselect(
            "Events", list(labels), key=form.key("events"), format_func=labels.get, placeholder="Choose events"
        )
        forms.show_problem(form.problems, "events")
        forms.show_submit("Invite" if form.id is None else "Save person", form, save)


def link(form: forms.Opened) -> None:
    name, email = text.md(form.values["name"]), text.md(form.values["email"])
    if form.values["link"] is None:
        if form.refusal:
            st.button("Close", on_click=forms.close_form, args=("link",))
            return
        st.markdown(
            f"With a new link {name} chooses a new password. Older links open nothing any more; the present password "
            "stays until the link is used."
        )
        with st.container(horizontal=True):
            st.button("Make link", type="primary", icon=":material/link:", on_click=forms.while_open(form, make_link))
            st.button("Cancel", on_click=forms.close_form, args=("link",))
        return
    st.markdown(f"Hand this link to **{name}** ({email}). Nothing is sent by itself, and it is shown this once.")
    st.code(form.values["link"], language=None, wrap_lines=True)
    forms.hint(f"It is valid for {invitations.VALID_FOR.days} days, once. Whoever has it chooses the password.")
    st.button("I have copied it", type="primary", on_click=forms.close_form, args=("link",))


def deactivation(form: forms.Opened) -> None:
    name = text.md(form.values["name"])
    forms.show_deletion(
        form,
        f"{name} is out at the next click: sessions end, and tokens and links never work again. What they did stays on "
        "record under their name. The account can be activated again.",
        deactivate,
        "Deactivate",
        ":material/block:",
        "Keep active",
    )


def sessions_of(form: forms.Opened) -> None:
    st.markdown(f"Where **{text.md(form.values['name'])}** is signed in:")
    session_list.show(here, form.id)
    st.button("Close", on_click=forms.close_form, args=("sessions",))


def card(person: staff.Person) -> None:
    row, state = person.row, person.state
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{text.md(row.name)}**", width="content")
                st.badge(
                    row.role.capitalize(),
                    icon=":material/shield_person:" if row.role == "admin" else None,
                    color="gray",
                )
                if state in STATES:
                    label, icon, color = STATES[state]
                    st.badge(label, icon=icon, color=color)
            st.markdown(" · ".join(details(person)))
            forms.hint(events_of(person))
        is_me = row.id == here.actor.staff_id
        entries = ["Edit", "New link", "Sessions", *([] if is_me else ["Deactivate"])]
        st.menu_button(
            "Actions", entries if row.is_active else ["Edit", "Activate"], key=f"menu_{row.id}", on_click=choose,
            args=(row.id,),
        )  # fmt: skip


def events_of(person: staff.Person) -> str:
    """Where they work: the names of the latest events, and how many more."""
    if person.row.role == "admin":
        return "All events"
    names = [text.md(name) for name in person.events.values()]
    more = len(names) - EVENTS_NAMED
    return ", ".join(names[:EVENTS_NAMED]) + (f" and {more} more" if more > 0 else "") or "No event yet"


def details(person: staff.Person) -> list[str]:
    """Their address, and what is known of their coming in."""
    said = [text.md(person.row.email)]
    if person.state == "invited":
        said.append(f"link valid until {text.md(text.moment(person.link_expires_at, ZONE))}")
    elif person.last_seen_at:
        said.append(f"last seen {text.md(text.moment(person.last_seen_at, ZONE))}")
    elif person.state == "active":
        said.append("never seen")
    return said


def first_page() -> None:
    st.session_state.pop("staff_page", None)


search = st.session_state.get("staff_search", "")
with db.reading() as s:
    rows, total = paging.load(
        "staff_page", lambda page: staff.list_page(s, here.actor, search=search, page=page, per_page=PER_PAGE)
    )

actions = show_header(
    "Staff", line=f"{text.count(total, 'person', 'people')} · times of {text.md(text.zone_city(ZONE))}"
)
actions.button("Invite", icon=":material/person_add:", type="primary", on_click=start_new)

if search or total > 5:
    st.text_input("Find by name or e-mail address", key="staff_search", persist_state="session", on_change=first_page)
if not total:
    st.markdown(f"Nobody has “{text.md(search)}” in name or address.")
for person in rows:
    card(person)
paging.show("staff_page", total, PER_PAGE)

forms.show_dialog("person", "Invite", "Edit person", person_form, ZONE)
forms.show_dialog("link", "Link", "Link", link, ZONE, width="medium")
forms.show_dialog("deactivation", "Deactivate", "Deactivate", deactivation, ZONE)
forms.show_dialog("sessions", "Sessions", "Sessions", sessions_of, ZONE, width="medium")

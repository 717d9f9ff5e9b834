"""One's own account: who one is here, the password, and where one is signed in."""

import streamlit as st

from ticketing import db
from ticketing.access import sign_in
from ticketing.validation import validated
from ui import session, text
from ui.account import session_list
from ui.widgets import forms
from ui.widgets.page_header import show_header

here = session.require()
MEANING = {
    "admin": "everything, in all events",
    "coordinator": "everything in the events you are assigned to",
    "viewer": "looks at the events you are assigned to, and changes nothing",
}


def start_change() -> None:
    forms.open_form("password", None, 0, {"current": "", "password": ""})


def change() -> None:
    form = forms.opened("password")
    forms.submit(
        form,
        lambda s: sign_in.change_password(s, here.actor, validated(sign_in.PasswordDraft, form.typed())),
        lambda ended: "Your password is changed." + (" You are signed out everywhere else." if ended else ""),
        counted=lambda s: sign_in.count_password_check(s, here.actor),
    )


def password_form(form: forms.Opened) -> None:
    with st.form("password_form", border=False, enter_to_submit=True):
        st.text_input("Present password", type="password", key=form.key("current"), autocomplete="current-password")
        forms.show_problem(form.problems, "current")
        st.text_input("New password", type="password", key=form.key("password"), autocomplete="new-password")
        forms.hint("At least 10 characters. Everywhere else you are signed out.")
        forms.show_problem(form.problems, "password")
        forms.show_submit("Change password", form, change)


with db.reading() as s:
    has_password = sign_in.has_password(s, here.actor)

actions = show_header("Your account", line=text.md(here.actor.email))
if has_password:
    actions.button("Change password", icon=":material/lock:", on_click=start_change)

with st.container(border=True):
    st.markdown(f"**{text.md(here.actor.name)}**")
    st.markdown(f"{here.actor.role.capitalize()}: {MEANING[here.actor.role]}.")
    forms.hint(f"Name, role and events are changed {'under Staff' if here.may('administer') else 'by an admin'}.")
    if not has_password:
        st.markdown("You sign in without a password, so there is none to change.")

st.subheader("Where you are signed in", anchor=False)
forms.hint(f"Times of {text.md(text.zone_city(session.own_zone()))}. A session ends by itself after 14 days.")
session_list.show(here, here.actor.staff_id)

forms.show_dialog("password", "Change password", "Change password", password_form, session.own_zone())

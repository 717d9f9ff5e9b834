"""One's own account: who one is here, the password, and where one is signed in."""

import streamlit as st

from ticketing import db
from ticketing.access import sign_in
from ticketing.validation import validate
from ui import session, text
from ui.account import session_list
from ui.widgets import forms
from ui.widgets.page_header import render_header

context = session.require()
ROLE_DESCRIPTIONS = {
    "admin": "everything, in all events",
    "coordinator": "everything in the events you are assigned to",
    "viewer": "looks at the events you are assigned to, and changes nothing",
}


def open_password_form() -> None:
    forms.open_form("password", None, 0, {"current": "", "password": ""})


def change_password() -> None:
    form = forms.find_form("password")
    forms.submit(
        form,
        lambda s: sign_in.change_password(s, context.actor, validate(sign_in.PasswordDraft, form.typed())),
        lambda ended: "Your password is changed." + (" You are signed out everywhere else." if ended else ""),
        count_attempt=lambda s: sign_in.count_password_check(s, context.actor),
    )


def render_password_form(form: forms.FormState) -> None:
    with st.form("password_form", border=False, enter_to_submit=True):
        st.text_input("Present password", type="password", key=form.key("current"), autocomplete="current-password")
        forms.render_problem(form.problems, "current")
        st.text_input("New password", type="password", key=form.key("password"), autocomplete="new-password")
        forms.render_hint("At least 10 characters. Everywhere else you are signed out.")
        forms.render_problem(form.problems, "password")
        forms.render_submit("Change password", form, change_password)


with db.read_session() as s:
    has_password = sign_in.has_password(s, context.actor)

actions = render_header("Your account", subtitle=text.escape_markdown(context.actor.email))
if has_password:
    actions.button("Change password", icon=":material/lock:", on_click=open_password_form)

with st.container(border=True):
    st.markdown(f"**{text.escape_markdown(context.actor.name)}**")
    st.markdown(f"{context.actor.role.capitalize()}: {ROLE_DESCRIPTIONS[context.actor.role]}.")
    forms.render_hint(
        f"Name, role and events are changed {'under Staff' if context.is_allowed('administer') else 'by an admin'}."
    )
    if not has_password:
        st.markdown("You sign in without a password, so there is none to change.")

st.subheader("Where you are signed in", anchor=False)
forms.render_hint(
    f"Times of {text.escape_markdown(text.format_zone_city(session.browser_time_zone()))}. A session ends by itself after 14 days."
)
session_list.render(context, context.actor.staff_id)

forms.render_dialog("password", "Change password", "Change password", render_password_form, session.browser_time_zone())

"""Account page: the user's own role, password and sessions."""

from functools import partial

import streamlit as st

from ticketing import db, settings
from ticketing.access import sign_in
from ticketing.validation import validate
from ui import session, text
from ui.account import session_list
from ui.session import PageContext
from ui.widgets import forms
from ui.widgets.page_header import render_header

context = session.require()
ROLE_DESCRIPTIONS = {
    "admin": "everything, in all events",
    "coordinator": "everything in the events you are assigned to",
    "viewer": "looks at the events you are assigned to, and changes nothing",
}


def open_password_form() -> None:
    forms.open_form("password", None, 0, {"current": "", "password": "", "revoke_tokens": False})


def change_password(context: PageContext) -> None:
    form = forms.get_form("password")
    forms.submit(
        form,
        lambda s: sign_in.change_password(s, context.actor, validate(sign_in.PasswordDraft, form.typed())),
        describe_change,
        count_attempt=lambda s: sign_in.count_password_check(s, context.actor),
    )


def describe_change(change: sign_in.PasswordChange) -> str:
    signed_out = " You are signed out everywhere else." if change.sessions_ended else ""
    count = change.tokens_revoked
    revoked = f" {text.format_count(count, 'token was', 'tokens were')} revoked." if count else ""
    return f"Password changed.{signed_out}{revoked}"


def render_password_form(form: forms.FormState) -> None:
    with st.form("password_form", border=False, enter_to_submit=True):
        st.text_input("Current password", type="password", key=form.key("current"), autocomplete="current-password")
        forms.render_problem(form, "current")
        st.text_input("New password", type="password", key=form.key("password"), autocomplete="new-password")
        forms.render_hint("At least 10 characters. You will be signed out everywhere else.")
        forms.render_problem(form, "password")
        st.checkbox("Revoke my API tokens too", key=form.key("revoke_tokens"))
        forms.render_hint("Do so if somebody may know your password: programs that use your tokens then stop.")
        forms.render_submit("Change password", form, partial(change_password, context))


def render_account(context: PageContext) -> None:
    with db.read_session() as s:
        has_password = sign_in.has_password(s, context.actor)
    actions = render_header("Your account", subtitle=text.escape_markdown(context.actor.email))
    if has_password:
        actions.button("Change password", icon=":material/lock:", on_click=open_password_form)
    with st.container(border=True):
        st.markdown(f"**{text.escape_markdown(context.actor.name)}**")
        st.markdown(f"{context.actor.role.capitalize()}: {ROLE_DESCRIPTIONS[context.actor.role]}.")
        if context.is_allowed("administer"):
            forms.render_hint("Change name, role and events under Staff.")
        else:
            forms.render_hint("Ask an admin to change name, role or events.")
        if not has_password:
            st.markdown("You sign in without a password, so there is none to change.")


def render_sessions(context: PageContext, zone: str) -> None:
    st.header("Active sessions", anchor=False)
    zone_name = text.escape_markdown(text.format_zone_city(zone))
    hours = settings.load().admin_idle_hours if context.actor.role == "admin" else settings.load().idle_hours
    idle = f", or {text.format_count(hours, 'hour')} without a click" if hours < sign_in.SESSION_DAYS * 24 else ""
    forms.render_hint(
        f"Sessions end after {sign_in.SESSION_DAYS} days{idle}. Times are in your local time ({zone_name})."
    )
    assert context.actor.staff_id is not None
    session_list.render(context, context.actor.staff_id)


zone = session.browser_time_zone()
render_account(context)
render_sessions(context, zone)
forms.render_dialog("password", "Change password", "Change password", render_password_form, zone)

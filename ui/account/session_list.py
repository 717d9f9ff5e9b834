"""The list of a person's open sessions, with a button to end each: one's own, and for admins those of others."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import streamlit as st

from ticketing import db
from ticketing.access import sessions
from ticketing.models import SignInSession
from ui import session, text
from ui.account import user_agent
from ui.session import PageContext
from ui.widgets import forms

SIGN_IN_METHOD_LABELS = {
    "password": "by password",
    "openid": "by OpenID Connect",
    "invitation": "by an invitation",
    "first_run": "at first run",
}


def render(context: PageContext, staff_id: uuid.UUID) -> None:
    """Render the list, last used first. The current session has no button, since that is "Sign out"."""
    if st.session_state.get("messages"):  # in a dialog only the dialog was rerun, and the page shows messages
        st.rerun()
    with db.read_session() as s:
        rows = sessions.list_open(s, context.actor, staff_id)
    if not rows:
        st.markdown("No active sessions.")
    for row in rows:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(_format_session(context, row), width="stretch")
            if row.id != context.actor.session_id:
                st.button("End", key=f"end_{row.id}", on_click=_end, args=(context, row))
    _render_end_all(context, staff_id, rows)


def _render_end_all(context: PageContext, staff_id: uuid.UUID, rows: Sequence[SignInSession]) -> None:
    others = [row for row in rows if row.id != context.actor.session_id]
    if len(others) > 1:
        label = "End all others" if len(others) < len(rows) else "End all"
        st.button(label, icon=":material/logout:", key="end_all_sessions", on_click=_end_all, args=(context, staff_id))


def _format_session(context: PageContext, row: SignInSession) -> str:
    zone = session.browser_time_zone()
    badge = " · :green-badge[:material/check: This one]" if row.id == context.actor.session_id else ""
    since, seen = (
        text.escape_markdown(text.format_datetime(timestamp, zone)) for timestamp in (row.created_at, row.last_seen_at)
    )
    details = f":small[:gray[Signed in {since} {SIGN_IN_METHOD_LABELS[row.method]} · last seen {seen}]]"
    return f"**{text.escape_markdown(user_agent.describe(row.user_agent))}**{badge}  \n{details}"


def _end(context: PageContext, row: SignInSession) -> None:
    message = f"{user_agent.describe(row.user_agent)} will be signed out at its next click."
    forms.attempt(lambda s: sessions.end(s, context.actor, row.id), message)


def _end_all(context: PageContext, staff_id: uuid.UUID) -> None:
    forms.attempt(
        lambda s: sessions.end_all(s, context.actor, staff_id), "They will be signed out at their next click."
    )

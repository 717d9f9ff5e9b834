"""The browsers in which somebody is signed in, each with a way to end it: for oneself, and for admins of others."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import streamlit as st

from ticketing import db
from ticketing.access import sessions
from ticketing.models import SignInSession
from ui import session, text
from ui.account import user_agent
from ui.session import Here
from ui.widgets import forms

METHODS = {
    "password": "by password",
    "openid": "by OpenID Connect",
    "invitation": "by an invitation",
    "first_run": "at the first start",
}


def show(here: Here, staff_id: uuid.UUID) -> None:
    """The list, the latest use first. The session of the person who looks has no end here: that is "Sign out"."""
    if st.session_state.get("messages"):  # in a dialog, which alone was drawn again: messages are the page's to show
        st.rerun()
    with db.reading() as s:
        rows = sessions.list_of(s, here.actor, staff_id)
    if not rows:
        st.markdown("Signed in nowhere.")
    for row in rows:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(_line(here, row), width="stretch")
            if row.id != here.actor.session_id:
                st.button("End", key=f"end_{row.id}", on_click=_end, args=(here, row))
    _show_end_all(here, staff_id, rows)


def _show_end_all(here: Here, staff_id: uuid.UUID, rows: Sequence[SignInSession]) -> None:
    others = [row for row in rows if row.id != here.actor.session_id]
    if len(others) > 1:
        label = "End all others" if len(others) < len(rows) else "End all"
        st.button(label, icon=":material/logout:", key="end_all_sessions", on_click=_end_all, args=(here, staff_id))


def _line(here: Here, row: SignInSession) -> str:
    zone = session.own_zone()
    this = " · :green-badge[:material/check: This one]" if row.id == here.actor.session_id else ""
    since, seen = (text.md(text.moment(when, zone)) for when in (row.created_at, row.last_seen_at))
    details = f":small[:gray[Signed in {since} {METHODS[row.method]} · last seen {seen}]]"
    return f"**{text.md(user_agent.in_words(row.user_agent))}**{this}  \n{details}"


def _end(here: Here, row: SignInSession) -> None:
    ended = f"{user_agent.in_words(row.user_agent)} is signed out at its next click."
    forms.attempt(lambda s: sessions.end(s, here.actor, row.id), ended)


def _end_all(here: Here, staff_id: uuid.UUID) -> None:
    forms.attempt(lambda s: sessions.end_all(s, here.actor, staff_id), "They are signed out at the next click.")

"""API tokens: made once, shown once, with their last use, and revoked for good."""

import shlex
import uuid
from datetime import UTC, datetime, timedelta

import streamlit as st

from ticketing import db
from ticketing.access import api_tokens
from ticketing.validation import validated
from ui import session, text
from ui.widgets import forms, paging
from ui.widgets.page_header import show_header

here = session.require()
ZONE = session.own_zone()
PER_PAGE = 20
LIVES = {"Never": None, "In 30 days": 30, "In 90 days": 90, "In a year": 365}


def start_new() -> None:
    forms.open_form("token", None, 0, {"name": "", "expires": "Never"})


def create() -> None:
    form = forms.opened("token")
    typed = form.typed()
    days = LIVES[typed["expires"]]
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    values = {"name": typed["name"], "expires_at": expires_at}
    secret = forms.submit(
        form,
        lambda s: api_tokens.create(s, here.actor, validated(api_tokens.TokenDraft, values), email=here.actor.email),
    )
    if secret:
        forms.open_form("token_made", None, 0, {})
        forms.opened("token_made").values = {"name": typed["name"].strip(), "secret": secret}


def start_revoking(token_id: uuid.UUID, name: str) -> None:
    forms.open_form("token_revocation", token_id, 0, {"name": name})


def revoke() -> None:
    form = forms.opened("token_revocation")
    forms.submit(form, lambda s: api_tokens.revoke(s, here.actor, form.id), f"{form.values['name']} is revoked.")


def token_form(form: forms.Opened) -> None:
    with st.form("token_form", border=False, enter_to_submit=False):
        st.text_input("What it is for", key=form.key("name"), placeholder="Donor site")
        forms.show_problem(form.problems, "name")
        st.selectbox("Expires", list(LIVES), key=form.key("expires"))
        forms.hint(f"It may do what you may: your role here is {here.actor.role}.")
        forms.show_submit("Make token", form, create)


def made(form: forms.Opened) -> None:
    """The secret, which nobody can see again once this is closed."""
    secret = form.values["secret"]
    st.markdown(f"**{text.md(form.values['name'])}** is made. Copy it now: it is shown this once.")
    st.code(secret, language=None, wrap_lines=True)
    st.markdown("Programs send it with each request:")
    address = shlex.quote(session.address("/api/v1/admin/events"))
    st.code(f'curl -H "Authorization: Bearer {secret}" {address}', language=None, wrap_lines=True)
    st.button("I have copied it", type="primary", on_click=forms.close_form, args=("token_made",))


def revocation(form: forms.Opened) -> None:
    name = text.md(form.values["name"])
    sentence = f"Programs that use {name} are refused from their next request on. A revoked token never works again."
    forms.show_deletion(form, sentence, revoke, "Revoke for good", ":material/block:")


def state_of(token) -> str:
    if token.revoked_at:
        return "revoked"
    return "expired" if token.expires_at and token.expires_at <= datetime.now(UTC) else "works"


def line(token, owner) -> str:
    said = [f"made {when(token.created_at)}"]
    said.append(f"last used {when(token.last_used_at)}" if token.last_used_at else "never used")
    if token.revoked_at:
        said.append(f"revoked {when(token.revoked_at)}")
    elif token.expires_at:
        said.append(f"{'expired' if state_of(token) == 'expired' else 'expires'} {when(token.expires_at)}")
    whose = [] if owner.id == here.actor.staff_id else [text.md(owner.name)]
    return " · ".join([*whose, *said])


def when(moment: datetime) -> str:
    return text.md(text.moment(moment, ZONE))


with db.reading() as s:
    rows, total = paging.load(
        "tokens_page", lambda page: api_tokens.list_page(s, here.actor, page=page, per_page=PER_PAGE)
    )

whose = "Everybody's" if here.may("administer") else "Yours"
actions = show_header("Tokens", line=f"{whose} · [what programs do with them](/api/docs)")
actions.button("New token", icon=":material/add:", type="primary", on_click=start_new)

if not total:
    with st.container(border=True):
        st.subheader("No tokens yet", anchor=False)
        st.markdown("A token lets a program, such as the site that sells to donors, act for you over HTTP.")

for token, owner in rows:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap="xsmall"):
            state = state_of(token)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{text.md(token.name)}**", width="content")
                if state != "works":
                    st.badge(state.capitalize(), icon=":material/block:", color="gray")
            st.markdown(line(token, owner))
        if state == "works":
            st.button("Revoke", key=f"revoke_{token.id}", on_click=start_revoking, args=(token.id, token.name))
paging.show("tokens_page", total, PER_PAGE)
if total:
    forms.hint(f"Times of {text.md(text.zone_city(ZONE))}. A token's use is noted once a minute.")

forms.show_dialog("token", "New token", "New token", token_form, ZONE)
forms.show_dialog("token_made", "New token", "New token", made, ZONE, width="medium")
forms.show_dialog("token_revocation", "Revoke token", "Revoke token", revocation, ZONE)

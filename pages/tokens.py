"""API tokens: made once, shown once, with their last use, and revoked for good."""

import shlex
import uuid
from datetime import UTC, datetime, timedelta

import streamlit as st

from ticketing import db
from ticketing.access import api_tokens
from ticketing.validation import validate
from ui import session, text
from ui.widgets import forms, paging
from ui.widgets.page_header import render_header

context = session.require()
ZONE = session.browser_time_zone()
PER_PAGE = 20
EXPIRY_DAYS = {"Never": None, "In 30 days": 30, "In 90 days": 90, "In a year": 365}


def open_new_form() -> None:
    forms.open_form("token", None, 0, {"name": "", "expires": "Never"})


def create() -> None:
    form = forms.find_form("token")
    typed = form.typed()
    days = EXPIRY_DAYS[typed["expires"]]
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    values = {"name": typed["name"], "expires_at": expires_at}
    secret = forms.submit(
        form,
        lambda s: api_tokens.create(
            s, context.actor, validate(api_tokens.TokenDraft, values), email=context.actor.email
        ),
    )
    if secret:
        forms.open_form("token_made", None, 0, {})
        forms.find_form("token_made").values = {"name": typed["name"].strip(), "secret": secret}


def open_revoke_form(token_id: uuid.UUID, name: str) -> None:
    forms.open_form("token_revocation", token_id, 0, {"name": name})


def revoke() -> None:
    form = forms.find_form("token_revocation")
    forms.submit(form, lambda s: api_tokens.revoke(s, context.actor, form.id), f"{form.values['name']} is revoked.")


def render_token_form(form: forms.FormState) -> None:
    with st.form("token_form", border=False, enter_to_submit=False):
        st.text_input("What it is for", key=form.key("name"), placeholder="Donor site")
        forms.render_problem(form.problems, "name")
        st.selectbox("Expires", list(EXPIRY_DAYS), key=form.key("expires"))
        forms.render_hint(f"It may do what you may: your role here is {context.actor.role}.")
        forms.render_submit("Make token", form, create)


def render_created_token(form: forms.FormState) -> None:
    """The secret, which nobody can see again once this is closed."""
    secret = form.values["secret"]
    st.markdown(f"**{text.escape_markdown(form.values['name'])}** is made. Copy it now: it is shown this once.")
    st.code(secret, language=None, wrap_lines=True)
    st.markdown("Programs send it with each request:")
    address = shlex.quote(session.absolute_url("/api/v1/admin/events"))
    st.code(f'curl -H "Authorization: Bearer {secret}" {address}', language=None, wrap_lines=True)
    st.button("I have copied it", type="primary", on_click=forms.close_form, args=("token_made",))


def render_revocation(form: forms.FormState) -> None:
    name = text.escape_markdown(form.values["name"])
    sentence = f"Programs that use {name} are refused from their next request on. A revoked token never works again."
    forms.render_deletion(form, sentence, revoke, "Revoke for good", ":material/block:")


def get_state(token) -> str:
    if token.revoked_at:
        return "revoked"
    return "expired" if token.expires_at and token.expires_at <= datetime.now(UTC) else "works"


def format_token(token, owner) -> str:
    said = [f"made {format_moment(token.created_at)}"]
    said.append(f"last used {format_moment(token.last_used_at)}" if token.last_used_at else "never used")
    if token.revoked_at:
        said.append(f"revoked {format_moment(token.revoked_at)}")
    elif token.expires_at:
        said.append(f"{'expired' if get_state(token) == 'expired' else 'expires'} {format_moment(token.expires_at)}")
    whose = [] if owner.id == context.actor.staff_id else [text.escape_markdown(owner.name)]
    return " · ".join([*whose, *said])


def format_moment(moment: datetime) -> str:
    return text.escape_markdown(text.format_datetime(moment, ZONE))


with db.read_session() as s:
    rows, total = paging.load(
        "tokens_page", lambda page: api_tokens.list_page(s, context.actor, page=page, per_page=PER_PAGE)
    )

whose = "Everybody's" if context.is_allowed("administer") else "Yours"
actions = render_header("Tokens", subtitle=f"{whose} · [what programs do with them](/api/docs)")
actions.button("New token", icon=":material/add:", type="primary", on_click=open_new_form)

if not total:
    with st.container(border=True):
        st.subheader("No tokens yet", anchor=False)
        st.markdown("A token lets a program, such as the site that sells to donors, act for you over HTTP.")

for token, owner in rows:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap="xsmall"):
            state = get_state(token)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{text.escape_markdown(token.name)}**", width="content")
                if state != "works":
                    st.badge(state.capitalize(), icon=":material/block:", color="gray")
            st.markdown(format_token(token, owner))
        if state == "works":
            st.button("Revoke", key=f"revoke_{token.id}", on_click=open_revoke_form, args=(token.id, token.name))
paging.render("tokens_page", total, PER_PAGE)
if total:
    forms.render_hint(
        f"Times of {text.escape_markdown(text.format_zone_city(ZONE))}. A token's use is noted once a minute."
    )

forms.render_dialog("token", "New token", "New token", render_token_form, ZONE)
forms.render_dialog("token_made", "New token", "New token", render_created_token, ZONE, width="medium")
forms.render_dialog("token_revocation", "Revoke token", "Revoke token", render_revocation, ZONE)

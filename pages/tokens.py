"""API tokens page: create a token, which is shown once, see its last use, and revoke it."""

import shlex
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import streamlit as st

from ticketing import db
from ticketing.access import api_tokens
from ticketing.access.api_tokens import ApiToken
from ticketing.access.staff import Staff
from ticketing.validation import validate
from ui import session, text
from ui.session import PageContext
from ui.widgets import forms, paging
from ui.widgets.page_header import render_header

context = session.require()
PER_PAGE = 20
EXPIRY_DAYS = {"Never": None, "In 30 days": 30, "In 90 days": 90, "In a year": 365}


def open_new_form() -> None:
    forms.open_form("token", None, 0, {"name": "", "expires": "Never"})


def create(context: PageContext) -> None:
    form = forms.get_form("token")
    values = form.typed()
    days = EXPIRY_DAYS[values["expires"]]
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    draft = {"name": values["name"], "expires_at": expires_at}
    secret = forms.submit(
        form,
        lambda s: api_tokens.create(
            s, context.actor, validate(api_tokens.TokenDraft, draft), email=context.actor.email
        ),
    )
    if secret:
        forms.open_form("created_token", None, 0, {})
        forms.get_form("created_token").values = {"name": values["name"].strip(), "secret": secret}


def open_revoke_form(token_id: uuid.UUID, name: str) -> None:
    forms.open_form("token_revocation", token_id, 0, {"name": name})


def revoke(context: PageContext) -> None:
    form = forms.get_form("token_revocation")
    assert form.id is not None
    token_id = form.id
    forms.submit(form, lambda s: api_tokens.revoke(s, context.actor, token_id), f"{form.values['name']} revoked.")


def render_token_form(form: forms.FormState) -> None:
    with st.form("token_form", border=False, enter_to_submit=False):
        st.text_input("What it is for", key=form.key("name"), placeholder="Donor site")
        forms.render_problem(form.problems, "name")
        st.selectbox("Expires", list(EXPIRY_DAYS), key=form.key("expires"))
        forms.render_hint(f"This token has your permissions ({context.actor.role}).")
        forms.render_submit("Create token", form, partial(create, context))


def render_created_token(form: forms.FormState) -> None:
    """Show the secret, which cannot be shown again once the dialog is closed."""
    secret = form.values["secret"]
    st.markdown(f"**{text.escape_markdown(form.values['name'])}** created. Copy it now: it won't be shown again.")
    st.code(secret, language=None, wrap_lines=True)
    st.markdown("Programs send it with each request:")
    url = shlex.quote(session.absolute_url("/api/v1/admin/events"))
    st.code(f'curl -H "Authorization: Bearer {secret}" {url}', language=None, wrap_lines=True)
    st.button("I have copied it", type="primary", on_click=forms.close_form, args=("created_token",))


def render_revocation(form: forms.FormState) -> None:
    name = text.escape_markdown(form.values["name"])
    sentence = f"Programs that use {name} lose access from their next request. A revoked token never works again."
    forms.render_deletion(form, sentence, partial(revoke, context), "Revoke for good", ":material/block:")


def get_state(token: ApiToken) -> str:
    if token.revoked_at:
        return "revoked"
    return "expired" if token.expires_at and token.expires_at <= datetime.now(UTC) else "active"


def format_token(context: PageContext, token: ApiToken, owner: Staff, zone: str) -> str:
    """Return the owner, if it is another person, and when the token was created and used, and ends or ended."""

    def format_time(timestamp: datetime) -> str:
        return text.escape_markdown(text.format_datetime(timestamp, zone))

    parts = [] if owner.id == context.actor.staff_id else [text.escape_markdown(owner.name)]
    parts.append(f"created {format_time(token.created_at)}")
    parts.append(f"last used {format_time(token.last_used_at)}" if token.last_used_at else "never used")
    if token.revoked_at:
        parts.append(f"revoked {format_time(token.revoked_at)}")
    elif token.expires_at:
        parts.append(f"{'expired' if get_state(token) == 'expired' else 'expires'} {format_time(token.expires_at)}")
    return " · ".join(parts)


def render_card(context: PageContext, token: ApiToken, owner: Staff, zone: str) -> None:
    state = get_state(token)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{text.escape_markdown(token.name)}**", width="content")
                if state != "active":
                    st.badge(state.capitalize(), icon=":material/block:", color="gray")
            st.markdown(format_token(context, token, owner, zone))
        if state == "active":
            st.button("Revoke", key=f"revoke_{token.id}", on_click=open_revoke_form, args=(token.id, token.name))


def render_list(context: PageContext, zone: str) -> None:
    with db.read_session() as s:
        rows, total = paging.load(
            "tokens_page", lambda page: api_tokens.list_page(s, context.actor, page=page, per_page=PER_PAGE)
        )
    scope = "All API tokens" if context.is_allowed("administer") else "Your API tokens"
    actions = render_header("API tokens", subtitle=f"{scope} · [API docs](/api/docs)")
    actions.button("New token", icon=":material/add:", type="primary", on_click=open_new_form)
    if not total:
        with st.container(border=True):
            st.subheader("No tokens yet", anchor=False)
            st.markdown("A token lets a program, such as your donor site, act for you through the API.")
    for token, owner in rows:
        render_card(context, token, owner, zone)
    paging.render("tokens_page", total, PER_PAGE)
    if total:
        zone_name = text.escape_markdown(text.format_zone_city(zone))
        forms.render_hint(f"{zone_name} time. The last use is updated once a minute.")


zone = session.browser_time_zone()
render_list(context, zone)
forms.render_dialog("token", "New token", "New token", render_token_form, zone)
forms.render_dialog("created_token", "New token", "New token", render_created_token, zone, width="medium")
forms.render_dialog("token_revocation", "Revoke token", "Revoke token", render_revocation, zone)

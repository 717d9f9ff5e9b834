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
from ui.widgets import forms, list_rows, paging
from ui.widgets.empty_page import render_empty_page
from ui.widgets.list_rows import Badge, Figure, Row, build_icon
from ui.widgets.page_header import render_header

context = session.require()
TITLES = ("Last used", "Ends")
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
    with st.form("token_form", border=False):
        st.text_input("What it is for", key=form.key("name"), placeholder="Donor site")
        forms.render_problem(form, "name")
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


def build_row(context: PageContext, token: ApiToken, owner: Staff, zone: str) -> Row:
    """Return the row of a token: its owner, if it is another person, and when it was created and used, and ends."""
    state = get_state(token)
    used = text.format_datetime(token.last_used_at, zone) if token.last_used_at else "never"
    end = token.revoked_at or token.expires_at
    about = [] if owner.id == context.actor.staff_id else [owner.name]
    return Row(
        token.id,
        token.name,
        build_icon("key" if state == "active" else "key_off"),
        (Figure(used), Figure(text.format_datetime(end, zone) if end else "never", state if end else "")),
        () if state == "active" else (Badge(state.capitalize(), "block"),),
        " · ".join([*about, f"created {text.format_datetime(token.created_at, zone)}"]),
        is_off=state != "active",
    )


def render_rows(context: PageContext, rows: list[tuple[ApiToken, Staff]], zone: str) -> None:
    with list_rows.render_list("tokens", "Token", TITLES, is_editable=True):
        for token, owner in rows:
            with list_rows.render_row(build_row(context, token, owner, zone), TITLES):
                if get_state(token) == "active":
                    args = (token.id, token.name)
                    st.button("Revoke", key=f"revoke_{token.id}", on_click=open_revoke_form, args=args)


def render_list(context: PageContext, zone: str) -> None:
    with db.read_session() as s:
        rows, total = paging.load(
            "tokens_page", lambda page: api_tokens.list_page(s, context.actor, page=page, per_page=PER_PAGE)
        )
    scope = "All API tokens" if context.is_allowed("administer") else "Your API tokens"
    actions = render_header("API tokens", subtitle=f"{scope} · [API docs](/api/docs)")
    if total:
        actions.button("New token", icon=":material/add:", type="primary", on_click=open_new_form)
        render_rows(context, rows, zone)
    else:
        sentence = "A token lets a program, such as your donor site, act for you through the API."
        with render_empty_page("No tokens yet", sentence, "staff"):
            st.button("New token", icon=":material/add:", type="primary", on_click=open_new_form)
    paging.render("tokens_page", total, PER_PAGE)
    if total:
        zone_name = text.escape_markdown(text.format_zone_city(zone))
        forms.render_hint(f"{zone_name} time. The last use is updated once a minute.")


zone = session.browser_time_zone()
render_list(context, zone)
forms.render_dialog("token", "New token", "New token", render_token_form, zone)
forms.render_dialog("created_token", "New token", "New token", render_created_token, zone, width="medium")
forms.render_dialog("token_revocation", "Revoke token", "Revoke token", render_revocation, zone)

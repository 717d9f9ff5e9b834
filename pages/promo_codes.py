"""Promo codes: how each stands, what it gave, and what it would do to a purchase."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import db, money
from ticketing.catalog import packages, promo_code_check, promo_codes
from ticketing.errors import RateLimited, TicketingError, Unavailable
from ticketing.validation import validate
from ui import session, text
from ui.audit import history
from ui.runtime import outage
from ui.widgets import forms, paging
from ui.widgets.page_header import render_header

context, event = session.require_event()
ZONE = ZoneInfo(event.time_zone)
PER_PAGE = 20
TYPES = ("percentage", "fixed_amount")
EMPTY = {
    "code": "", "discount_type": "percentage", "discount_value": "", "expires_at": None, "max_total_uses": None,
    "max_uses_per_donor": None, "is_active": True,
}  # fmt: skip
STATES = {
    "off": ("Off", ":material/pause_circle:", "gray"),
    "expired": ("Expired", ":material/event_busy:", "red"),
    "used_up": ("Used up", ":material/block:", "red"),
    "expires_soon": ("Expires", ":material/schedule:", "orange"),
    "never_used": ("Never used", ":material/radio_button_unchecked:", "blue"),
    "active": ("Active", ":material/check_circle:", "green"),
}


@dataclass
class DryRunState:
    """The last dry run of the form: what was entered, and its result or refusal."""

    inputs: dict[str, object] = field(default_factory=dict)
    result: promo_code_check.DryRunResult | TicketingError | None = None


def start_new() -> None:
    forms.open_form("promo_code", None, 0, EMPTY)


@outage.keep_page_on_outage()
def handle_menu_choice(promo_code_id: uuid.UUID) -> None:
    """What was picked in a card's menu."""
    picked = st.session_state[f"menu_{promo_code_id}"]
    with db.read_session() as s:
        row, _ = promo_codes.get(s, context.actor, event.id, promo_code_id)
        was_used = picked == "Edit" and promo_codes.was_used(s, row)
    if picked == "Edit":
        values = {name: to_widget_value(name, getattr(row, name)) for name in EMPTY}
        forms.open_form("promo_code", row.id, row.version, values, to_widget_value)
        forms.find_form("promo_code").notes = format_used_note(row.current_uses) if was_used else ""
    elif picked == "Delete":
        forms.open_form("promo_code_deletion", row.id, row.version, {"code": row.code})
    elif picked == "Try":
        start_dry_run(row.code)
    elif picked == "History":
        history.open_dialog(row.id, row.code)
    else:
        on = picked == "Switch on"
        forms.attempt(
            lambda s: promo_codes.update(
                s, context.actor, event.id, row.id, {"is_active": on}, seen_version=row.version
            ),
            f"{row.code} is switched {'on' if on else 'off'}.",
        )


def format_used_note(uses: int) -> str:
    """Of a code that was used; none of its uses counts when all of its purchases were voided, refunded or failed."""
    used = f"Used {text.format_count(uses, 'time')}" if uses else "Used by a purchase that counts no more"
    return (
        f"{used}: its code, type and value stay. Limits, expiry and whether it is on apply to purchases from now on; "
        "past purchases keep their discount."
    )


def to_widget_value(name: str, stored: object) -> object:
    """A field's stored value as its widget holds it."""
    if name == "expires_at" and stored is not None:
        moment = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
        return moment.astimezone(ZONE).replace(tzinfo=None)
    if name == "discount_value":
        return money.format_plain(Decimal(str(stored))).removesuffix(".00")
    return stored


def save() -> None:
    form = forms.find_form("promo_code")
    if form.id is None:
        forms.submit(
            form,
            lambda s: promo_codes.create(
                s, context.actor, event.id, validate(promo_codes.PromoCodeDraft, form.typed())
            ),
            lambda row: f"{row.code} is made.",
        )
    else:
        forms.submit(
            form,
            lambda s: promo_codes.update(
                s, context.actor, event.id, form.id, form.changed_values(), seen_version=form.version
            ),
            lambda row: f"{row.code} is saved.",
        )


def delete() -> None:
    form = forms.find_form("promo_code_deletion")
    forms.submit(
        form,
        lambda s: promo_codes.delete(s, context.actor, event.id, form.id),
        f"{form.values['code']} is deleted.",
    )


def render_promo_code_form(form: forms.FormState) -> None:
    fixed = bool(form.notes)
    with st.form("promo_code_form", border=False, enter_to_submit=False):
        st.text_input("Code, 4 to 20 letters and digits", key=form.key("code"), placeholder="EARLY25", disabled=fixed)
        forms.render_problem(form.problems, "code")
        st.segmented_control(
            "Type",
            TYPES,
            key=form.key("discount_type"),
            format_func=text.VALUE_LABELS.get,
            required=True,
            disabled=fixed,
        )
        forms.render_problem(form.problems, "discount_type")
        st.text_input(
            "Value, in percent or US dollars", key=form.key("discount_value"), placeholder="25", disabled=fixed
        )
        forms.render_hint("Taken once per purchase, not per seat.")
        forms.render_problem(form.problems, "discount_value")
        forms.render_datetime_input(
            f"Expires (optional), {text.format_zone_city(event.time_zone)} time", form.key("expires_at")
        )
        forms.render_problem(form.problems, "expires_at")
        unlimited = {"placeholder": "Unlimited", "value": None}
        st.number_input("Limit in all, in purchases (optional)", 1, 10_000, key=form.key("max_total_uses"), **unlimited)
        forms.render_problem(form.problems, "max_total_uses")
        st.number_input(
            "Limit per donor, in purchases (optional)", 1, 100, key=form.key("max_uses_per_donor"), **unlimited
        )
        forms.render_problem(form.problems, "max_uses_per_donor")
        st.toggle("Switched on", key=form.key("is_active"))
        forms.render_submit("Make promo code" if form.id is None else "Save promo code", form, save)


def render_deletion_form(form: forms.FormState) -> None:
    forms.render_deletion(
        form, f"{text.escape_markdown(form.values['code'])} is gone for good. No purchase has used it.", delete
    )


@outage.keep_page_on_outage()
def start_dry_run(code: str = "") -> None:
    with db.read_session() as s:
        first = next(iter(packages.list_names(s, context.actor, event.id)), None)
    forms.open_form("trial", None, 0, {"code": code, "package_id": first, "quantity": 1, "email": "", "moment": None})


def render_dry_run_form(form: forms.FormState) -> None:
    """What every rule would say, and the price; no use of the code is taken."""
    with db.read_session() as s:
        names = packages.list_names(s, context.actor, event.id)
    if not names:
        st.markdown("Make a package first; a code is tried on one.")
        return
    st.text_input("Code", key=form.key("code"), placeholder="EARLY25")
    st.selectbox("Package", list(names), key=form.key("package_id"), format_func=lambda i: names.get(i, ""))
    st.number_input("Quantity, in packages", 1, 10_000, key=form.key("quantity"))
    st.text_input("Donor's e-mail address (optional)", key=form.key("email"))
    forms.render_datetime_input(
        f"Moment (now when empty), {text.format_zone_city(event.time_zone)} time", form.key("moment")
    )
    typed = form.typed()
    if not (typed["code"] or "").strip():
        forms.render_hint("Enter a code to see what each rule says.")
        return
    tried = get_dry_run_result(form, typed)
    if isinstance(tried, TicketingError):
        st.error(text.escape_markdown(str(tried)))
        if isinstance(tried, RateLimited | Unavailable):
            st.button("Try again", icon=":material/refresh:", on_click=retry_dry_run, args=(form,))
        return
    for rule in (*tried.code_rules, *tried.package_rules):
        mark = ":green[:material/check_circle: Pass]" if rule.passed else ":red[:material/cancel: Fail]"
        st.markdown(f"{mark} {text.escape_markdown(rule.sentence)}")
    without = "" if tried.reason is None else ", without the code"
    less = f"{text.format_dollars(tried.quote.list_price)} less {text.format_dollars(tried.quote.discount)}. "
    st.markdown(f"{less if tried.quote.discount else ''}**Total {text.format_dollars(tried.quote.total)}{without}**")


def get_dry_run_result(
    form: forms.FormState, typed: dict[str, object]
) -> promo_code_check.DryRunResult | TicketingError | None:
    """What the trial of what stands in the fields said. Drawn again it is the same trial, and is counted once."""
    state = forms.get_page_state(form, DryRunState)
    if state.inputs == typed:
        return state.result
    try:
        state.result = db.write(
            lambda s: promo_code_check.dry_run(
                s, context.actor, event.id, typed["code"], package_id=typed["package_id"],
                quantity=typed["quantity"] or 1, donor_email=typed["email"] or "", moment=typed["moment"],
            )
        )  # fmt: skip
    except TicketingError as refused:
        state.result = refused
    state.inputs = typed
    return state.result


def retry_dry_run(form: forms.FormState) -> None:
    forms.get_page_state(form, DryRunState).inputs = {}


def render_card(row, total_discount: Decimal, now: datetime) -> None:
    with st.container(border=True, height="stretch", gap="small", key=f"card_{row.id}"):
        with st.container(horizontal=True, vertical_alignment="top", wrap=False):
            with st.container(gap="xsmall"):
                st.subheader(text.escape_markdown(row.code), anchor=False)
                render_state_badge(row, now)
                st.markdown(format_discount(row))
            if context.is_allowed("change"):
                toggle = "Switch off" if row.is_active else "Switch on"
                st.menu_button(
                    "Actions", ["Edit", "Try", "History", toggle, "Delete"], key=f"menu_{row.id}", type="tertiary",
                    on_click=handle_menu_choice, args=(row.id,),
                )  # fmt: skip
        render_uses(row, total_discount)


def render_state_badge(row, now: datetime) -> None:
    state = promo_codes.get_state(row, now)
    label, icon, color = STATES[state]
    if state == "expires_soon":
        days = (row.expires_at.astimezone(ZONE).date() - now.astimezone(ZONE).date()).days
        label = "Expires today" if days == 0 else f"Expires in {text.format_count(days, 'day')}"
    st.badge(label, icon=icon, color=color)


def format_discount(row) -> str:
    if row.discount_type == "percentage":
        return f"{to_widget_value('discount_value', row.discount_value)}% off each purchase"
    return f"{text.format_dollars(row.discount_value)} off each purchase"


def render_uses(row, total_discount: Decimal) -> None:
    """Uses with their unit, what is left, what it gave, and until when."""
    if row.max_total_uses is None:
        st.markdown(f"Used in {text.format_count(row.current_uses, 'purchase')} · unlimited")
    else:
        left = row.max_total_uses - row.current_uses
        told = f"Used in {row.current_uses:,} of {text.format_count(row.max_total_uses, 'purchase')} · {left:,} left"
        with st.container(key=f"{'part' if left else 'full'}_bar_{row.id}"):
            st.progress(row.current_uses / row.max_total_uses, text=told)
    details = [f"{text.format_dollars(total_discount)} given"]
    if row.max_uses_per_donor:
        details.append(f"{text.format_count(row.max_uses_per_donor, 'purchase')} per donor")
    if row.expires_at:
        verb = "expired" if row.expires_at <= datetime.now(UTC) else "expires"
        details.append(f"{verb} {text.escape_markdown(text.format_datetime(row.expires_at, event.time_zone))}")
    st.markdown(" · ".join(details))


with db.read_session() as s:
    rows, total = paging.load(
        "promo_codes_page",
        lambda page: promo_codes.list_page(s, context.actor, event.id, page=page, per_page=PER_PAGE),
    )

actions = render_header("Promo codes", event, text.format_count(total, "code"))
if total:
    actions.button("Try a code", icon=":material/science:", on_click=start_dry_run)
if context.is_allowed("change"):
    actions.button("New promo code", icon=":material/add:", type="primary", on_click=start_new)

if total == 0:
    with st.container(border=True):
        st.subheader("No promo codes yet", anchor=False)
        st.markdown("A promo code takes a percentage or an amount off a purchase. It may expire and may have limits.")

for left in range(0, len(rows), 2):
    for column, (row, given) in zip(st.columns(2), rows[left : left + 2], strict=False):
        with column:
            render_card(row, given, datetime.now(UTC))
paging.render("promo_codes_page", total, PER_PAGE)

forms.render_dialog("promo_code", "New promo code", "Edit promo code", render_promo_code_form, event.time_zone)
forms.render_dialog(
    "promo_code_deletion", "Delete promo code", "Delete promo code", render_deletion_form, event.time_zone
)
forms.render_dialog("trial", "Try a code", "Try a code", render_dry_run_form, event.time_zone)
history.render(context, event)
